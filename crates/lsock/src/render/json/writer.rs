//! Writes JSON into a string, without spaces.

use crate::digits::{push_display, push_hex, push_ip, push_number};
use crate::escape;
use std::fmt::Display;
use std::net::IpAddr;

/// A value that can be written as JSON.
pub(super) trait ToJson {
    fn push(&self, out: &mut String);
}

/// Begins an object with these members: `members!(out, "pid": 1, "fd": null)` writes `{"pid":1,"fd":null`. More
/// may follow by [`member!`]; the brace at the end is the caller's.
macro_rules! members {
    ($out:expr, $first:literal: $value:expr $(, $name:literal: $more:expr)* $(,)?) => {
        $out.push_str(concat!("{\"", $first, "\":"));
        $crate::render::json::writer::ToJson::push(&$value, $out);
        $($crate::render::json::writer::member!($out, $name: $more);)*
    };
}

/// One more member of an object that has some.
macro_rules! member {
    ($out:expr, $name:literal: $value:expr) => {
        $out.push_str(concat!(",\"", $name, "\":"));
        $crate::render::json::writer::ToJson::push(&$value, $out);
    };
}

pub(super) use {member, members};

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl ToJson for $number {
            fn push(&self, out: &mut String) {
                push_number(*self, out);
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i32);

impl ToJson for bool {
    fn push(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn push(&self, out: &mut String) {
        match self {
            Some(value) => value.push(out),
            None => out.push_str("null"),
        }
    }
}

/// A string of any characters.
impl ToJson for &str {
    fn push(&self, out: &mut String) {
        escape::json_string_into(self, out);
    }
}

/// A string of our own, without characters to escape.
pub(super) struct Word(pub(super) &'static str);

impl ToJson for Word {
    fn push(&self, out: &mut String) {
        out.push('"');
        out.push_str(self.0);
        out.push('"');
    }
}

/// Text that is JSON already.
pub(super) struct JsonText<'a>(pub(super) &'a str);

impl ToJson for JsonText<'_> {
    fn push(&self, out: &mut String) {
        out.push_str(self.0);
    }
}

/// An identifier of 64 bits as a string in hex: many readers round large numbers.
pub(super) struct Hex(pub(super) u64);

impl ToJson for Hex {
    fn push(&self, out: &mut String) {
        out.push('"');
        push_hex(self.0, out);
        out.push('"');
    }
}

/// Bytes as a string in hex.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl ToJson for Bytes<'_> {
    fn push(&self, out: &mut String) {
        out.push('"');
        for byte in self.0 {
            push_display(out, format_args!("{byte:02x}"));
        }
        out.push('"');
    }
}

impl ToJson for IpAddr {
    fn push(&self, out: &mut String) {
        out.push('"');
        push_ip(*self, out);
        out.push('"');
    }
}

/// What a value displays, without characters to escape.
pub(super) struct Displayed<T>(pub(super) T);

impl<T: Display> ToJson for Displayed<T> {
    fn push(&self, out: &mut String) {
        out.push('"');
        push_display(out, &self.0);
        out.push('"');
    }
}

/// A list.
pub(super) struct List<I>(pub(super) I);

impl<I: Iterator<Item: ToJson> + Clone> ToJson for List<I> {
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
