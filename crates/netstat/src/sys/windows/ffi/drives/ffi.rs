//! Drive letters and the Windows directory.
#![allow(unsafe_code, reason = "foreign calls live in files of this name only")]

use crate::sys::windows::ffi::common::ffi::{length, read_text};
use netstat_wire::windows::utf_16;
use windows_sys::Win32::Storage::FileSystem::{GetLogicalDrives, QueryDosDeviceW};
use windows_sys::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;

pub(crate) fn drives() -> Vec<(u16, Vec<u16>)> {
    // SAFETY: the call has no argument.
    let present = unsafe { GetLogicalDrives() };
    let letters = (0_u16..26).filter(|bit| present & (1 << bit) != 0).map(|bit| u16::from(b'A') + bit);
    letters
        .filter_map(|letter| {
            let name = [letter, u16::from(b':'), 0];
            let mut call = |buffer: &mut [u16]| {
                let size = length(buffer.len());
                // SAFETY: the name is NUL-terminated; the buffer has `size` units.
                let written = unsafe { QueryDosDeviceW(name.as_ptr(), buffer.as_mut_ptr(), size) };
                usize::try_from(written).unwrap_or(0)
            };
            // A list of strings, of which the first is the current device.
            let devices = read_text(&mut call)?;
            Some((letter, utf_16::until_nul(&devices).to_vec()))
        })
        .collect()
}

pub(crate) fn windows_directory() -> Vec<u16> {
    let mut call = |buffer: &mut [u16]| {
        // SAFETY: the buffer has as many units as the call is passed.
        let written = unsafe { GetSystemWindowsDirectoryW(buffer.as_mut_ptr(), length(buffer.len())) };
        usize::try_from(written).unwrap_or(0)
    };
    read_text(&mut call).unwrap_or_default()
}
