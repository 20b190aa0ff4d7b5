//! Where the rows of one table go.

use crate::model::details::DetailFields;
use crate::model::socket::Socket;
use std::ops::ControlFlow;

/// Where the rows of one table go.
pub(crate) struct Rows<'a> {
    sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>,
    /// What is wanted beyond rows.
    pub(crate) details: DetailFields,
    pub(crate) told: u64,
    /// Records that were not understood.
    pub(crate) skipped: u64,
    pub(crate) broken_off: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(details: DetailFields, sink: &'a mut dyn FnMut(Socket) -> ControlFlow<()>) -> Self {
        Self { sink, details, told: 0, skipped: 0, broken_off: false }
    }

    pub(crate) fn tell(&mut self, row: Socket) -> ControlFlow<()> {
        self.told += 1;
        let flow = (self.sink)(row);
        self.broken_off = flow.is_break();
        flow
    }
}
