//! Sets of named flags. The two flag types of the old interface are those of `bitflags`, as its users know them
//! ([`compat`](crate::compat)); these have what a set needs, and no other crate in their interface.

use std::fmt;

/// Declares a set of flags. A set has no bits without a name.
macro_rules! flags {
    (
        $(#[$outer:meta])*
        pub struct $name:ident: $bits:ty {
            $($(#[$inner:meta])* const $flag:ident = $value:expr;)*
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($bits);

        impl $name {
            $($(#[$inner])* pub const $flag: Self = Self($value);)*

            /// The set without a flag.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// The set with every flag.
            pub const fn all() -> Self {
                Self(0 $(| Self::$flag.0)*)
            }

            /// Whether the set has no flag.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether the set has all flags of the other.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether the two sets have a flag in common.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// The flags of either set: `|` in a constant.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The flags that the other set does not have.
            #[must_use]
            pub const fn difference(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Each flag of the set with its name.
            pub fn iter_names(self) -> impl Iterator<Item = (&'static str, Self)> {
                let all = [$((stringify!($flag), Self::$flag)),*];
                all.into_iter().filter(move |(_, flag)| self.contains(*flag))
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl std::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                *self = self.union(other);
            }
        }

        impl FromIterator<Self> for $name {
            fn from_iter<I: IntoIterator<Item = Self>>(sets: I) -> Self {
                sets.into_iter().fold(Self::empty(), Self::union)
            }
        }

        impl std::ops::BitAnd for $name {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }
        }

        /// The names of the flags: `(NAME | PATH)` after the type's.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::model::flags::debug(stringify!($name), &mut self.iter_names().map(|(name, _)| name), f)
            }
        }
    };
}

pub(crate) use flags;

/// Writes a set of flags. Not part of the macro, which would compile it for each type.
pub(crate) fn debug(
    set: &str,
    names: &mut dyn Iterator<Item = &'static str>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{set}(")?;
    for (nth, name) in names.enumerate() {
        f.write_str(if nth > 0 { " | " } else { "" })?;
        f.write_str(name)?;
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use crate::ProcessFields;

    #[test]
    fn sets_are_joined_compared_and_shown_by_the_names_of_their_flags() {
        let both = ProcessFields::NAME | ProcessFields::PATH;
        assert_eq!(format!("{both:?}"), "ProcessFields(NAME | PATH)");
        assert_eq!(format!("{:?}", ProcessFields::empty()), "ProcessFields()");
        assert!(both.contains(ProcessFields::NAME) && !ProcessFields::NAME.contains(both));
        assert!(both.contains(ProcessFields::empty()) && !both.is_empty());
        assert_eq!(both.difference(ProcessFields::NAME), ProcessFields::PATH);
        assert_eq!(both & ProcessFields::NAME, ProcessFields::NAME);
        assert_eq!(ProcessFields::empty(), ProcessFields::default());
        let every = ProcessFields::all();
        let joined = every.iter_names().fold(ProcessFields::empty(), |set, (_, flag)| set | flag);
        assert_eq!(joined, every);
        assert_eq!(every.iter_names().next(), Some(("NAME", ProcessFields::NAME)));
    }
}
