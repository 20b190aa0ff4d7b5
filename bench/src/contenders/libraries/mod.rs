//! The calls of each library, ours and its peers.

pub(super) mod listeners;
pub(super) mod netsock;
pub(super) mod netstat;
pub(super) mod netstat2;
pub(super) mod procfs;
