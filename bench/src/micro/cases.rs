//! The batches of captured records that are decoded, as many as the kernel or a process has in one read.

use super::Case;
use super::fixture::{bytes, fixture, lines};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netstat_wire::linux::cgroup_path::CgroupFile;
use netstat_wire::linux::inet_diag::InetDiagMsg;
use netstat_wire::linux::netlink::{Body, Messages};
use netstat_wire::linux::proc_net::{Endian, ProcNet};
use netstat_wire::linux::proc_pid_fd::socket_inode;
use netstat_wire::linux::proc_pid_stat::Stat;
use std::hint::black_box;

/// As many sockets as one read of 32 KiB holds.
const IN_A_READ: u32 = 264;

pub(super) fn all() -> Vec<Case> {
    let tcp4 = bytes(fixture!("linux-6.18__tcp4_established.hex"));
    let tcp6 = bytes(fixture!("linux-6.18__tcp6_established_mapped.hex"));
    vec![
        framing(&tcp4),
        sockets("netlink + inet_diag, TCP over IPv4", Some(PEER), &tcp4),
        peer_sockets(&tcp4),
        sockets("netlink + inet_diag, TCP over IPv6", None, &tcp6),
        links("link of a socket", "socket:[12345678]"),
        links("link of something else", "/usr/lib/x86_64-linux-gnu/libc.so.6"),
        table("/proc/net/tcp", fixture!("linux-6.18__proc_net_tcp.txt")),
        table("/proc/net/tcp6", fixture!("linux-6.18__proc_net_tcp6.txt")),
        stat(bytes(fixture!("linux-6.18__proc_pid_stat_hostile_name.hex"))),
        cgroup(),
    ]
}

const PEER: &str = "the same by netlink-packet-sock-diag";

/// One captured message repeated, as one datagram.
fn datagram(message: &[u8]) -> Vec<u8> {
    (0..IN_A_READ).flat_map(|_| message.iter().copied()).collect()
}

fn framing(message: &[u8]) -> Case {
    let datagram = datagram(message);
    Case {
        name: "netlink framing",
        peer: None,
        records: IN_A_READ,
        decode: Box::new(move || {
            let messages = Messages::new(black_box(&datagram)).flatten();
            messages.map(|message| u64::from(message.header.seq)).sum()
        }),
    }
}

fn sockets(name: &'static str, peer: Option<&'static str>, message: &[u8]) -> Case {
    let datagram = datagram(message);
    Case {
        name,
        peer,
        records: IN_A_READ,
        decode: Box::new(move || {
            let mut sum = 0;
            for message in Messages::new(black_box(&datagram)).flatten() {
                if let Body::Data(payload) = message.body
                    && let Ok(socket) = InetDiagMsg::decode(payload)
                {
                    sum += u64::from(black_box(socket).inode);
                }
            }
            sum
        }),
    }
}

/// As netstat2 decodes a datagram.
fn peer_sockets(message: &[u8]) -> Case {
    let datagram = datagram(message);
    Case {
        name: PEER,
        peer: None,
        records: IN_A_READ,
        decode: Box::new(move || {
            let mut sum = 0;
            let mut rest: &[u8] = black_box(&datagram);
            while let Ok(message) = NetlinkMessage::<SockDiagMessage>::deserialize(rest) {
                let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
                if let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(socket)) = message.payload {
                    sum += u64::from(black_box(socket).header.inode);
                }
                match rest.get(length..) {
                    Some(after) if !after.is_empty() => rest = after,
                    _ => break,
                }
            }
            sum
        }),
    }
}

fn links(name: &'static str, link: &'static str) -> Case {
    const LINKS: u32 = 100;
    Case {
        name,
        peer: None,
        records: LINKS,
        decode: Box::new(move || (0..LINKS).filter_map(|_| socket_inode(black_box(link.as_bytes()))).sum()),
    }
}

fn table(name: &'static str, text: &str) -> Case {
    let lines = lines(text);
    Case {
        name,
        peer: None,
        records: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        decode: Box::new(move || {
            let rows = black_box(&lines).iter();
            let rows = rows.filter_map(|line| ProcNet::decode(line, Endian::Little).ok());
            rows.map(|row| black_box(row).inode).sum()
        }),
    }
}

fn stat(text: Vec<u8>) -> Case {
    Case {
        name: "/proc/PID/stat",
        peer: None,
        records: 1,
        decode: Box::new(move || {
            let stat = Stat::decode(black_box(&text));
            u64::from(black_box(stat).is_ok())
        }),
    }
}

/// The longest of the usual paths: of a pod.
fn cgroup() -> Case {
    let uid = "1b2c3d4e_5f60_7182_93a4_b5c6d7e8f901";
    let slices = format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice");
    let text = format!("0::/{slices}/cri-containerd-{}.scope\n", "0123456789abcdef".repeat(4));
    Case {
        name: "/proc/PID/cgroup",
        peer: None,
        records: 1,
        decode: Box::new(move || {
            let file = CgroupFile::decode(black_box(text.as_bytes()));
            u64::from(black_box(file).is_some_and(|file| file.says.container.is_some()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_decodes_all_its_records() {
        let cases = all();
        let sum = |name: &str| {
            let case = cases.iter().find(|case| case.name == name).expect("a case");
            (case.decode)()
        };
        for case in &cases {
            let expects_none = case.name == "link of something else";
            assert_eq!(sum(case.name) == 0, expects_none, "{}", case.name);
        }
        assert_eq!(sum("netlink + inet_diag, TCP over IPv4"), 7193 * u64::from(IN_A_READ));
        assert_eq!(sum(PEER), 7193 * u64::from(IN_A_READ));
        assert_eq!(sum("link of a socket"), 12_345_678 * 100);
    }
}
