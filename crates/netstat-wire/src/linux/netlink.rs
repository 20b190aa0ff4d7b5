//! Netlink framing (`linux/netlink.h`): messages in what one `recv` returned, attributes in a message.
//!
//! A datagram holds one or more messages. Each starts with a header of 16 bytes, in the machine's order:
//!
//! | offset | field         |                                                    |
//! |-------:|---------------|----------------------------------------------------|
//! |      0 | `nlmsg_len`   | u32; header and payload, without the padding after |
//! |      4 | `nlmsg_type`  | u16; below 16 the four control messages            |
//! |      6 | `nlmsg_flags` | u16                                                |
//! |      8 | `nlmsg_seq`   | u32; that of the request                           |
//! |     12 | `nlmsg_pid`   | u32; port (not process) of the requester           |
//!
//! and the next one starts at the next multiple of 4. An attribute (`struct nlattr`) is a header of 4
//! bytes, `nla_len` (u16, with the header) and `nla_type` (u16), then its payload, then the same padding.
//! Payloads of 8 bytes are therefore aligned to 4 only.
//!
//! Traps:
//! - A dump ends with `NLMSG_DONE`, whose payload is an `int`: 0 or a negative errno. A protocol without its diag
//!   module ends with -2 in it, and not with `NLMSG_ERROR`: a reader that ignores the number takes "cannot look"
//!   for "there are none".
//! - After that `int`, and after the `nlmsgerr`, attributes with an explanation may follow (4.12, on sockets with
//!   `NETLINK_EXT_ACK`). They are not decoded.
//! - `NLMSG_ERROR` with 0 is an acknowledgement.
//! - `NLM_F_DUMP` is two bits, and the kernel starts a dump when it sees either.
//! - A datagram that did not fit the buffer is truncated without a trace in its bytes, unless the end is inside a
//!   message: check `MSG_TRUNC`.

use crate::reader::{DecodeError, Reader};

/// Control message: nothing, to be skipped.
pub const NLMSG_NOOP: u16 = 1;
/// Control message: an error, or an acknowledgement.
pub const NLMSG_ERROR: u16 = 2;
/// Control message: the end of a dump, with its outcome.
pub const NLMSG_DONE: u16 = 3;
/// Control message: data was lost. Reserved; kernels report loss as `ENOBUFS` from `recv`.
pub const NLMSG_OVERRUN: u16 = 4;

/// Flag: a request. The kernel ignores a message without it.
pub const NLM_F_REQUEST: u16 = 0x01;
/// Flag: one of several messages that end with `NLMSG_DONE`.
pub const NLM_F_MULTI: u16 = 0x02;
/// Flag of a request: acknowledge even success.
pub const NLM_F_ACK: u16 = 0x04;
/// Flag: what is listed changed while it was listed (3.1). `sock_diag` never sets it.
pub const NLM_F_DUMP_INTR: u16 = 0x10;
/// Flags of a request: list everything that matches (`NLM_F_ROOT | NLM_F_MATCH`).
pub const NLM_F_DUMP: u16 = 0x300;

/// `NLMSG_ALIGNTO` and `NLA_ALIGNTO`.
const ALIGN_TO: usize = 4;
/// `sizeof(struct nlmsghdr)`: where in a message its payload starts.
pub const NLMSG_HDRLEN: usize = 16;
/// `NLA_HDRLEN`.
const ATTRIBUTE_HEADER_LENGTH: usize = 4;
/// `NLA_TYPE_MASK`: without `NLA_F_NESTED` (0x8000) and `NLA_F_NET_BYTEORDER` (0x4000).
const ATTRIBUTE_KIND_MASK: u16 = 0x3fff;

const MESSAGE: &str = "nlmsghdr";
const ATTRIBUTE: &str = "nlattr";

/// `struct nlmsghdr` without its length, which is the framing's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `nlmsg_type`: below 16 a control message, else defined by the protocol.
    pub kind: u16,
    /// `nlmsg_flags`: `NLM_F_*`.
    pub flags: u16,
    /// `nlmsg_seq`: the number that the request had.
    pub seq: u32,
    /// `nlmsg_pid`: in an answer the requester's port, 0 in a request (the kernel knows it).
    pub port_id: u32,
}

impl Header {
    /// Builds a whole message: this header with the length filled in, `body`, padding to a multiple of 4.
    ///
    /// The length field holds `u32::MAX` if the message is longer than that, and no kernel accepts such a message.
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let length = NLMSG_HDRLEN.saturating_add(body.len());
        let mut message = Vec::with_capacity(padded(length));
        message.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        message.extend_from_slice(&self.kind.to_ne_bytes());
        message.extend_from_slice(&self.flags.to_ne_bytes());
        message.extend_from_slice(&self.seq.to_ne_bytes());
        message.extend_from_slice(&self.port_id.to_ne_bytes());
        message.extend_from_slice(body);
        message.resize(padded(message.len()), 0);
        message
    }
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its header.
    pub header: Header,
    /// What follows the header.
    pub body: Body<'a>,
}

impl Message<'_> {
    /// Whether the kernel marks the list as changed during the dump (`NLM_F_DUMP_INTR`): rows may be missing or
    /// repeated. On any message of a dump, its `NLMSG_DONE` too.
    #[inline]
    pub const fn interrupted(&self) -> bool {
        self.header.flags & NLM_F_DUMP_INTR != 0
    }
}

/// The content of a message, by `nlmsg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// `NLMSG_NOOP`.
    Noop,
    /// `NLMSG_ERROR`: `struct nlmsgerr`, of which the copy of the request is not read.
    Error {
        /// A negative errno; 0 is an acknowledgement.
        code: i32,
    },
    /// `NLMSG_DONE`: the dump is over.
    Done {
        /// 0, or the negative errno that ended it early; 0 too where a kernel sends none.
        code: i32,
    },
    /// `NLMSG_OVERRUN`.
    Overrun,
    /// Any other type, those that are reserved too: the payload, without padding.
    Data(&'a [u8]),
}

impl<'a> Body<'a> {
    #[inline]
    fn decode(kind: u16, payload: &'a [u8]) -> Result<Self, DecodeError> {
        match kind {
            NLMSG_NOOP => Ok(Self::Noop),
            NLMSG_ERROR => Ok(Self::Error { code: Reader::new("nlmsgerr", payload).i32_ne()? }),
            NLMSG_DONE if payload.is_empty() => Ok(Self::Done { code: 0 }),
            NLMSG_DONE => Ok(Self::Done { code: Reader::new("NLMSG_DONE", payload).i32_ne()? }),
            NLMSG_OVERRUN => Ok(Self::Overrun),
            _ => Ok(Self::Data(payload)),
        }
    }
}

/// The messages of a datagram, in order.
///
/// A length that cannot be (below 16, or beyond what is there) is an error and the end: where the next
/// message starts is then unknown. Padding may be absent after the last message.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    reader: Reader<'a>,
}

impl<'a> Messages<'a> {
    /// Over the bytes that one `recv` returned.
    #[inline]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self { reader: Reader::new(MESSAGE, datagram) }
    }

    /// Continues in a datagram at the [`offset`](Self::offset) that an earlier iterator over it had reached. Errors
    /// still count from the start of the datagram.
    #[inline]
    pub fn resume(datagram: &'a [u8], offset: usize) -> Self {
        let mut messages = Self::new(datagram);
        if messages.reader.skip(offset).is_err() {
            messages.reader = Reader::new(MESSAGE, &[]);
        }
        messages
    }

    /// Where the next message starts, in bytes from the start of the datagram.
    #[inline]
    pub fn offset(&self) -> usize {
        self.reader.offset()
    }

    #[inline]
    fn decode(&mut self) -> Result<Message<'a>, DecodeError> {
        let (start, there) = (self.reader.offset(), self.reader.remaining());
        let length = self.reader.u32_ne()?;
        let header = Header {
            kind: self.reader.u16_ne()?,
            flags: self.reader.u16_ne()?,
            seq: self.reader.u32_ne()?,
            port_id: self.reader.u32_ne()?,
        };
        // A length that this machine cannot address is larger than any datagram.
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(payload) = length.checked_sub(NLMSG_HDRLEN) else {
            return Err(DecodeError::malformed(MESSAGE, start, "nlmsg_len below 16"));
        };
        let Ok(payload) = self.reader.take(payload) else {
            return Err(DecodeError::short(MESSAGE, start, length, there));
        };
        skip_padding(&mut self.reader, length);
        Ok(Message { header, body: Body::decode(header.kind, payload)? })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.remaining() == 0 {
            return None;
        }
        let message = self.decode();
        if message.is_err() {
            self.reader = Reader::new(MESSAGE, &[]);
        }
        Some(message)
    }
}

impl std::iter::FusedIterator for Messages<'_> {}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// `nla_type` without its two flag bits (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`), which kernels set
    /// or not for the same attribute.
    pub kind: u16,
    /// Its payload, without padding.
    pub payload: &'a [u8],
}

/// The attributes in a stretch of bytes, in order; the same rules as for [`Messages`].
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    reader: Reader<'a>,
}

impl<'a> Attributes<'a> {
    /// Over the bytes after a message's fixed part, or over the payload of a nested attribute.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(ATTRIBUTE, bytes) }
    }

    #[inline]
    fn decode(&mut self) -> Result<Attribute<'a>, DecodeError> {
        let (start, there) = (self.reader.offset(), self.reader.remaining());
        let length = usize::from(self.reader.u16_ne()?);
        let kind = self.reader.u16_ne()? & ATTRIBUTE_KIND_MASK;
        let Some(payload) = length.checked_sub(ATTRIBUTE_HEADER_LENGTH) else {
            return Err(DecodeError::malformed(ATTRIBUTE, start, "nla_len below 4"));
        };
        let Ok(payload) = self.reader.take(payload) else {
            return Err(DecodeError::short(ATTRIBUTE, start, length, there));
        };
        skip_padding(&mut self.reader, length);
        Ok(Attribute { kind, payload })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.remaining() == 0 {
            return None;
        }
        let attribute = self.decode();
        if attribute.is_err() {
            self.reader = Reader::new(ATTRIBUTE, &[]);
        }
        Some(attribute)
    }
}

impl std::iter::FusedIterator for Attributes<'_> {}

/// Appends an attribute to a whole message, as [`Header::encode`] makes it, and corrects its length.
///
/// Returns false, and leaves the message unchanged, if the payload is above 65,531 bytes (`nla_len` has 16 bits), the
/// message would be above 4 GiB, or `message` has no header. The result may be ignored where the payload is a number.
pub fn put_attribute(message: &mut Vec<u8>, kind: u16, payload: &[u8]) -> bool {
    let Ok(attribute_length) = u16::try_from(ATTRIBUTE_HEADER_LENGTH.saturating_add(payload.len())) else {
        return false;
    };
    // As the kernel and iproute2 do it, the length of the message counts this padding.
    let end = padded(message.len()).saturating_add(padded(usize::from(attribute_length)));
    let Ok(message_length) = u32::try_from(end) else {
        return false;
    };
    if message.len() < NLMSG_HDRLEN {
        return false;
    }
    let Some(length_field) = message.first_chunk_mut::<4>() else {
        return false;
    };
    *length_field = message_length.to_ne_bytes();
    message.resize(padded(message.len()), 0);
    message.extend_from_slice(&attribute_length.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(payload);
    message.resize(end, 0);
    true
}

/// `NLMSG_ALIGN`; saturates instead of wrapping, which no length of bytes in memory reaches.
#[inline]
const fn padded(length: usize) -> usize {
    match length.checked_next_multiple_of(ALIGN_TO) {
        Some(length) => length,
        None => usize::MAX,
    }
}

/// Skips the padding after `length` bytes, as far as it is there.
#[inline]
fn skip_padding(reader: &mut Reader<'_>, length: usize) {
    let padding = padded(length).saturating_sub(length).min(reader.remaining());
    // Cannot fail: no more than what remains.
    let _ = reader.skip(padding);
}
