//! User records of systemd's userdb: files, answers, every truncation of them, and hostile JSON.

use netstat_wire::linux::userdb::UserRecord;

const FILE: &str = r#"{
    "userName" : "dynsvc",
    "realName" : "Service \"of\" many, \\ and {[:",
    "uid" : 61500,
    "gid" : 61500,
    "privileged" : { "hashedPassword" : [ "x" ], "uid" : 1 },
    "binding" : { "0123" : { "uid" : 7, "userName" : "other" } },
    "locked" : false
}"#;

/// As systemd-userdbd 252 answers, shortened.
const REPLY: &str = "{\"parameters\":{\"incomplete\":false,\"record\":{\"disposition\":\"dynamic\",\"uid\":61500,\
                     \"userName\":\"dynsvc\",\"status\":{\"x\":{\"service\":\"io.systemd.DynamicUser\"}}}}}\0";

fn dynsvc() -> Option<UserRecord> {
    Some(UserRecord { name: "dynsvc".to_owned(), uid: 61500 })
}

#[test]
fn file_and_reply_are_decoded() {
    assert_eq!(UserRecord::decode(FILE.as_bytes()), dynsvc());
    assert_eq!(UserRecord::decode_reply(REPLY.as_bytes()), dynsvc());
    assert_eq!(UserRecord::decode_reply(REPLY.trim_end_matches('\0').as_bytes()), dynsvc());
}

#[test]
fn truncation_at_every_byte_gives_the_record_or_nothing() {
    for end in 0..FILE.len() {
        let cut = UserRecord::decode(&FILE.as_bytes()[..end]);
        assert!(cut.is_none() || cut == dynsvc(), "{end}: {cut:?}");
    }
    for end in 0..REPLY.len() {
        let cut = UserRecord::decode_reply(&REPLY.as_bytes()[..end]);
        assert!(cut.is_none() || cut == dynsvc(), "{end}: {cut:?}");
    }
}

#[test]
fn members_of_nested_objects_do_not_count() {
    for text in [
        r#"{"a":{"userName":"x","uid":1}}"#,
        r#"{"a":["userName","x"],"uid":1}"#,
        r#"{"userName":"x","a":{"uid":1}}"#,
        r#"["userName","x","uid",1]"#,
    ] {
        assert_eq!(UserRecord::decode(text.as_bytes()), None, "{text}");
    }
    let error = r#"{"error":"io.systemd.UserDatabase.NoRecordFound","parameters":{}}"#;
    assert_eq!(UserRecord::decode_reply(error.as_bytes()), None);
}

#[test]
fn names_and_numbers_that_are_none_are_refused() {
    let long = "n".repeat(256);
    for (name, uid) in [
        (r#""""#, "1"),
        (r#""a\u0062""#, "1"),
        ("\"a\u{1b}[2J\"", "1"),
        (&format!("\"{long}\""), "1"),
        ("null", "1"),
        ("17", "1"),
        (r#""a""#, "-1"),
        (r#""a""#, "4294967296"),
        (r#""a""#, "\"1\""),
        (r#""a""#, "1.5"),
        (r#""a""#, "null"),
    ] {
        let text = format!("{{\"userName\":{name},\"uid\":{uid}}}");
        assert_eq!(UserRecord::decode(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn malformed_and_deeply_nested_json_never_panics() {
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    for text in
        ["", "{", "{}", "{\"", "{\"\\", "{:}", "{\"a\"}", "{\"a\":}", "{\"a\":]", "{,}", "{\"a\":1 2}", &deep]
    {
        assert_eq!(UserRecord::decode(text.as_bytes()), None);
    }
    // One byte changed to any other.
    for at in 0..REPLY.len() {
        for byte in 0..=255 {
            let mut bytes = REPLY.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = UserRecord::decode_reply(&bytes);
            let _ = UserRecord::decode(&bytes);
        }
    }
}
