//! `TCPIP_OWNER_MODULE_BASIC_INFO` (`iprtrmib.h`): the module or service that made an endpoint, by name and
//! path; what `GetOwnerModuleFromTcpEntry` and its kin write.
//!
//! Two pointers to strings that end with a NUL, `pModuleName` and `pModulePath`; the strings stand behind
//! them in the same answer. A caller who is no administrator gets empty strings for what lies below the
//! system's directory.

use super::PointerWidth;
use super::utf_16::{inside, units};
use crate::reader::{DecodeError, Reader};

/// The module that made an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerModuleBasicInfo {
    /// `pModuleName`: the service's name, or that of the program. Empty where the system does not tell it.
    pub name: Vec<u16>,
    /// `pModulePath`. Empty where the system does not tell it.
    pub path: Vec<u16>,
}

impl OwnerModuleBasicInfo {
    /// Reads an answer that was written to `address`.
    ///
    /// # Errors
    /// The pointers are not there whole. A string that lies outside of the answer is an empty one.
    pub fn decode(answer: &[u8], address: u64, width: PointerWidth) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("TCPIP_OWNER_MODULE_BASIC_INFO", answer);
        let (name, path) = (width.take(&mut reader)?, width.take(&mut reader)?);
        let string = |pointer| {
            let rest = usize::try_from(u64::checked_sub(pointer, address)?).ok()?;
            let length = answer.len().checked_sub(rest)?;
            let text = inside(answer, address, pointer, length)?;
            Some(units(text).take_while(|unit| *unit != 0).collect())
        };
        Ok(Self { name: string(name).unwrap_or_default(), path: string(path).unwrap_or_default() })
    }
}
