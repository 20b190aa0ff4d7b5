//! PLATFORMS.md says what this build says of itself.

#![allow(clippy::unwrap_used, reason = "a test")]

use netstat::{DetailFields, ProcessFields, SocketFields, Support};
use std::collections::BTreeMap;

#[test]
fn matrix_of_platforms_is_what_support_promises() {
    let text = include_str!("../../../PLATFORMS.md");
    let support = Support::current();
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| field |"));
    let systems = cells(lines.next().unwrap());
    let column = systems.iter().position(|system| *system == support.system).unwrap();
    let told: BTreeMap<String, bool> = lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| (cells(line)[0].to_owned(), cells(line)[column] == "yes"))
        .collect();

    let mut promised = BTreeMap::from([("all owners".to_owned(), support.all_owners)]);
    for (name, field) in SocketFields::all().iter_names() {
        promised.insert(name.to_owned(), support.socket_fields.contains(field));
    }
    for (name, field) in DetailFields::all().iter_names() {
        promised.insert(format!("detail {name}"), support.detail_fields.contains(field));
    }
    for (name, field) in ProcessFields::all().iter_names() {
        promised.insert(format!("process {name}"), support.process_fields.contains(field));
    }
    assert_eq!(told, promised);
}
