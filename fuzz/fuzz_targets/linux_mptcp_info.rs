//! `struct mptcp_info` and tokens of subflows: bytes as they are, as attributes after a record of zeros, and the
//! payloads of the netlink messages in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::mptcp_info::{MptcpInfo, MptcpToken};
use netstat_wire::linux::netlink::{Body, Messages};

const FIXED_PART: usize = 72;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    check(&[&[0; FIXED_PART], bytes].concat());
    structure(bytes);
    for message in Messages::new(bytes).map_while(Result::ok) {
        if let Body::Data(payload) = message.body {
            check(payload);
        }
    }
});

fn check(payload: &[u8]) {
    let token = MptcpToken::of_subflow(payload);
    for end in [0, 1, FIXED_PART - 1].into_iter().filter(|end| *end <= payload.len()) {
        assert!(MptcpInfo::of_record(&payload[..end]).is_err());
        assert!(MptcpToken::of_subflow(&payload[..end]).is_err());
    }
    if let Ok(Some(token)) = token {
        assert_eq!(format!("{token:?}"), "MptcpToken(..)");
    }
    if let Ok(Some(info)) = MptcpInfo::of_record(payload) {
        // A token has 4 bytes in the structure, of which none is printed.
        assert!(info.token.is_none_or(|token| format!("{info:?}").contains(&format!("{token:?}"))));
    }
}

fn structure(bytes: &[u8]) {
    let info = MptcpInfo::decode(bytes);
    assert_eq!(info.is_ok(), bytes.len() >= 16);
    let Ok(info) = info else {
        return;
    };
    // Sequence numbers are never decoded.
    let mut other = bytes.to_vec();
    let end = other.len().min(40);
    other[16..end].fill(0xee);
    assert_eq!(MptcpInfo::decode(&other), Ok(info));
    // Tokens are equal if and only if their bytes are.
    other[12] ^= 1;
    assert_ne!(MptcpInfo::decode(&other).expect("as long as before").token, info.token);
}
