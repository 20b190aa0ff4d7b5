//! What the public types promise, held by the compiler.

use crate::filter::Filter;
use crate::lister::Lister;
use crate::model::counts::Counts;
use crate::model::error::Error;
use crate::model::event::Event;
use crate::model::gap::Gap;
use crate::model::process::Process;
use crate::model::process_id::ProcessId;
use crate::model::snapshot::Snapshot;
use crate::model::socket::Socket;
use crate::model::socket_key::SocketKey;
use crate::query::Query;
use crate::watch::Watcher;

/// They may be sent to other threads, shared between them, and kept.
const _: fn() = || {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    assert_send_sync::<Socket>();
    assert_send_sync::<SocketKey>();
    assert_send_sync::<Process>();
    assert_send_sync::<ProcessId>();
    assert_send_sync::<Snapshot>();
    assert_send_sync::<Counts>();
    assert_send_sync::<Gap>();
    assert_send_sync::<Error>();
    assert_send_sync::<Query>();
    assert_send_sync::<Filter>();
    assert_send_sync::<Lister>();
    assert_send_sync::<Event>();
    assert_send_sync::<Watcher>();
};

/// A hundred thousand rows are some 18 MB; each byte more is a tenth of one.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use crate::model::endpoint::Endpoint;
    use crate::model::family::Family;
    use crate::model::identity::NetnsId;
    use crate::model::owner::{Owner, Owners};
    use crate::model::protocol::Protocol;
    use crate::model::queues::Queues;
    use crate::model::state::State;
    use std::net::SocketAddr;

    assert!(size_of::<Socket>() <= 192);
    // As large as an address: a wider end costs nothing.
    assert!(size_of::<Endpoint>() == size_of::<SocketAddr>());
    assert!(size_of::<Option<Endpoint>>() == size_of::<SocketAddr>());
    assert!(size_of::<Protocol>() == 4 && size_of::<Family>() == 4 && size_of::<State>() == 2);
    assert!(size_of::<Queues>() <= 16 && size_of::<Option<Queues>>() == size_of::<Queues>());
    assert!(size_of::<Owner>() == 16 && size_of::<Owners>() == 24);
    assert!(size_of::<Option<NetnsId>>() == 8);
};
