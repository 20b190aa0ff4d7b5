//! The descriptor of a [`Watcher`], which only this system has.

use crate::watch::Watcher;
use std::os::fd::BorrowedFd;

impl Watcher {
    /// A descriptor that becomes readable when the kernel has reported something: for programs with an event loop of their own
    /// (poll, epoll, `tokio::io::unix::AsyncFd`), which then call `wait(Duration::ZERO)`, as they do when [`Watcher::due`]
    /// has passed. Nothing else may be done with it, and it may be another one after a call of `wait`.
    ///
    /// `None` where the kernel reports nothing: a sandbox that refuses such sockets, a query for other network namespaces.
    /// Linux.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.reports().descriptor()
    }
}
