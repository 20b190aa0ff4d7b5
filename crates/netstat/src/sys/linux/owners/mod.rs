//! Who holds which socket.

pub(super) mod walk;

use super::procfs::Proc;
use crate::query::Query;

pub(super) type OwnerSearch = walk::Search<Proc>;

impl OwnerSearch {
    pub(super) fn new(query: &Query) -> Self {
        Self::over(Proc::open(), &query.filter.pids())
    }
}
