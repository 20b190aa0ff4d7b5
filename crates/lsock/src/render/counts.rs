//! Writes how many sockets there are of each protocol, in each state and of each family: a table, JSON or CSV.

use super::Format;
use super::json::{self, Count};
use netstat::{Counts, Family, Gap};
use std::fmt::Write;
use std::io;

/// The text of the counts in one of the formats.
pub fn counts(counts: &Counts, format: Format, header: bool) -> io::Result<String> {
    // Protocols of one name (the protocols of netlink) are one row.
    let mut rows: Vec<Count> = Vec::new();
    for (protocol, state, family, sockets) in counts.iter_by_family() {
        let (protocol, state) = (protocol.as_str(), crate::view::state_name(state));
        let of = |wanted| match family {
            Some(family) if family.is_ip() => Some(if family == wanted { sockets } else { 0 }),
            _ => None,
        };
        let (ipv4, ipv6) = (of(Family::Ipv4), of(Family::Ipv6));
        match rows.iter_mut().find(|row| (row.protocol, row.state) == (protocol, state)) {
            Some(row) => {
                row.sockets += sockets;
                row.ipv4 = sum([row.ipv4, ipv4]);
                row.ipv6 = sum([row.ipv6, ipv6]);
            }
            None => rows.push(Count { protocol, state, sockets, ipv4, ipv6 }),
        }
    }
    let (total, gaps): (u64, &[Gap]) = (counts.total(), &counts.gaps);
    Ok(match format {
        Format::Table => table(rows, total, header),
        Format::Csv => csv(&rows, header)?,
        Format::Json => json::counts_document(&rows, total, gaps),
        Format::JsonLines => json::counts_lines(&rows),
    })
}

/// The sum of those that are known; `None` if none is.
fn sum(counts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    counts.into_iter().flatten().reduce(|sum, count| sum + count)
}

fn table(mut rows: Vec<Count>, total: u64, header: bool) -> String {
    let mut text = String::new();
    if header {
        text.push_str("PROTO    STATE        SOCKETS     IPV4     IPV6\n");
    }
    let (ipv4, ipv6) = (sum(rows.iter().map(|row| row.ipv4)), sum(rows.iter().map(|row| row.ipv6)));
    rows.push(Count { protocol: "all", state: None, sockets: total, ipv4, ipv6 });
    let cell = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    for Count { protocol, state, sockets, ipv4, ipv6 } in rows {
        let (state, ipv4, ipv6) = (state.unwrap_or("-"), cell(ipv4), cell(ipv6));
        let _ = writeln!(text, "{protocol:<7}  {state:<11}  {sockets:>7}  {ipv4:>7}  {ipv6:>7}");
    }
    text
}

fn csv(rows: &[Count], header: bool) -> io::Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if header {
        out.write_record(["protocol", "state", "sockets", "ipv4", "ipv6"])?;
    }
    let cell = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    for Count { protocol, state, sockets, ipv4, ipv6 } in rows {
        let sockets = sockets.to_string();
        let (ipv4, ipv6) = (cell(*ipv4), cell(*ipv6));
        out.write_record([*protocol, state.unwrap_or_default(), &sockets, &ipv4, &ipv6])?;
    }
    let bytes = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
