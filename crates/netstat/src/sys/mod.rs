//! The back ends. One is selected for the target, in this file and nowhere else. [`system`] has the contract that each
//! fulfils, [`support`] what each gives.

#[cfg(test)]
#[path = "../../tests/common/promises.rs"]
mod promises;
pub(crate) mod support;
pub(crate) mod system;
#[cfg(any(unix, test))]
#[allow(dead_code, reason = "not every back end uses all of it")]
mod users;

// Back ends that keep their foreign calls in `ffi.rs` also compile on other systems, for tests over a scripted kernel.
// That of Linux makes its calls through rustix, which other systems lack.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
mod linux;
#[cfg(any(target_vendor = "apple", test))]
#[cfg_attr(
    not(target_vendor = "apple"),
    allow(dead_code, unused_imports, reason = "without its foreign calls")
)]
pub(crate) mod macos;
#[allow(dead_code, unused_imports, reason = "a complete back end, selected where there is no other")]
mod unsupported;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, unused_imports, reason = "without its foreign calls"))]
pub(crate) mod windows;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
use linux as native;
#[cfg(all(target_vendor = "apple", not(netstat_test_unsupported)))]
use macos::ffi as native;
#[cfg(any(
    not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)),
    netstat_test_unsupported
))]
use unsupported as native;
#[cfg(all(windows, not(netstat_test_unsupported)))]
use windows::ffi as native;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(netstat_test_unsupported)))]
pub(crate) use linux::tcp_state;
pub(crate) use native::{Cache, Native, Reports};
#[cfg(windows)]
pub(crate) use windows::tcp_state;
