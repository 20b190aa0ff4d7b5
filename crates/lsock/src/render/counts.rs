//! Writes how many sockets there are of each protocol and in each state: a table, JSON or CSV.

use super::Format;
use super::json::{self, Count};
use netstat::{Counts, Gap};
use std::fmt::Write;
use std::io;

/// The text of the counts in one of the formats.
pub fn counts(counts: &Counts, format: Format, header: bool) -> io::Result<String> {
    // Protocols of one name (the protocols of netlink) are one row.
    let mut rows: Vec<Count> = Vec::new();
    for (protocol, state, sockets) in counts.iter() {
        let (protocol, state) = (protocol.as_str(), crate::view::state_name(state));
        match rows.iter_mut().find(|row| (row.protocol, row.state) == (protocol, state)) {
            Some(row) => row.sockets += sockets,
            None => rows.push(Count { protocol, state, sockets }),
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

fn table(mut rows: Vec<Count>, total: u64, header: bool) -> String {
    let mut text = String::new();
    if header {
        text.push_str("PROTO    STATE        SOCKETS\n");
    }
    rows.push(Count { protocol: "all", state: None, sockets: total });
    for Count { protocol, state, sockets } in rows {
        let _ = writeln!(text, "{protocol:<7}  {:<11}  {sockets:>7}", state.unwrap_or("-"));
    }
    text
}

fn csv(rows: &[Count], header: bool) -> io::Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if header {
        out.write_record(["protocol", "state", "sockets"])?;
    }
    for Count { protocol, state, sockets } in rows {
        out.write_record([protocol, state.unwrap_or_default(), &sockets.to_string()])?;
    }
    let bytes = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
