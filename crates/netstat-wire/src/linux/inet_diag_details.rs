//! Attributes of an `inet_diag` answer beyond [`InetDiagMsg`]: those requested by `ext`, and two that the kernel
//! sends without a request and that a list of sockets does not need.
//!
//! They are separate because most listings do not need them, and each costs the kernel and the reader time: a full
//! set is four times as long as the record without.
//!
//! Traps:
//! - [`INET_DIAG_INFO`] has the structure of the protocol: `struct tcp_info` of TCP, `struct mptcp_info` of MPTCP,
//!   `struct sctp_info` of SCTP. Nothing in the record says which it is; the requester knows. That of MPTCP is not
//!   decoded: it is of little use without the token that is in it.
//! - [`INET_DIAG_MD5SIG`] holds the keys of TCP MD5 signatures in clear. A privileged requester gets it along with
//!   `tcp_info`, without a request, and it is not decoded: no value of this module holds a byte of it.
//! - Entries in `TIME_WAIT` and `SYN_RECV` have none of this, and a bound but idle socket has no `tcp_info`.

use super::inet_diag::{
    INET_DIAG_BBRINFO, INET_DIAG_CLASS_ID, INET_DIAG_CONG, INET_DIAG_DCTCPINFO, INET_DIAG_INFO,
    INET_DIAG_MD5SIG, INET_DIAG_MEMINFO, INET_DIAG_SKMEMINFO, INET_DIAG_SOCKOPT, INET_DIAG_TCLASS,
    INET_DIAG_TOS, INET_DIAG_ULP_INFO, INET_DIAG_VEGASINFO, IPPROTO_TCP, InetDiagMsg,
};
use super::inet_diag_congestion::{BbrInfo, CongestionInfo, DctcpInfo, VegasInfo};
use super::inet_diag_memory::{MemInfo, SkMemInfo};
use super::inet_diag_sockopt::SockOpt;
use super::inet_diag_ulp::UlpInfo;
use super::netlink::Attributes;
use super::tcp_info::TcpInfo;
use super::text::before_nul;
use crate::reader::{DecodeError, Reader};

/// The attributes of one socket that are not in [`InetDiagMsg`]. `None`: the attribute is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details<'a> {
    /// [`INET_DIAG_MEMINFO`], `ext` bit 0.
    pub meminfo: Option<MemInfo>,
    /// [`INET_DIAG_INFO`] of a TCP socket, `ext` bit 1.
    pub tcp_info: Option<TcpInfo>,
    /// The parameters of the congestion control, `ext` bit 2: one of three attributes, or none.
    pub congestion_info: Option<CongestionInfo>,
    /// [`INET_DIAG_CONG`], `ext` bit 3: name of the congestion control (`cubic`, `bbr`), without its NUL.
    pub congestion: Option<&'a [u8]>,
    /// [`INET_DIAG_TOS`], `ext` bit 4: type of service of packets sent over IPv4. Of IPv6 sockets too.
    pub tos: Option<u8>,
    /// [`INET_DIAG_TCLASS`], `ext` bit 5: traffic class of packets sent over IPv6. Of IPv6 sockets only.
    pub tclass: Option<u8>,
    /// [`INET_DIAG_CLASS_ID`], `ext` bit 5: class that the socket's control group (version 1) gives to
    /// traffic control; without one the socket's `SO_PRIORITY`. Absent before 4.14.
    pub class_id: Option<u32>,
    /// [`INET_DIAG_SKMEMINFO`], `ext` bit 6.
    pub skmeminfo: Option<SkMemInfo>,
    /// [`INET_DIAG_ULP_INFO`], with `ext` bit 1: the protocol above TCP, if there is one. Before 6.15 for those
    /// with `CAP_NET_ADMIN` only.
    pub ulp: Option<UlpInfo<'a>>,
    /// [`INET_DIAG_SOCKOPT`], sent without a request. Absent before 5.10.
    pub sockopt: Option<SockOpt>,
}

impl<'a> Details<'a> {
    /// Reads the attributes in a message's payload: the same bytes as for [`InetDiagMsg::decode`].
    ///
    /// `protocol` is that of the request; [`tcp_info`](Self::tcp_info) is decoded for TCP only. A kernel before 5.9
    /// that answers with TCP for every protocol is not detected.
    ///
    /// # Errors
    /// As [`InetDiagMsg::decode`]: the fixed part is truncated, the attributes are misframed, or one of the decoded
    /// ones is shorter than its type has ever been. The two are independent: a socket whose details cannot be
    /// decoded can still be listed. Other attributes, and longer ones than known, are no error; of several of a
    /// kind the last counts.
    pub fn decode(protocol: u32, payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut details = Self::default();
        for attribute in Attributes::new(InetDiagMsg::attributes(payload)?) {
            let attribute = attribute?;
            let payload = attribute.payload;
            let value = |name| Reader::new(name, payload);
            match attribute.kind {
                INET_DIAG_MEMINFO => details.meminfo = Some(MemInfo::decode(payload)?),
                INET_DIAG_INFO if protocol == u32::from(IPPROTO_TCP) => {
                    details.tcp_info = Some(TcpInfo::decode(payload)?);
                }
                INET_DIAG_VEGASINFO => {
                    details.congestion_info = Some(CongestionInfo::Vegas(VegasInfo::decode(payload)?));
                }
                INET_DIAG_DCTCPINFO => {
                    details.congestion_info = Some(CongestionInfo::Dctcp(DctcpInfo::decode(payload)?));
                }
                INET_DIAG_BBRINFO => {
                    details.congestion_info = Some(CongestionInfo::Bbr(BbrInfo::decode(payload)?));
                }
                INET_DIAG_CONG => details.congestion = Some(before_nul(payload)),
                INET_DIAG_TOS => details.tos = Some(value("INET_DIAG_TOS").u8()?),
                INET_DIAG_TCLASS => details.tclass = Some(value("INET_DIAG_TCLASS").u8()?),
                INET_DIAG_CLASS_ID => details.class_id = Some(value("INET_DIAG_CLASS_ID").u32_ne()?),
                INET_DIAG_SKMEMINFO => details.skmeminfo = Some(SkMemInfo::decode(payload)?),
                INET_DIAG_ULP_INFO => details.ulp = Some(UlpInfo::decode(payload)?),
                INET_DIAG_SOCKOPT => details.sockopt = Some(SockOpt::decode(payload)?),
                // Keys: named so that they are not added by accident.
                INET_DIAG_MD5SIG => {}
                _ => {}
            }
        }
        Ok(details)
    }
}
