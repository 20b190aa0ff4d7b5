//! The upper layer protocol of a TCP socket, such as TLS: nested attributes in
//! [`INET_DIAG_ULP_INFO`](super::inet_diag::INET_DIAG_ULP_INFO).
//!
//! Numbers of `INET_ULP_INFO_*` (`linux/inet_diag.h`), of `TLS_INFO_*` (`linux/tls.h`) and of
//! `MPTCP_SUBFLOW_ATTR_*` (`linux/mptcp.h`).
//!
//! Omitted on purpose, so that no decoded value can show them: the two tokens of an MPTCP connection, by which a
//! further subflow is joined to it, and its sequence numbers in the data (which help to forge segments, and which
//! the kernel reports to privileged requesters only). The attributes of TLS contain no keys.

use super::netlink::Attributes;
use super::text::before_nul;
use crate::reader::{DecodeError, Reader};

const INET_ULP_INFO_NAME: u16 = 1;
const INET_ULP_INFO_TLS: u16 = 2;
const INET_ULP_INFO_MPTCP: u16 = 3;

const TLS_INFO_VERSION: u16 = 1;
const TLS_INFO_CIPHER: u16 = 2;
const TLS_INFO_TXCONF: u16 = 3;
const TLS_INFO_RXCONF: u16 = 4;
const TLS_INFO_ZC_RO_TX: u16 = 5;
const TLS_INFO_RX_NO_PAD: u16 = 6;
const TLS_INFO_TX_MAX_PAYLOAD_LEN: u16 = 7;

const MPTCP_SUBFLOW_ATTR_FLAGS: u16 = 8;
const MPTCP_SUBFLOW_ATTR_ID_REM: u16 = 9;
const MPTCP_SUBFLOW_ATTR_ID_LOC: u16 = 10;

/// The protocol above TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UlpInfo<'a> {
    /// `INET_ULP_INFO_NAME`: `tls`, `mptcp`, `espintcp` ..., without its NUL.
    pub name: Option<&'a [u8]>,
    /// `INET_ULP_INFO_TLS`: encryption by the kernel.
    pub tls: Option<TlsInfo>,
    /// `INET_ULP_INFO_MPTCP`: this socket is one subflow of an MPTCP connection. Absent for a listener.
    pub mptcp: Option<MptcpSubflow>,
}

impl<'a> UlpInfo<'a> {
    /// Reads the attribute's payload.
    ///
    /// # Errors
    /// The attributes in it are misframed, or one that is read is shorter than its type.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut ulp = Self::default();
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            match attribute.kind {
                INET_ULP_INFO_NAME => ulp.name = Some(before_nul(attribute.payload)),
                INET_ULP_INFO_TLS => ulp.tls = Some(TlsInfo::decode(attribute.payload)?),
                INET_ULP_INFO_MPTCP => ulp.mptcp = Some(MptcpSubflow::decode(attribute.payload)?),
                _ => {}
            }
        }
        Ok(ulp)
    }
}

/// TLS in the kernel. Since 5.4; each is absent while that direction has no keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// Version as in a TLS record: 0x0303 is 1.2, 0x0304 is 1.3.
    pub version: Option<u16>,
    /// `TLS_CIPHER_*`: 51 AES-GCM-128, 52 AES-GCM-256, 53 AES-CCM-128, 54 ChaCha20-Poly1305, 55 SM4-GCM, 56
    /// SM4-CCM, 57 ARIA-GCM-128, 58 ARIA-GCM-256.
    pub cipher: Option<u16>,
    /// `TLS_CONF_*`, where data is encrypted: 1 nowhere yet, 2 the kernel, 3 the device, 4 the device, whole
    /// records.
    pub txconf: Option<u16>,
    /// `TLS_CONF_*`, where data is decrypted.
    pub rxconf: Option<u16>,
    /// `TLS_TX_ZEROCOPY_RO` is set (5.19).
    pub zc_ro_tx: bool,
    /// `TLS_RX_EXPECT_NO_PAD` is set (6.0).
    pub rx_no_pad: bool,
    /// `TLS_TX_MAX_PAYLOAD_LEN`: bytes of plain text in a record at most. Absent before 6.19.
    pub tx_max_payload_len: Option<u16>,
}

impl TlsInfo {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut tls = Self::default();
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            let (number, name) = match attribute.kind {
                TLS_INFO_VERSION => (&mut tls.version, "TLS_INFO_VERSION"),
                TLS_INFO_CIPHER => (&mut tls.cipher, "TLS_INFO_CIPHER"),
                TLS_INFO_TXCONF => (&mut tls.txconf, "TLS_INFO_TXCONF"),
                TLS_INFO_RXCONF => (&mut tls.rxconf, "TLS_INFO_RXCONF"),
                TLS_INFO_TX_MAX_PAYLOAD_LEN => (&mut tls.tx_max_payload_len, "TLS_INFO_TX_MAX_PAYLOAD_LEN"),
                kind => {
                    // These two are flags without a payload.
                    tls.zc_ro_tx |= kind == TLS_INFO_ZC_RO_TX;
                    tls.rx_no_pad |= kind == TLS_INFO_RX_NO_PAD;
                    continue;
                }
            };
            *number = Some(Reader::new(name, attribute.payload).u16_ne()?);
        }
        Ok(tls)
    }
}

/// One subflow of an MPTCP connection. Since 5.7.
///
/// The socket of the connection itself is in the tables of MPTCP, with the same inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MptcpSubflow {
    /// `MPTCP_SUBFLOW_FLAG_*`. The first three pairs are the peer's bit, then ours: 1 and 2 MPTCP agreed on
    /// with the SYN, 4 and 8 joined to a connection, 0x10 and 0x20 for backup only; 0x40 confirmed, 0x80
    /// connected, 0x100 data is expected.
    pub flags: Option<u32>,
    /// Number of the peer's address in the connection; 0 is that of the first subflow.
    pub id_rem: Option<u8>,
    /// Number of the local address.
    pub id_loc: Option<u8>,
}

impl MptcpSubflow {
    fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut subflow = Self::default();
        for attribute in Attributes::new(payload) {
            let attribute = attribute?;
            let value = |name| Reader::new(name, attribute.payload);
            match attribute.kind {
                MPTCP_SUBFLOW_ATTR_FLAGS => subflow.flags = Some(value("MPTCP_SUBFLOW_ATTR_FLAGS").u32_ne()?),
                MPTCP_SUBFLOW_ATTR_ID_REM => subflow.id_rem = Some(value("MPTCP_SUBFLOW_ATTR_ID_REM").u8()?),
                MPTCP_SUBFLOW_ATTR_ID_LOC => subflow.id_loc = Some(value("MPTCP_SUBFLOW_ATTR_ID_LOC").u8()?),
                // The tokens (1, 2) and the sequence numbers (3 to 7) are not decoded: see above.
                _ => {}
            }
        }
        Ok(subflow)
    }
}
