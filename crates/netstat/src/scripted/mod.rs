//! Scripted kernels: small model worlds that answer in a kernel's own bytes, with its races and refusals.
//!
//! For tests and measurements, on whatever system they run; not a part of the library's interface. The model
//! ([`world`]) knows processes, descriptors and sockets, and nothing of a kernel. Each kernel here turns it
//! into bytes by tables of offsets of its own, taken from the kernel's headers and not from the decoders, so
//! that one slip cannot stand in both.

pub mod world;
pub mod xnu;
