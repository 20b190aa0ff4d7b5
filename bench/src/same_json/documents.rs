//! Compares two documents of `lsock --json`.
//!
//! A field is named by its path without array indices: `sockets.owners.fd`. The rows of the arrays in a document
//! are sets, so their order does not count; that of the owners inside a row does.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The result.
#[derive(Debug)]
pub(super) struct Comparison {
    /// Of all arrays of the base.
    pub(super) rows: usize,
    pub(super) fields: usize,
    pub(super) differences: Vec<String>,
    /// Excepted fields that neither document has.
    pub(super) unused: Vec<String>,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, fields, differences, unused } = self;
        match differences.len() {
            0 => writeln!(f, "the same, {rows} rows of {fields} fields"),
            count => writeln!(f, "{count} differences in {rows} rows of {fields} fields"),
        }?;
        differences.iter().try_for_each(|difference| writeln!(f, "  {difference}"))?;
        unused.iter().try_for_each(|field| writeln!(f, "  (neither has the excepted field {field})"))
    }
}

/// Where `ours` differs from `base`, apart from the fields in `except`.
pub(super) fn differences(base: &Value, ours: &Value, except: &[String]) -> Comparison {
    let (mut base, mut ours) = (base.clone(), ours.clone());
    let (base_fields, our_fields) = (fields(&base), fields(&ours));
    let known = |field: &&String| base_fields.contains(*field) || our_fields.contains(*field);
    let unused = except.iter().filter(|field| !known(field)).cloned().collect();
    let excepted = |field: &str| {
        except
            .iter()
            .any(|name| field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    let mut differences = Vec::new();
    let mut left_out = except.to_vec();
    for (mine, others, side) in [(&base_fields, &our_fields, "the base"), (&our_fields, &base_fields, "ours")]
    {
        for field in mine.difference(others).filter(|field| !excepted(field)) {
            differences.push(format!("{field}: only {side} has this field"));
            left_out.push(field.clone());
        }
    }
    for field in &left_out {
        remove(&mut base, field);
        remove(&mut ours, field);
    }
    let mut rows = 0;
    let empty = Map::new();
    let (base, ours) = (base.as_object().unwrap_or(&empty), ours.as_object().unwrap_or(&empty));
    for (field, base) in base {
        match (base, ours.get(field)) {
            (Value::Array(base), Some(Value::Array(ours))) => {
                rows += base.len();
                differences.extend(rows_that_differ(field, base, ours));
            }
            (base, Some(ours)) => {
                let mut found = Found::default();
                found.compare(field, base, ours, "");
                differences.extend(found.into_lines());
            }
            (_, None) => {}
        }
    }
    Comparison { rows, fields: base_fields.union(&our_fields).count(), differences, unused }
}

/// The fields of all rows.
fn fields(document: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    collect(value, &path, fields);
                    fields.insert(path);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, path, fields)),
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    collect(document, "", &mut all);
    all
}

fn remove(value: &mut Value, path: &str) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| remove(value, path)),
        Value::Object(object) => match path.split_once('.') {
            None => drop(object.remove(path)),
            Some((name, rest)) => {
                if let Some(inner) = object.get_mut(name) {
                    remove(inner, rest);
                }
            }
        },
        _ => {}
    }
}

/// Rows in which all of these agree are the same socket, or the same process.
const IDENTITY: [&str; 5] = ["protocol", "local", "remote", "inode", "pid"];

fn identity(row: &Value) -> String {
    let parts = IDENTITY.iter().filter_map(|name| row.get(name));
    let parts: Vec<String> = parts.map(Value::to_string).collect();
    if parts.is_empty() { row.to_string() } else { parts.join(" ") }
}

fn rows_that_differ(array: &str, base: &[Value], ours: &[Value]) -> Vec<String> {
    let mut left: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for row in base {
        left.entry(identity(row)).or_default().push(row);
    }
    let (mut found, mut only_ours) = (Found::default(), Vec::new());
    let mut unequal = Vec::new();
    for row in ours {
        let of_this = left.get_mut(&identity(row));
        match of_this.and_then(|rows| Some((rows.iter().position(|base| *base == row)?, rows))) {
            Some((at, rows)) => drop(rows.swap_remove(at)),
            None => unequal.push(row),
        }
    }
    for row in unequal {
        match left.get_mut(&identity(row)).and_then(Vec::pop) {
            Some(base) => found.compare(array, base, row, &identity(row)),
            None => only_ours.push(row),
        }
    }
    let only_base: Vec<&Value> = left.into_values().flatten().collect();
    let mut lines = found.into_lines();
    for (rows, side) in [(only_base, "the base"), (only_ours, "ours")] {
        if let Some(first) = rows.first() {
            lines.push(format!("{array}: {} rows that only {side} has, such as {first}", rows.len()));
        }
    }
    lines
}

/// Fields with unequal values: how often, and the first example.
#[derive(Default)]
struct Found(BTreeMap<String, (usize, String)>);

impl Found {
    fn compare(&mut self, path: &str, base: &Value, ours: &Value, row: &str) {
        match (base, ours) {
            (Value::Object(base), Value::Object(ours)) => {
                let names: BTreeSet<&String> = base.keys().chain(ours.keys()).collect();
                for name in names {
                    let of = |object: &Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                    let absent = base.contains_key(name) != ours.contains_key(name);
                    let path = format!("{path}.{name}");
                    if absent && of(base) == of(ours) {
                        self.add(path, "null in one, and absent in the other", row);
                    } else {
                        self.compare(&path, &of(base), &of(ours), row);
                    }
                }
            }
            (Value::Array(base), Value::Array(ours)) if base.len() == ours.len() => {
                for (base, ours) in base.iter().zip(ours) {
                    self.compare(path, base, ours, row);
                }
            }
            _ if base != ours => self.add(path.to_owned(), &format!("base {base}, ours {ours}"), row),
            _ => {}
        }
    }

    fn add(&mut self, path: String, what: &str, row: &str) {
        let example = || if row.is_empty() { what.to_owned() } else { format!("{what} in {row}") };
        self.0.entry(path).or_insert_with(|| (0, example())).0 += 1;
    }

    fn into_lines(self) -> Vec<String> {
        let lines = self.0.into_iter();
        lines.map(|(path, (count, example))| format!("{path}: {count} values differ: {example}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        let end = |port: u16| json!({"addr": "127.0.0.1", "port": port});
        let owner = |pid: u32, fd: u32| json!({"pid": pid, "fd": fd});
        json!({
            "schema": "lsock/1",
            "sockets": [
                {"protocol": "tcp", "local": end(80), "remote": null, "state": "LISTEN", "inode": 1,
                 "owners": [owner(10, 3), owner(10, 4)]},
                {"protocol": "tcp", "local": end(80), "remote": end(81), "state": "ESTABLISHED", "inode": 2,
                 "owners": [owner(11, 3)]},
                {"protocol": "udp", "local": end(53), "remote": null, "state": null, "inode": 3, "owners": []},
            ],
            "processes": [{"pid": 10, "name": "a"}, {"pid": 11, "name": "b"}],
            "gaps": [],
            "owner_source": {"used": "bpf", "reason": "asked for"},
        })
    }

    /// Where the document differs after this was done to it.
    fn after(change: impl FnOnce(&mut Value), except: &[&str]) -> Vec<String> {
        let mut changed = document();
        change(&mut changed);
        let except: Vec<String> = except.iter().map(|&field| field.to_owned()).collect();
        let there = differences(&document(), &changed, &except).differences;
        // It is seen from either side.
        assert_eq!(there.len(), differences(&changed, &document(), &except).differences.len());
        there
    }

    #[test]
    fn a_document_is_the_same_as_itself_in_whatever_order_its_rows_are() {
        let turned = |document: &mut Value| {
            for array in ["sockets", "processes"] {
                document[array].as_array_mut().expect("rows").reverse();
            }
        };
        assert_eq!(after(|_| (), &[]), [""; 0]);
        assert_eq!(after(turned, &[]), [""; 0]);
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 12] = [
            (|document| document["sockets"][0]["state"] = json!("CLOSED"), "sockets.state: 1 values differ"),
            (|document| document["sockets"][1]["owners"][0]["fd"] = json!(4), "sockets.owners.fd: 1 values"),
            (|document| document["sockets"][0]["owners"] = json!([]), "sockets.owners: 1 values differ"),
            (
                |document| document["sockets"][0]["owners"].as_array_mut().expect("owners").reverse(),
                "sockets.owners.fd: 2 values differ",
            ),
            (|document| drop(document["sockets"].as_array_mut().expect("rows").pop()), "only the base has"),
            (
                |document| {
                    let row = document["sockets"][0].clone();
                    document["sockets"].as_array_mut().expect("rows").push(row);
                },
                "sockets: 1 rows that only ours has",
            ),
            (|document| document["sockets"][0]["inode"] = json!(9), "rows that only ours has"),
            (
                |document| document["sockets"][2]["mark"] = json!(null),
                "sockets.mark: only ours has this field",
            ),
            (|document| document["processes"][1]["name"] = json!(null), "processes.name: 1 values differ"),
            (
                |document| document["gaps"] = json!([{"kind": "fallback"}]),
                "gaps.kind: only ours has this field",
            ),
            (|document| document["owner_source"]["used"] = json!("procfs"), "owner_source.used: 1 values"),
            (
                |document| drop(document.as_object_mut().expect("an object").remove("schema")),
                "schema: only the base has this field",
            ),
        ];
        for (change, expected) in changes {
            let lines = after(change, &[]);
            assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:?}");
        }
    }

    #[test]
    fn a_field_that_one_row_lacks_is_not_null() {
        let without = |document: &mut Value| {
            drop(document["sockets"][2].as_object_mut().expect("a row").remove("state"));
        };
        assert_eq!(after(without, &[]).len(), 1);
    }

    #[test]
    fn an_excepted_field_may_differ_and_no_other() {
        let change = |document: &mut Value| {
            document["sockets"][1]["owners"][0]["fd"] = json!(4);
            document["sockets"][0]["state"] = json!("CLOSED");
        };
        assert_eq!(after(change, &["sockets.owners", "sockets.state"]), [""; 0]);
        let left = after(change, &["sockets.owners.fd"]);
        assert!(left.len() == 1 && left[0].starts_with("sockets.state"), "{left:?}");
        let new = |document: &mut Value| document["sockets"][0]["mark"] = json!(1);
        assert_eq!(after(new, &["sockets.mark"]), [""; 0]);
        assert_eq!(after(new, &["sockets.mar"]).len(), 1);
    }

    #[test]
    fn excepted_field_that_neither_document_has_is_named() {
        let except = ["sockets.colour".to_owned(), "sockets.inode".to_owned()];
        let comparison = differences(&document(), &document(), &except);
        assert_eq!(comparison.unused, ["sockets.colour"]);
        assert!(comparison.differences.is_empty() && comparison.rows == 5, "{comparison:?}");
    }
}
