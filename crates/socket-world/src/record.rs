//! What a child sends to its maker over the pipe: small binary records, numbers in native order.

use crate::facts::{Held, SocketFacts, State, Transport};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// One thing that a child reports.
#[derive(Debug)]
pub(crate) enum Record {
    /// A descriptor, with the pid, since one child may report for another.
    Held(Held),
    /// A socket.
    Facts(SocketFacts),
    /// A number whose meaning the situation defines.
    Number(u64),
    /// Everything is made and reported.
    Ready,
    /// The situation could not be made.
    Failed { errno: i32, text: String },
}

const STATES: [State; 13] = [
    State::Established,
    State::SynSent,
    State::SynReceived,
    State::FinWait1,
    State::FinWait2,
    State::TimeWait,
    State::Close,
    State::CloseWait,
    State::LastAck,
    State::Listen,
    State::Closing,
    State::UdpUnconnected,
    State::UdpConnected,
];

impl Record {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Held(held) => {
                out.push(b'H');
                out.extend(held.pid.to_ne_bytes());
                out.extend(held.fd.to_ne_bytes());
                out.extend(held.inode.to_ne_bytes());
            }
            Self::Facts(facts) => {
                out.push(b'S');
                out.push(u8::from(facts.protocol == Transport::Udp));
                let state = STATES.iter().position(|&state| state == facts.state);
                out.push(state.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX));
                put_address(out, Some(facts.local));
                put_address(out, facts.remote);
                put_option(out, facts.inode.map(u64::to_ne_bytes));
                put_option(out, facts.uid.map(u32::to_ne_bytes));
                put_option(out, facts.rx_queue.map(u32::to_ne_bytes));
            }
            Self::Number(number) => {
                out.push(b'N');
                out.extend(number.to_ne_bytes());
            }
            Self::Ready => out.push(b'R'),
            Self::Failed { errno, text } => {
                let text = text.as_bytes().get(..1024).unwrap_or(text.as_bytes());
                out.push(b'F');
                out.extend(errno.to_ne_bytes());
                out.extend((text.len() as u64).to_ne_bytes());
                out.extend(text);
            }
        }
    }

    /// Removes the next record from `bytes`; `None` if it is incomplete.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let [kind] = take(bytes)?;
        Some(match kind {
            b'H' => Self::Held(Held {
                pid: u32::from_ne_bytes(take(bytes)?),
                fd: i32::from_ne_bytes(take(bytes)?),
                inode: u64::from_ne_bytes(take(bytes)?),
            }),
            b'S' => {
                let [udp, state] = take(bytes)?;
                Self::Facts(SocketFacts {
                    protocol: if udp == 1 { Transport::Udp } else { Transport::Tcp },
                    state: *STATES.get(usize::from(state))?,
                    local: take_address(bytes)??,
                    remote: take_address(bytes)?,
                    inode: take_option(bytes)?.map(u64::from_ne_bytes),
                    uid: take_option(bytes)?.map(u32::from_ne_bytes),
                    rx_queue: take_option(bytes)?.map(u32::from_ne_bytes),
                })
            }
            b'N' => Self::Number(u64::from_ne_bytes(take(bytes)?)),
            b'R' => Self::Ready,
            b'F' => {
                let errno = i32::from_ne_bytes(take(bytes)?);
                let length = usize::try_from(u64::from_ne_bytes(take(bytes)?)).ok()?;
                let (text, rest) = bytes.split_at_checked(length)?;
                *bytes = rest;
                Self::Failed { errno, text: String::from_utf8_lossy(text).into_owned() }
            }
            _ => return None,
        })
    }

    /// All the records of a finished report.
    pub(crate) fn all(mut bytes: &[u8]) -> io::Result<Vec<Self>> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let record = Self::take(&mut bytes).ok_or_else(|| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the report of a child is cut short")
            })?;
            records.push(record);
        }
        Ok(records)
    }
}

fn put_option<const N: usize>(out: &mut Vec<u8>, value: Option<[u8; N]>) {
    out.push(u8::from(value.is_some()));
    out.extend(value.into_iter().flatten());
}

fn put_address(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address {
        None => out.push(0),
        Some(SocketAddr::V4(v4)) => {
            out.push(4);
            out.extend(v4.ip().octets());
            out.extend(v4.port().to_ne_bytes());
        }
        Some(SocketAddr::V6(v6)) => {
            out.push(6);
            out.extend(v6.ip().octets());
            out.extend(v6.port().to_ne_bytes());
            out.extend(v6.scope_id().to_ne_bytes());
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

fn take_option<const N: usize>(bytes: &mut &[u8]) -> Option<Option<[u8; N]>> {
    let [there] = take(bytes)?;
    if there == 0 { Some(None) } else { Some(Some(take(bytes)?)) }
}

fn take_address(bytes: &mut &[u8]) -> Option<Option<SocketAddr>> {
    let [family] = take(bytes)?;
    Some(match family {
        0 => None,
        4 => {
            let octets: [u8; 4] = take(bytes)?;
            let port = u16::from_ne_bytes(take(bytes)?);
            Some(SocketAddr::V4(SocketAddrV4::new(octets.into(), port)))
        }
        6 => {
            let octets: [u8; 16] = take(bytes)?;
            let port = u16::from_ne_bytes(take(bytes)?);
            let scope = u32::from_ne_bytes(take(bytes)?);
            Some(SocketAddr::V6(SocketAddrV6::new(octets.into(), port, 0, scope)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Record> {
        let facts = |state| SocketFacts {
            protocol: Transport::Tcp,
            local: SocketAddr::V4(SocketAddrV4::new([127, 1, 2, 3].into(), 4)),
            remote: Some("[::ffff:127.0.0.1]:65535".parse().expect("an address")),
            state,
            inode: Some(u64::MAX),
            uid: None,
            rx_queue: Some(7),
        };
        let mut records: Vec<Record> = STATES.iter().map(|&state| Record::Facts(facts(state))).collect();
        records.push(Record::Held(Held { pid: 1, fd: -2, inode: 3 }));
        records.push(Record::Number(u64::MAX));
        records.push(Record::Ready);
        records.push(Record::Failed { errno: 13, text: "refused".into() });
        records
    }

    #[test]
    fn records_come_back_as_they_were_put() {
        let records = sample();
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.put(&mut bytes));
        let back = Record::all(&bytes).expect("whole");
        assert_eq!(format!("{back:?}"), format!("{records:?}"));
    }

    #[test]
    fn a_record_cut_anywhere_is_an_error() {
        for record in sample() {
            let mut bytes = Vec::new();
            record.put(&mut bytes);
            for end in 1..bytes.len() {
                assert!(Record::all(&bytes[..end]).is_err(), "{record:?} cut at {end}");
            }
        }
    }
}
