//! `lsock man [COMMAND]`: a manual page in roff, generated from the definition of the command line; on a terminal the same
//! as text.

use crate::cli;
use crate::exit::{self, EarlyExit};
use crate::help::{self, Body};
use crate::reference;
use clap::{Arg, Command};
use lsock::usage::{UsageError, quoted};
use std::io::{self, IsTerminal, Write};

/// Prints the page.
pub(crate) fn run(of: Option<&str>) -> Result<(), EarlyExit> {
    let name = of.unwrap_or("lsock");
    let name = name.strip_prefix("lsock-").unwrap_or(name);
    let is_whole = name == "lsock";
    if !is_whole && reference::find_command(name).is_none() {
        let commands: Vec<_> = cli::command().get_subcommands().map(|it| it.get_name().to_owned()).collect();
        let known = commands.join(", ");
        let line =
            format!("there is no command {}; there are {known}; example: lsock man destroy", quoted(name));
        return Err(UsageError::new(line).into());
    }
    if io::stdout().is_terminal() {
        let text =
            if is_whole { reference::whole() } else { reference::command_help(name).unwrap_or_default() };
        return exit::print(&format!("{}\n", text.trim_end()));
    }
    let page = if is_whole { page() } else { command_page(name) };
    let page = page.map_err(EarlyExit::Output)?;
    exit::print(&String::from_utf8_lossy(&page))
}

/// The page of one command.
fn command_page(name: &str) -> io::Result<Vec<u8>> {
    let mut roff = Vec::new();
    if let Some(command) = reference::find_command(name) {
        let command = command.bin_name(format!("lsock {name}")).version(env!("CARGO_PKG_VERSION"));
        let full: &'static str = match name {
            "overview" => "lsock-overview",
            "why" => "lsock-why",
            "destroy" => "lsock-destroy",
            "watch" => "lsock-watch",
            "top" => "lsock-top",
            "kill" => "lsock-kill",
            "wait" => "lsock-wait",
            "completions" => "lsock-completions",
            "man" => "lsock-man",
            _ => "lsock-help",
        };
        clap_mangen::Man::new(command.name(full)).render(&mut roff)?;
        let own = match name {
            "destroy" => Some("closing"),
            "top" => Some("live"),
            "kill" => Some("ending"),
            "wait" => Some("waiting"),
            _ => None,
        };
        if let Some(own) = own {
            for section in
                help::sections().iter().filter(|section| [own, "filters"].contains(&section.topics[0]))
            {
                push_section(section, &mut roff)?;
            }
        }
    }
    Ok(roff)
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
    for section in &help::sections() {
        push_section(section, &mut roff)?;
    }
    Ok(roff)
}

fn push_section(section: &help::Section, roff: &mut dyn Write) -> io::Result<()> {
    writeln!(roff, ".SH {}", section.heading.to_uppercase())?;
    match &section.body {
        Body::Prose(text) => writeln!(roff, "{}", escaped(text)),
        Body::Code(text) => writeln!(roff, ".nf\n{}\n.fi", escaped(text)),
        Body::Terms(lead, terms) => {
            writeln!(roff, "{}", escaped(lead))?;
            for (term, meaning) in terms {
                writeln!(roff, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(meaning))?;
            }
            Ok(())
        }
    }
}

/// One line for each command. The options are too many to be repeated.
fn synopsis(command: &Command, roff: &mut dyn Write) -> io::Result<()> {
    const REST: &str = "[\\fIOPTIONS\\fR] [\\fIFILTER\\fR]...";
    writeln!(roff, ".SH SYNOPSIS\n\\fBlsock\\fR {REST}")?;
    for it in command.get_subcommands() {
        let value = it.get_positionals().next().and_then(|arg| arg.get_value_names()?.first());
        match value.filter(|value| value.as_str() != "FILTER") {
            Some(value) => writeln!(roff, ".br\n\\fBlsock {}\\fR [\\fI{value}\\fR]", it.get_name())?,
            None => writeln!(roff, ".br\n\\fBlsock {}\\fR {REST}", it.get_name())?,
        }
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
        for arg in it.get_arguments().filter(is_own).filter(|arg| !arg.is_positional()) {
            let names = [
                arg.get_short().map(|short| format!("-{short}")),
                arg.get_long().map(|long| format!("--{long}")),
            ];
            let names: Vec<String> = names.into_iter().flatten().collect();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            writeln!(roff, ".TP\n\\fB{}\\fR\n{}", escaped(&names.join(", ")), escaped(&help))?;
        }
    }
    writeln!(roff, ".PP\nSee CLOSING SOCKETS, ENDING PROCESSES and WAITING below.")
}

/// Text without a meaning to roff, which can be copied from the page unchanged.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\(rs").replace('-', "\\-").replace('\'', "\\(aq");
    let lines: Vec<_> = text.lines().map(|line| format!("\\&{line}")).collect();
    lines.join("\n")
}
