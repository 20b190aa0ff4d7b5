//! What each back end supports, side by side as in the matrix of `PLATFORMS.md`. All of them compile on every system,
//! so that the matrix is compared with all of them everywhere.
#![allow(dead_code, reason = "outside tests each build uses one of them")]

use crate::model::details::DetailFields;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::socket::Protocol;
use crate::model::support::{SocketFields, Support};

pub(crate) const LINUX: Support = Support {
    system: "linux",
    protocols: &[Protocol::Tcp, Protocol::Udp],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::UDP_REMOTE)
        .union(SocketFields::STATE)
        .union(SocketFields::QUEUES)
        .union(SocketFields::UID)
        .union(SocketFields::INODE)
        .union(SocketFields::COOKIE)
        .union(SocketFields::INTERFACE)
        .union(SocketFields::V6_ONLY),
    detail_fields: DetailFields::all(),
    owner_roles: &[OwnerRole::Holder],
    all_owners: true,
    process_fields: ProcessFields::all().difference(ProcessFields::SESSION),
};

pub(crate) const WINDOWS: Support = Support {
    system: "windows",
    protocols: &[Protocol::Tcp, Protocol::Udp],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::STATE)
        .union(SocketFields::CREATED)
        .union(SocketFields::SERVICE),
    detail_fields: DetailFields::empty(),
    owner_roles: &[OwnerRole::Binder, OwnerRole::EndedBinder],
    all_owners: false,
    process_fields: ProcessFields::NAME
        .union(ProcessFields::PATH)
        .union(ProcessFields::PARENT)
        .union(ProcessFields::USER)
        .union(ProcessFields::START_TIME)
        .union(ProcessFields::SESSION),
};

/// What XNU gives, on whichever of Apple's systems.
pub(crate) const MACOS: Support = Support {
    system: "macos",
    protocols: &[Protocol::Tcp, Protocol::Udp],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::UDP_REMOTE)
        .union(SocketFields::STATE)
        .union(SocketFields::QUEUES)
        .union(SocketFields::UID)
        .union(SocketFields::HANDLE)
        .union(SocketFields::COOKIE)
        .union(SocketFields::V6_ONLY),
    detail_fields: DetailFields::empty(),
    owner_roles: &[OwnerRole::Holder, OwnerRole::LastUser, OwnerRole::Effective],
    all_owners: true,
    process_fields: ProcessFields::NAME
        .union(ProcessFields::PATH)
        .union(ProcessFields::PARENT)
        .union(ProcessFields::UID)
        .union(ProcessFields::USER)
        .union(ProcessFields::START_TIME),
};

pub(crate) const UNSUPPORTED: Support = Support {
    system: "unsupported",
    protocols: &[],
    socket_fields: SocketFields::empty(),
    detail_fields: DetailFields::empty(),
    owner_roles: &[],
    all_owners: false,
    process_fields: ProcessFields::empty(),
};
