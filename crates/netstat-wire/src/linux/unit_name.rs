//! The names of systemd's units, and of the snaps and Flatpaks that some of them are of.
//!
//! Sources: systemd's `unit-name.c`; snapd's `sandbox/cgroup`; Flatpak's `flatpak-run.c`.

use super::uuid::is_uuid;

/// A program that was installed as a bundle.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Bundle<'p> {
    /// A snap.
    Snap {
        /// Its name, with its instance: `lxd`, `firefox`.
        name: &'p [u8],
        /// The program, service or hook: `daemon`, `hook.install`.
        app: &'p [u8],
    },
    /// A Flatpak, by the id of its application, in which `\xHH` stands for a byte.
    Flatpak(&'p [u8]),
}

/// Kinds of units that have processes.
const UNITS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];

/// Whether a name is of a kind of unit that has processes.
pub(super) fn has_processes(name: &[u8]) -> bool {
    UNITS.iter().any(|suffix| name.ends_with(suffix))
}

/// `VALID_CHARS_WITH_AT` of systemd, and no more than its `UNIT_NAME_MAX`.
pub(super) fn is_unit_name(name: &[u8]) -> bool {
    let is_valid = |byte: &u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(byte);
    let starts_well = name.first().is_some_and(|first| !matches!(first, b'.' | b'@'));
    name.len() < 256 && starts_well && name.iter().all(is_valid)
}

/// A number in decimal digits alone.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// The bundle that a unit is of.
pub(super) fn bundle(unit: &[u8]) -> Option<Bundle<'_>> {
    let scope = unit.strip_suffix(b".scope");
    let name = scope.or_else(|| unit.strip_suffix(b".service"))?;
    if let Some(rest) = name.strip_prefix(b"snap.") {
        let (name, app) = split_once(rest, b'.')?;
        // Each run of a program has a scope of its own, by a UUID.
        let without_uuid = |app: &'_ [u8]| -> Option<usize> {
            let at = app.len().checked_sub(37)?;
            let is_run = matches!(app.get(at), Some(b'-' | b'.'));
            let uuid = app.get(at.checked_add(1)?..)?;
            (is_run && is_uuid(uuid, b'-')).then_some(at)
        };
        let app = match scope.and_then(|_| without_uuid(app)) {
            Some(end) => app.get(..end)?,
            None => app,
        };
        return (!name.is_empty() && !app.is_empty()).then_some(Bundle::Snap { name, app });
    }
    let rest = name.strip_prefix(b"app-flatpak-")?;
    // Behind the id there is a number: of the process, or a random one.
    let dash = rest.iter().rposition(|byte| *byte == b'-')?;
    let (id, instance) = (rest.get(..dash)?, rest.get(dash.checked_add(1)?..)?);
    number(instance).filter(|_| id.contains(&b'.')).map(|_| Bundle::Flatpak(id))
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// The name that a part of a unit's name stands for: `\x2d` is `-`. What is no such escape stays as it is.
pub fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let escape = after.strip_prefix(b"x").and_then(|digits| digits.split_at_checked(2));
        let byte =
            escape.and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, byte, escape) {
            (b'\\', Some(byte), Some((digits, after))) if digits.iter().all(u8::is_ascii_hexdigit) => {
                out.push(byte);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
