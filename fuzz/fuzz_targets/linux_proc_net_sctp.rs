//! `/proc/PID/net/sctp/eps` and `assocs`: the lines of the tables.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::proc_net_sctp::{SctpAssociation, SctpEndpoint};

fuzz_target!(|table: &[u8]| {
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        if let Ok(endpoint) = SctpEndpoint::decode(line) {
            assert!(endpoint.locals.len() < line.len() && line.ends_with(b"\n"));
            // The list is the end.
            assert!(SctpEndpoint::decode(&[line, b"1.2.3.4 \n"].concat()).is_err());
        }
        if let Ok(association) = SctpAssociation::decode(line) {
            assert!(association.locals.len() + association.remotes.len() < line.len());
            // What comes after the addresses is skipped.
            assert_eq!(SctpAssociation::decode(&[line, b" 7"].concat()), Ok(association));
        }
    }
});
