//! The examples of the texts that no package contains: rustdoc compiles and runs them as tests of this crate.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/cookbook.md")]
struct Cookbook;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrating.md")]
struct Migrating;
