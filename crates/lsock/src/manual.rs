//! The manual page and the completion scripts, made from the definition of the command line.

use crate::args;
use crate::help::{self, Body};
use clap::{Arg, Command};
use clap_complete::Shell;
use std::io::{self, Write};

/// The manual page, in roff.
pub(crate) fn man_page(out: &mut dyn Write) -> io::Result<()> {
    let command = args::command();
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
    out.write_all(&roff)?;
    out.flush()
}

/// Each form of the command line. The options are too many to be repeated.
fn synopsis(command: &Command, roff: &mut dyn Write) -> io::Result<()> {
    const REST: &str = "[\\fIOPTIONS\\fR] [\\fIFILTER\\fR]...";
    writeln!(roff, ".SH SYNOPSIS\n\\fBlsock\\fR {REST}")?;
    for it in command.get_subcommands() {
        writeln!(roff, ".br\n\\fBlsock {}\\fR {REST}", it.get_name())?;
    }
    Ok(())
}

/// What can be done but list, with the options that the listing does not have.
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

/// The completion script of a shell.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    // Into memory first: the generator panics when its output fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "lsock", &mut script);
    out.write_all(&script)?;
    out.flush()
}

/// Text that roff takes for nothing but text, and that can be copied from the page as it was.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq");
    let lines: Vec<_> = text.lines().map(|line| format!("\\&{line}")).collect();
    lines.join("\n")
}
