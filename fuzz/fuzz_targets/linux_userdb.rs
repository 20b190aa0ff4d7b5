//! Records of systemd's userdb: a name that is decoded stands in the text, and what follows a record changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_wire::linux::userdb::UserRecord;

fuzz_target!(|json: &[u8]| {
    let _ = UserRecord::decode_reply(json);
    let Some(record) = UserRecord::decode(json) else {
        return;
    };
    assert!(json.windows(record.name.len()).any(|text| text == record.name.as_bytes()));
    let longer = [json, b"\0"].concat();
    assert_eq!(UserRecord::decode(&longer), Some(record));
});
