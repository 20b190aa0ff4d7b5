//! What each back end supports, side by side as in the matrix of `PLATFORMS.md`. All of them compile on every system,
//! so that the matrix is compared with all of them everywhere.
#![allow(dead_code, reason = "outside tests each build uses one of them")]

use crate::model::details::DetailFields;
use crate::model::owner::OwnerRole;
use crate::model::process::ProcessFields;
use crate::model::protocol_kind::ProtocolKind;
use crate::model::support::{SocketFields, Support};

pub(crate) const LINUX: Support = Support {
    system: "linux",
    protocols: &[
        ProtocolKind::Tcp,
        ProtocolKind::Udp,
        ProtocolKind::UdpLite,
        ProtocolKind::Icmp,
        ProtocolKind::Raw,
        ProtocolKind::Sctp,
        ProtocolKind::Mptcp,
        ProtocolKind::Unix,
        ProtocolKind::Netlink,
        ProtocolKind::Packet,
        ProtocolKind::Vsock,
        ProtocolKind::Other,
    ],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::UDP_REMOTE)
        .union(SocketFields::STATE)
        .union(SocketFields::QUEUES)
        .union(SocketFields::UID)
        .union(SocketFields::INODE)
        .union(SocketFields::COOKIE)
        .union(SocketFields::INTERFACE)
        .union(SocketFields::V6_ONLY)
        .union(SocketFields::NETNS),
    detail_fields: DetailFields::all(),
    peers: &[
        ProtocolKind::Tcp,
        ProtocolKind::Udp,
        ProtocolKind::UdpLite,
        ProtocolKind::Sctp,
        ProtocolKind::Mptcp,
        ProtocolKind::Unix,
    ],
    owner_roles: &[OwnerRole::Holder],
    all_owners: true,
    process_fields: ProcessFields::all().difference(ProcessFields::SESSION),
};

pub(crate) const WINDOWS: Support = Support {
    system: "windows",
    protocols: &[ProtocolKind::Tcp, ProtocolKind::Udp],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::STATE)
        .union(SocketFields::CREATED)
        .union(SocketFields::SERVICE),
    detail_fields: DetailFields::empty(),
    peers: &[ProtocolKind::Tcp],
    owner_roles: &[OwnerRole::Binder, OwnerRole::EndedBinder],
    all_owners: false,
    process_fields: ProcessFields::NAME
        .union(ProcessFields::PATH)
        .union(ProcessFields::PARENT)
        .union(ProcessFields::USER)
        .union(ProcessFields::START_TIME)
        .union(ProcessFields::SESSION)
        .union(ProcessFields::WORKLOAD),
};

/// What XNU gives, on whichever of Apple's systems.
pub(crate) const MACOS: Support = Support {
    system: "macos",
    protocols: &[ProtocolKind::Tcp, ProtocolKind::Udp, ProtocolKind::Unix],
    socket_fields: SocketFields::TCP_REMOTE
        .union(SocketFields::UDP_REMOTE)
        .union(SocketFields::STATE)
        .union(SocketFields::QUEUES)
        .union(SocketFields::UID)
        .union(SocketFields::HANDLE)
        .union(SocketFields::COOKIE)
        .union(SocketFields::V6_ONLY),
    detail_fields: DetailFields::empty(),
    peers: &[ProtocolKind::Tcp, ProtocolKind::Udp, ProtocolKind::Unix],
    owner_roles: &[OwnerRole::Holder, OwnerRole::LastUser, OwnerRole::Effective],
    all_owners: true,
    process_fields: ProcessFields::NAME
        .union(ProcessFields::PATH)
        .union(ProcessFields::PARENT)
        .union(ProcessFields::UID)
        .union(ProcessFields::USER)
        .union(ProcessFields::START_TIME)
        .union(ProcessFields::WORKLOAD),
};

pub(crate) const UNSUPPORTED: Support = Support {
    system: "unsupported",
    protocols: &[],
    socket_fields: SocketFields::empty(),
    detail_fields: DetailFields::empty(),
    peers: &[],
    owner_roles: &[],
    all_owners: false,
    process_fields: ProcessFields::empty(),
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// What `Support` says, by the names of the rows of the matrix.
    fn promised(support: &Support) -> BTreeMap<String, bool> {
        let mut promised = BTreeMap::from([("all owners".to_owned(), support.all_owners)]);
        for (name, field) in SocketFields::all().iter_names() {
            promised.insert(name.to_owned(), support.socket_fields.contains(field));
        }
        for (name, field) in DetailFields::all().iter_names() {
            promised.insert(format!("detail {name}"), support.detail_fields.contains(field));
        }
        for kind in [ProtocolKind::Tcp, ProtocolKind::Udp, ProtocolKind::Unix] {
            promised.insert(format!("peer {kind}"), support.peers.contains(&kind));
        }
        for (name, field) in ProcessFields::all().iter_names() {
            promised.insert(format!("process {name}"), support.process_fields.contains(field));
        }
        promised
    }

    #[test]
    fn matrix_of_platforms_says_of_every_system_what_it_promises() {
        let text = include_str!("../../PLATFORMS.md");
        let cells = |line: &'static str| -> Vec<&'static str> {
            line.trim_matches('|').split('|').map(str::trim).collect()
        };
        let mut lines = text.lines().skip_while(|line| !line.starts_with("| field |"));
        let systems =
            cells(lines.next().expect("PLATFORMS.md is a symbolic link: git config core.symlinks true"));
        let rows: Vec<_> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();

        let all = [LINUX, WINDOWS, MACOS, UNSUPPORTED];
        assert_eq!(systems[1..], all.each_ref().map(|support| support.system));
        for (column, support) in (1..).zip(&all) {
            let stated: BTreeMap<String, bool> = rows
                .iter()
                .map(|row| {
                    assert!(matches!(row[column], "yes" | "-"), "{row:?}");
                    (row[0].to_owned(), row[column] == "yes")
                })
                .collect();
            assert_eq!(stated, promised(support), "{}", support.system);
        }
        // The matrix has no row for these, and there is no listing that could show them.
        assert!(UNSUPPORTED.protocols.is_empty() && UNSUPPORTED.owner_roles.is_empty());
    }
}
