//! Where the members are that only rows need.

use super::super::refused::Refused;
use super::super::types::{Name, Types};
use super::offsets::as_operand;
use netstat_wire::linux::btf::{Kind, TypeId};

/// Where the members are that only rows need.
#[derive(Copy, Clone, Debug)]
pub(super) struct RowOffsets {
    /// `tcp_sock` and `udp_sock`.
    pub(super) tcp: i32,
    pub(super) udp: i32,
    pub(super) state: i32,
    pub(super) interface: i32,
    pub(super) remote_port: i32,
    pub(super) local_v4: i32,
    pub(super) remote_v4: i32,
    /// `None`: a kernel without IPv6.
    pub(super) v6: Option<V6>,
    pub(super) uid: i32,
    pub(super) backlog: i32,
    pub(super) max_backlog: i32,
    pub(super) requests: i32,
    pub(super) received: i32,
    pub(super) forwarded: i32,
    pub(super) sent: i32,
    pub(super) rcv_nxt: i32,
    pub(super) copied_seq: i32,
    pub(super) write_seq: i32,
    pub(super) snd_una: i32,
}

/// The same, of IPv6 sockets.
#[derive(Copy, Clone, Debug)]
pub(super) struct V6 {
    pub(super) local: i32,
    pub(super) remote: i32,
    /// The byte with the flag `ipv6only`, and the bit.
    pub(super) only: i32,
    pub(super) only_bit: u8,
}

impl RowOffsets {
    /// What it looks for by name.
    pub(super) const NAMES: [Name; 3] =
        [(Kind::Struct, "tcp_sock"), (Kind::Struct, "inet_connection_sock"), (Kind::Struct, "udp_sock")];

    pub(super) fn of(types: &Types<'_>, socket: TypeId) -> Result<Self, Refused> {
        let [tcp, connection, udp] = types.find(Self::NAMES)?;
        let (_, sock) = types.pointer(socket, "sk")?;
        let common = |name| types.offset_in(sock, "__sk_common", name);
        let of = |structure, name| types.offset(structure, name);
        let v6 = match common("skc_v6_daddr") {
            Err(_) => None,
            Ok(remote) => {
                let (only, only_bit) = types.bit_in(sock, "__sk_common", "skc_ipv6only")?;
                Some(V6 { local: common("skc_v6_rcv_saddr")?, remote, only, only_bit })
            }
        };
        Ok(Self {
            tcp: as_operand(tcp)?,
            udp: as_operand(udp)?,
            state: common("skc_state")?,
            interface: common("skc_bound_dev_if")?,
            remote_port: common("skc_dport")?,
            local_v4: common("skc_rcv_saddr")?,
            remote_v4: common("skc_daddr")?,
            v6,
            uid: types.offset_in(sock, "sk_uid", "val")?,
            backlog: of(sock, "sk_ack_backlog")?,
            max_backlog: of(sock, "sk_max_ack_backlog")?,
            requests: types.offset_in(connection, "icsk_accept_queue", "qlen")?,
            received: types.offset_in(sock, "sk_backlog", "rmem_alloc")?,
            forwarded: of(udp, "forward_deficit")?,
            sent: of(sock, "sk_wmem_alloc")?,
            rcv_nxt: of(tcp, "rcv_nxt")?,
            copied_seq: of(tcp, "copied_seq")?,
            write_seq: of(tcp, "write_seq")?,
            snd_una: of(tcp, "snd_una")?,
        })
    }
}
