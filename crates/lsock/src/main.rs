//! Lists the network sockets of this machine and the processes that hold them.
//!
//! From the command line to the screen: `args` is what was typed, `plan` (with `typed`) what it means, the library answers,
//! `order` sorts, `view` looks up names once, `render` writes. `columns` is the one table of what can be shown.

mod args;
mod columns;
mod destroy;
mod digits;
mod elsewhere;
mod exit;
mod gaps;
mod help;
mod manual;
mod order;
mod plan;
mod processors;
mod render;
mod states;
mod text;
mod time;
mod typed;
mod users;
mod view;

use crate::args::{Args, Command};
use crate::exit::Stop;
use crate::plan::{Format, Plan};
use crate::users::Users;
use crate::view::View;
use netstat::Lister;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<(), Stop> {
    let args = Args::from_command_line()?;
    if let Some(shell) = args.completions {
        return manual::completions(shell, &mut io::stdout().lock()).map_err(Stop::Output);
    }
    if args.man {
        return manual::man_page(&mut io::stdout().lock()).map_err(Stop::Output);
    }

    if let Some(Command::Destroy(what)) = &args.command {
        return destroy::run(what);
    }
    let plan = plan::plan(&args)?;
    let users = Users::of_system();
    // Never freed one by one: the end of the program frees it all at once.
    let mut lister = ManuallyDrop::new(Lister::new());
    let snapshot = ManuallyDrop::new(lister.snapshot(&plan.query).map_err(Stop::Listing)?);
    let view = View::new(&snapshot, &users);
    let rows = order::sorted(&view, &plan.sort);
    write(&plan, &view, &rows).map_err(Stop::Output)?;
    if let Some(line) = gaps::line(&snapshot, plan.owner_source) {
        exit::complain(&line);
    }
    Ok(())
}

fn write(plan: &Plan, view: &View<'_>, rows: &[&netstat::Socket]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if plan.format == Format::Table && plan.color.wanted() {
        // Passes everything through, after telling a console that has to be told.
        let mut out = anstream::AutoStream::always(out);
        render::write(plan, true, view, rows, &mut out)?;
        return out.flush();
    }
    render::write(plan, false, view, rows, &mut out)?;
    out.flush()
}
