//! The columns for what TCP counts of a connection: bytes, segments, rates.

use super::column::{Align, Column, Needs, TEXT};
use super::ss_details;
use super::value::Value;
use netstat::DetailFields;

const COUNTER: Column =
    Column { align: Align::Right, needs: Needs::SocketDetails(DetailFields::TCP_INFO), ..TEXT };

/// Each makes the kernel send more data of every socket.
pub(super) const COUNTER_COLUMNS: &[Column] = &[
    Column {
        name: "bytes_sent",
        aliases: &["sent"],
        header: "BYTES-SENT",
        help: "bytes sent, retransmissions included (Linux 4.19)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.bytes_sent),
        ..COUNTER
    },
    Column {
        name: "bytes_received",
        aliases: &["received"],
        header: "BYTES-RECEIVED",
        help: "bytes received in order (Linux 4.1)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.bytes_received),
        ..COUNTER
    },
    Column {
        name: "bytes_acked",
        aliases: &["acked"],
        header: "BYTES-ACKED",
        help: "bytes that the peer acknowledged (Linux 4.1)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.bytes_acked),
        ..COUNTER
    },
    Column {
        name: "bytes_retrans",
        header: "BYTES-RETRANS",
        help: "bytes retransmitted (Linux 4.19)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.bytes_retrans),
        ..COUNTER
    },
    Column {
        name: "notsent_bytes",
        aliases: &["notsent"],
        header: "NOTSENT-BYTES",
        help: "bytes written and not sent yet (Linux 4.6)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.notsent_bytes.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "segs_out",
        header: "SEGS-OUT",
        help: "segments sent, acknowledgements and retransmissions included (Linux 4.2)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.segs_out.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "segs_in",
        header: "SEGS-IN",
        help: "segments received (Linux 4.2)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.segs_in.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "data_segs_out",
        header: "DATA-SEGS-OUT",
        help: "segments sent that carried data (Linux 4.6)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.data_segs_out.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "data_segs_in",
        header: "DATA-SEGS-IN",
        help: "segments received that carried data (Linux 4.6)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.data_segs_in.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "unacked",
        header: "UNACKED",
        help: "segments sent and not acknowledged yet",
        value: Value::Number(|socket| Some(ss_details::tcp(socket)?.unacked.into())),
        ..COUNTER
    },
    Column {
        name: "sacked",
        header: "SACKED",
        help: "segments acknowledged out of order (SACK)",
        value: Value::Number(|socket| Some(ss_details::tcp(socket)?.sacked.into())),
        ..COUNTER
    },
    Column {
        name: "lost",
        header: "LOST",
        help: "segments that are taken for lost",
        value: Value::Number(|socket| Some(ss_details::tcp(socket)?.lost.into())),
        ..COUNTER
    },
    Column {
        name: "delivered",
        header: "DELIVERED",
        help: "segments delivered to the peer (Linux 4.18)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.delivered.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "delivered_ce",
        header: "DELIVERED-CE",
        help: "delivered segments that were marked by congestion (Linux 4.18)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.delivered_ce.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "dsack_dups",
        header: "DSACK-DUPS",
        help: "segments that reached the peer twice (Linux 4.19)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.dsack_dups.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "reord_seen",
        header: "REORD-SEEN",
        help: "how often segments were seen to be out of order (Linux 4.19)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.reord_seen.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "rcv_ooopack",
        header: "RCV-OOOPACK",
        help: "segments received out of order (Linux 5.4)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.rcv_ooopack.map(u64::from)),
        ..COUNTER
    },
    Column {
        name: "pacing_rate",
        header: "PACING-RATE",
        help: "bytes per second at which segments are sent (Linux 3.15)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.pacing_rate),
        ..COUNTER
    },
    Column {
        name: "max_pacing_rate",
        header: "MAX-PACING-RATE",
        help: "the limit of that, if one is set (Linux 3.15)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.max_pacing_rate),
        ..COUNTER
    },
    Column {
        name: "delivery_rate",
        header: "DELIVERY-RATE",
        help: "bytes per second that reached the peer of late (Linux 4.9)",
        value: Value::Number(|socket| ss_details::tcp(socket)?.delivery_rate),
        ..COUNTER
    },
];
