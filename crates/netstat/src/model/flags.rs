//! Sets of flags: the types of `bitflags`, without what nobody reads.
//!
//! Declared with its usual form, each would bring a parser of its own.

use std::fmt;

/// Declares a set of flags with all that `bitflags` gives.
macro_rules! flags {
    (
        $(#[$outer:meta])*
        pub struct $name:ident: $bits:ty { $($constants:tt)* }
    ) => {
        $(#[$outer])*
        pub struct $name($bits);

        bitflags::bitflags! {
            impl $name: $bits { $($constants)* }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let flag = |index: usize| {
                    let flag = <Self as bitflags::Flags>::FLAGS.get(index)?;
                    Some((flag.name(), flag.value().bits().into()))
                };
                f.debug_tuple(stringify!($name))
                    .field(&crate::model::flags::Named { bits: self.bits().into(), flag: &flag })
                    .finish()
            }
        }
    };
}

pub(crate) use flags;

/// Bits by their names.
pub(crate) struct Named<'a> {
    pub(crate) bits: u32,
    /// Name and value of each flag there is, by its number.
    pub(crate) flag: &'a dyn Fn(usize) -> Option<(&'static str, u32)>,
}

impl fmt::Debug for Named<'_> {
    /// As `bitflags` has it: `A | B`, with bits that have no name as a number, and `0x0` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.bits;
        let mut before = "";
        let mut flags = 0..;
        while let Some((name, value)) = flags.next().and_then(self.flag) {
            if rest & value != 0 && self.bits & value == value {
                write!(f, "{before}{name}")?;
                before = " | ";
                rest &= !value;
            }
        }
        if rest != 0 || before.is_empty() { write!(f, "{before}{rest:#x}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{AddressFamilyFlags, ProcessFields};

    #[test]
    fn sets_are_shown_by_the_names_of_their_flags() {
        let both = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
        assert_eq!(format!("{both:?}"), "AddressFamilyFlags(IPV4 | IPV6)");
        assert_eq!(format!("{:?}", ProcessFields::empty()), "ProcessFields(0x0)");
        let more = AddressFamilyFlags::from_bits_retain(0b1010);
        assert_eq!(format!("{more:?}"), "AddressFamilyFlags(IPV6 | 0x8)");
        assert_eq!(format!("{:?}", more - both), "AddressFamilyFlags(0x8)");
        assert_eq!(format!("{more:#?}"), "AddressFamilyFlags(\n    IPV6 | 0x8,\n)");
    }
}
