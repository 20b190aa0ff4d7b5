//! Where the rows of one table go.

use crate::model::details::DetailFields;
use crate::model::socket::Socket;
use std::ops::ControlFlow;

/// Where the rows of one table go.
pub(crate) struct Rows<'a> {
    sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>,
    /// What is wanted beyond rows.
    pub(crate) details: DetailFields,
    /// How many rows the sink has.
    pub(crate) pushed: u64,
    /// Records that were not understood.
    pub(crate) skipped: u64,
    /// The sink wants no more rows.
    pub(crate) stopped: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(details: DetailFields, sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>) -> Self {
        Self { sink, details, pushed: 0, skipped: 0, stopped: false }
    }

    /// Hands a row to the sink, which returns `Break` to end the listing.
    pub(crate) fn push(&mut self, row: Socket) -> ControlFlow<()> {
        self.pushed += 1;
        let flow = (self.sink)(row);
        self.stopped = flow.is_break();
        flow
    }
}
