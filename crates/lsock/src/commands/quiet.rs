//! `lsock -q`: whether there is such a socket, as the exit status alone: 0 found, 1 nothing found, 2 usage or failure.

use crate::exit::{self, EarlyExit};
use lsock::list_args::ListArgs;
use lsock::{escape, gaps, plan};

/// Ends with the status.
pub(crate) fn run(args: &ListArgs) -> Result<(), EarlyExit> {
    let query = plan::selection(args)?.only_decided(true);
    let snapshot = query.snapshot().map_err(|error| {
        exit::eprint(&escape::escaped(error.to_string().as_bytes()));
        EarlyExit::Undecided
    })?;
    if !snapshot.sockets.is_empty() {
        return Ok(());
    }
    let undecided = snapshot.undecided.len();
    if undecided > 0 {
        let sockets = if undecided == 1 { "socket" } else { "sockets" };
        exit::eprint(&format!(
            "the owners of {undecided} {sockets} are not visible, so one may be meant: run as root"
        ));
        return Err(EarlyExit::Undecided);
    }
    if let Some(what) = gaps::unseen(&snapshot) {
        exit::eprint(&format!("{what} could not be read, so there may be one"));
        return Err(EarlyExit::Undecided);
    }
    Err(EarlyExit::NothingFound)
}
