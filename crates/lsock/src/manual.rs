//! The manual page and the completion scripts, made from the definition of the command line.

use crate::args;
use crate::help::{self, Body};
use clap_complete::Shell;
use std::io::{self, Write};

/// The manual page, in roff.
pub(crate) fn man_page(out: &mut dyn Write) -> io::Result<()> {
    let page = clap_mangen::Man::new(args::command());
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    page.render_synopsis_section(&mut roff)?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
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
