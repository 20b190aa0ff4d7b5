//! JSON as it is written here: compact, members one after the other straight into the text.

use crate::digits::{push_hex, push_ip, push_number};
use crate::text;
use std::fmt::Display;
use std::net::IpAddr;

/// What can stand behind a name.
pub(super) trait Json {
    fn push(&self, out: &mut String);
}

/// Begins an object with these members: `members!(out, "pid": 1, "fd": null)` writes `{"pid":1,"fd":null`. More
/// may follow by [`member!`]; the brace at the end is the caller's.
macro_rules! members {
    ($out:expr, $first:literal: $value:expr $(, $name:literal: $more:expr)* $(,)?) => {
        $out.push_str(concat!("{\"", $first, "\":"));
        $crate::render::object::Json::push(&$value, $out);
        $($crate::render::object::member!($out, $name: $more);)*
    };
}

/// One more member of an object that has some.
macro_rules! member {
    ($out:expr, $name:literal: $value:expr) => {
        $out.push_str(concat!(",\"", $name, "\":"));
        $crate::render::object::Json::push(&$value, $out);
    };
}

pub(super) use {member, members};

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Json for $number {
            fn push(&self, out: &mut String) {
                push_number(*self, out);
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i32);

impl Json for bool {
    fn push(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl<T: Json> Json for Option<T> {
    fn push(&self, out: &mut String) {
        match self {
            Some(value) => value.push(out),
            None => out.push_str("null"),
        }
    }
}

/// A string of any characters.
impl Json for &str {
    fn push(&self, out: &mut String) {
        text::push_json(self, out);
    }
}

/// A word of our own, in which nothing is to be escaped.
pub(super) struct Word(pub(super) &'static str);

impl Json for Word {
    fn push(&self, out: &mut String) {
        out.push('"');
        out.push_str(self.0);
        out.push('"');
    }
}

/// What has been made JSON before.
pub(super) struct Ready<'a>(pub(super) &'a str);

impl Json for Ready<'_> {
    fn push(&self, out: &mut String) {
        out.push_str(self.0);
    }
}

/// A number of 64 bits that means nothing as a number, as a string: many readers round large numbers.
pub(super) struct Hex(pub(super) u64);

impl Json for Hex {
    fn push(&self, out: &mut String) {
        out.push('"');
        push_hex(self.0, out);
        out.push('"');
    }
}

impl Json for IpAddr {
    fn push(&self, out: &mut String) {
        out.push('"');
        push_ip(*self, out);
        out.push('"');
    }
}

/// What a value displays, in which nothing is to be escaped.
pub(super) struct Displayed<T>(pub(super) T);

impl<T: Display> Json for Displayed<T> {
    fn push(&self, out: &mut String) {
        out.push('"');
        text::push(out, &self.0);
        out.push('"');
    }
}

/// A list.
pub(super) struct List<I>(pub(super) I);

impl<I: Iterator<Item: Json> + Clone> Json for List<I> {
    fn push(&self, out: &mut String) {
        out.push('[');
        for (nth, item) in self.0.clone().enumerate() {
            if nth > 0 {
                out.push(',');
            }
            item.push(out);
        }
        out.push(']');
    }
}
