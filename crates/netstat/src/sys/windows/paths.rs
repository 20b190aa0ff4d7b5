//! The path of a process's program, as a Win32 path.
//!
//! The kernel returns the NT path, `\Device\HarddiskVolume3\Windows\explorer.exe`, of every process without opening
//! it. Drive letters depend on the caller's logon session and are read once for each listing. If the kernel does not
//! return the path (Wine), the process is opened with the limited right, which some protected processes and those of
//! other users refuse.

use super::kernel::Kernel;
use super::sizing::STATUS_INFO_LENGTH_MISMATCH;

/// The longest path, in 16-bit units.
const MAX_UNITS: usize = 32_767;

/// Long enough for nearly all paths.
const FIRST_UNITS: usize = 512;

const BACKSLASH: u16 = b'\\' as u16;
const COLON: u16 = b':' as u16;

/// Looks up the paths of processes.
pub(super) struct Paths<'a, K> {
    kernel: &'a K,
    buffer: Vec<u16>,
    /// Read with the first path.
    drives: Option<Drives>,
}

impl<'a, K: Kernel> Paths<'a, K> {
    pub(super) fn new(kernel: &'a K) -> Self {
        Self { kernel, buffer: Vec::new(), drives: None }
    }

    /// The path of a process's program; `None` if it has none, or if the caller may not read it.
    pub(super) fn of_process(&mut self, pid: u32) -> Option<Vec<u16>> {
        if self.buffer.is_empty() {
            self.buffer.resize(FIRST_UNITS, 0);
        }
        loop {
            let answer = self.kernel.image_name(pid, &mut self.buffer);
            match answer.status {
                // Success without a path: the process has no file.
                0 if answer.bytes == 0 => return None,
                0 => {
                    let path = self.buffer.get(..answer.bytes / 2)?;
                    let drives = self.drives.get_or_insert_with(|| Drives::read(self.kernel));
                    return Some(drives.win32_path(path));
                }
                // A 32-bit process on 64-bit Windows does not get the needed size: the buffer is doubled.
                STATUS_INFO_LENGTH_MISMATCH if self.buffer.len() < MAX_UNITS => {
                    let needed = (answer.bytes / 2).max(2 * self.buffer.len()).min(MAX_UNITS);
                    self.buffer.resize(needed, 0);
                }
                _ => return self.kernel.image_path(pid).ok().filter(|path| !path.is_empty()),
            }
        }
    }
}

/// The devices of the drive letters.
struct Drives {
    /// Letter and device, without a backslash at the end.
    letters: Vec<(u16, Vec<u16>)>,
    windows: Vec<u16>,
}

impl Drives {
    fn read(kernel: &impl Kernel) -> Self {
        Self { letters: kernel.drives(), windows: kernel.windows_directory() }
    }

    /// The Win32 path of an NT path; the same path if there is none.
    fn win32_path(&self, path: &[u16]) -> Vec<u16> {
        for (letter, device) in &self.letters {
            if let Some(rest) = strip_directory(path, device) {
                return [&[*letter, COLON], rest].concat();
            }
        }
        let ascii = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        if let Some(rest) = strip_directory(path, &ascii("\\Device\\Mup")) {
            return [&[BACKSLASH], rest].concat();
        }
        if let Some(rest) = strip_directory(path, &ascii("\\SystemRoot")) {
            return [&self.windows, rest].concat();
        }
        if let Some(rest) = strip_directory(path, &ascii("\\??")) {
            return rest.get(1..).unwrap_or_default().to_vec();
        }
        path.to_vec()
    }
}

/// The part of a path behind a directory, with its backslash. `...Volume10\x` is not in `...Volume1`.
fn strip_directory<'a>(path: &'a [u16], directory: &[u16]) -> Option<&'a [u16]> {
    let (start, rest) = path.split_at_checked(directory.len())?;
    let same = start.iter().zip(directory).all(|(a, b)| upper(*a) == upper(*b));
    (!directory.is_empty() && same && rest.first() == Some(&BACKSLASH)).then_some(rest)
}

/// Names of devices are ASCII.
fn upper(unit: u16) -> u16 {
    u8::try_from(unit).map_or(unit, |byte| byte.to_ascii_uppercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn devices_become_drive_letters_only_if_the_whole_name_matches() {
        let drives = Drives {
            letters: vec![
                (b'C'.into(), text("\\Device\\HarddiskVolume1")),
                (b'D'.into(), text("\\Device\\HarddiskVolume10")),
                (b'S'.into(), text("\\??\\C:\\subst")),
                (b'E'.into(), text("")),
            ],
            windows: text("C:\\Windows"),
        };
        for (path, expected) in [
            ("\\Device\\HarddiskVolume1\\Windows\\explorer.exe", "C:\\Windows\\explorer.exe"),
            ("\\device\\harddiskvolume10\\x.exe", "D:\\x.exe"),
            ("\\Device\\HarddiskVolume12\\x.exe", "\\Device\\HarddiskVolume12\\x.exe"),
            ("\\Device\\HarddiskVolume1", "\\Device\\HarddiskVolume1"),
            ("\\Device\\Mup\\server\\share\\x.exe", "\\\\server\\share\\x.exe"),
            ("\\SystemRoot\\System32\\smss.exe", "C:\\Windows\\System32\\smss.exe"),
            ("\\??\\C:\\x.exe", "C:\\x.exe"),
            ("Registry", "Registry"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf16(&drives.win32_path(&text(path))).unwrap(), expected);
        }
    }
}
