//! For systems whose kernel reports nothing of sockets by itself.

use crate::model::gap::{Gap, GapKind};
use crate::model::socket::Socket;
use crate::query::Query;
use crate::sys::system::{Report, Reports};
use std::thread;
use std::time::Duration;

/// Nothing to read.
#[derive(Copy, Clone, Debug)]
pub(crate) struct NoReports;

impl Reports for NoReports {
    fn open(_query: &Query) -> Self {
        Self
    }

    fn renew(&mut self, _query: &Query) {}

    fn wait(&mut self, timeout: Duration) {
        thread::sleep(timeout);
    }

    fn read(&mut self, _each: &mut dyn FnMut(Report)) {}

    fn reports_end_of(&self, _row: &Socket) -> bool {
        false
    }

    fn unseen(&self, interval: Duration) -> Vec<Gap> {
        vec![between_listings(interval)]
    }
}

/// What the difference of two listings does not see.
pub(crate) fn between_listings(interval: Duration) -> Gap {
    let source = format!("what lasts less than {interval:?}, from one listing to the next, may be missed");
    Gap::new(GapKind::ChangesUnseen, 1, source)
}
