//! The columns for details of a socket, shown by name or, all in one column, with `--details`.

use super::column::{Align, Column, Needs, OnScreen, TEXT};
use super::ss_details;
use super::value::Value;
use crate::digits::push_number;
use crate::escape::escape_into;
use netstat::DetailFields;

const fn text(fields: DetailFields) -> Column {
    Column { needs: Needs::SocketDetails(fields), ..TEXT }
}

const fn number(fields: DetailFields) -> Column {
    Column { align: Align::Right, ..text(fields) }
}

/// Each makes the kernel send more data of every socket.
pub(super) const DETAIL_COLUMNS: &[Column] = &[
    Column {
        name: "rtt",
        header: "RTT",
        help: "smoothed round trip time in milliseconds (Linux, and so are all that follow)",
        value: Value::Millis(|socket| ss_details::tcp(socket)?.rtt),
        ..number(DetailFields::TCP_INFO)
    },
    Column {
        name: "cwnd",
        header: "CWND",
        help: "congestion window in segments",
        value: Value::Number(|socket| Some(ss_details::tcp(socket)?.snd_cwnd.into())),
        ..number(DetailFields::TCP_INFO)
    },
    Column {
        name: "retrans",
        aliases: &["retransmissions"],
        header: "RETRANS",
        help: "segments sent again since the connection began",
        value: Value::Number(|socket| Some(ss_details::tcp(socket)?.total_retrans.into())),
        ..number(DetailFields::TCP_INFO)
    },
    Column {
        name: "congestion",
        aliases: &["cong"],
        header: "CONGESTION",
        help: "congestion control: cubic, bbr ...",
        value: Value::Text(ss_details::push_congestion),
        ..text(DetailFields::CONGESTION)
    },
    Column {
        name: "timer",
        header: "TIMER",
        help: "what the socket waits for, for how many milliseconds, how often in a row: keepalive,5000000,0",
        value: Value::Text(ss_details::push_timer),
        ..text(DetailFields::TIMER)
    },
    Column {
        name: "backlog",
        header: "BACKLOG",
        help: "connections that wait at a listener",
        value: Value::Number(|socket| Some(ss_details::details(socket)?.backlog?.waiting.into())),
        ..number(DetailFields::BACKLOG)
    },
    Column {
        name: "backlog_limit",
        header: "BACKLOG-LIMIT",
        help: "how many may wait",
        value: Value::Number(|socket| ss_details::details(socket)?.backlog?.limit.map(u64::from)),
        ..number(DetailFields::BACKLOG)
    },
    Column {
        name: "rcvbuf",
        header: "RCVBUF",
        help: "receive buffer in bytes of memory",
        value: Value::Number(|socket| Some(ss_details::memory(socket)?.rcvbuf.into())),
        ..number(DetailFields::MEMORY)
    },
    Column {
        name: "sndbuf",
        header: "SNDBUF",
        help: "send buffer in bytes of memory",
        value: Value::Number(|socket| Some(ss_details::memory(socket)?.sndbuf.into())),
        ..number(DetailFields::MEMORY)
    },
    Column {
        name: "drops",
        header: "DROPS",
        help: "packets dropped because the socket had no room",
        value: Value::Number(|socket| ss_details::memory(socket)?.drops.map(u64::from)),
        ..number(DetailFields::MEMORY)
    },
    Column {
        name: "tos",
        header: "TOS",
        help: "type of service of what is sent over IPv4",
        value: Value::Hex(|socket| ss_details::details(socket)?.tos.map(u64::from)),
        ..number(DetailFields::TRAFFIC)
    },
    Column {
        name: "mark",
        aliases: &["fwmark"],
        header: "MARK",
        help: "SO_MARK, if one is set (with CAP_NET_ADMIN)",
        value: Value::Hex(|socket| {
            ss_details::details(socket)?.mark.filter(|mark| *mark != 0).map(u64::from)
        }),
        ..number(DetailFields::TRAFFIC)
    },
    Column {
        name: "cgroup",
        header: "CGROUP",
        help: "control group in which the socket was made: its path, or its number if it is gone or out of sight",
        value: Value::Text(|view, socket, out| {
            let Some(id) = ss_details::details(socket).and_then(|details| details.cgroup_id) else { return };
            match view.cgroup(id) {
                Some(path) => escape_into(path.as_os_str().as_encoded_bytes(), out),
                None => push_number(id, out),
            }
        }),
        ..text(DetailFields::CGROUP)
    },
    Column {
        name: "details",
        aliases: &["info"],
        header: "DETAILS",
        help: "everything, in the words of ss: times in milliseconds, rates in bits a second",
        on_screen: OnScreen::Below,
        value: Value::Text(ss_details::push_all),
        ..text(DetailFields::all())
    },
];
