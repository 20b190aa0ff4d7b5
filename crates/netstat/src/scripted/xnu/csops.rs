//! Signatures: those of programs below `/Applications` name a team, those with another path are of the system, and a
//! program without a path has none that is valid.

use super::{EINVAL, ENOENT, EPERM, Xnu};

const ERANGE: i32 = 34;

impl Xnu {
    /// The answer to `CS_OPS_IDENTITY` and `CS_OPS_TEAMID`.
    pub(super) fn signing_text(&self, pid: i32, operation: u32) -> Result<String, i32> {
        if self.0.machine.refuses_signatures {
            return Err(EPERM);
        }
        // 0 means the caller.
        let pid = if pid == 0 { self.0.machine.pid.try_into().unwrap_or(i32::MAX) } else { pid };
        let process = self.find(pid, false)?;
        let path = process.path.as_deref().ok_or(EINVAL)?;
        let is_of_team = path.starts_with("/Applications/");
        match operation {
            11 if is_of_team => Ok(format!("org.example.{}", process.name)),
            11 => Ok(format!("com.apple.{}", process.name)),
            14 if is_of_team => Ok("ABCDE12345".to_owned()),
            14 => Err(ENOENT),
            _ => Err(EINVAL),
        }
    }
}

/// Copies a text behind its header.
pub(super) fn copy_signing_text(text: &str, buffer: &mut [u8]) -> Result<(), i32> {
    let length = 8 + text.len() + 1;
    let mut answer = vec![0; 4];
    answer.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    answer.extend(text.bytes().chain([0]));
    let place = buffer.get_mut(..length).ok_or(ERANGE)?;
    place.copy_from_slice(&answer);
    Ok(())
}
