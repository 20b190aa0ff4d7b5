//! `lsock --man`: the manual page in roff, generated from the definition of the command line.

use crate::cli;
use crate::exit::EarlyExit;
use crate::help::{self, Body};
use clap::{Arg, Command};
use std::io::{self, Write};

/// Prints the page.
pub(crate) fn run() -> Result<(), EarlyExit> {
    let page = page().map_err(EarlyExit::Output)?;
    let mut out = io::stdout().lock();
    out.write_all(&page).and_then(|()| out.flush()).map_err(EarlyExit::Output)
}

fn page() -> io::Result<Vec<u8>> {
    let command = cli::command();
    let page = clap_mangen::Man::new(command.clone());
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    synopsis(&command, &mut roff)?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    commands(&command, &mut roff)?;
    for section in help::sections() {
        writeln!(roff, ".SH {}", section.heading.to_uppercase())?;
        match section.body {
            Body::Prose(text) => writeln!(roff, "{}", escaped(&text))?,
            Body::Code(text) => writeln!(roff, ".nf\n{}\n.fi", escaped(text))?,
            Body::Terms(lead, terms) => {
                writeln!(roff, "{}", escaped(lead))?;
                for (term, meaning) in terms {
                    writeln!(roff, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(meaning))?;
                }
            }
        }
    }
    Ok(roff)
}

/// One line for each command. The options are too many to be repeated.
fn synopsis(command: &Command, roff: &mut dyn Write) -> io::Result<()> {
    const REST: &str = "[\\fIOPTIONS\\fR] [\\fIFILTER\\fR]...";
    writeln!(roff, ".SH SYNOPSIS\n\\fBlsock\\fR {REST}")?;
    for it in command.get_subcommands() {
        writeln!(roff, ".br\n\\fBlsock {}\\fR {REST}", it.get_name())?;
    }
    Ok(())
}

/// The commands beside the listing, with the options that the listing does not have.
fn commands(command: &Command, roff: &mut dyn Write) -> io::Result<()> {
    writeln!(roff, ".SH COMMANDS")?;
    for it in command.get_subcommands() {
        writeln!(roff, ".TP\n\\fBlsock {}\\fR", it.get_name())?;
        let about = it.get_long_about().or(it.get_about());
        writeln!(roff, "{}", escaped(&about.map(ToString::to_string).unwrap_or_default()))?;
        let is_own = |arg: &&Arg| command.get_arguments().all(|of_list| of_list.get_id() != arg.get_id());
        for arg in it.get_arguments().filter(is_own) {
            let names = [
                arg.get_short().map(|short| format!("-{short}")),
                arg.get_long().map(|long| format!("--{long}")),
            ];
            let names: Vec<String> = names.into_iter().flatten().collect();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            writeln!(roff, ".TP\n\\fB{}\\fR\n{}", escaped(&names.join(", ")), escaped(&help))?;
        }
    }
    writeln!(roff, ".PP\nSee CLOSING SOCKETS below.")
}

/// Text without a meaning to roff, which can be copied from the page unchanged.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq");
    let lines: Vec<_> = text.lines().map(|line| format!("\\&{line}")).collect();
    lines.join("\n")
}
