//! Scripted kernels: small model worlds that answer in a kernel's own bytes, with its races and refusals.
//!
//! For tests on any system; not part of the library's interface. The model ([`world`]) has processes, descriptors and
//! sockets, and does not depend on a kernel. A scripted kernel encodes the model by tables of offsets of its own, taken
//! from the kernel's headers and not from the decoders, so that one mistake cannot be in both.

pub mod world;
pub mod xnu;
