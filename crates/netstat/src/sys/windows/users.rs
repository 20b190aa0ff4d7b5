//! The user of a process, by name.
//!
//! The token of a process tells its user as a number (SID). Its name is asked of the machine's own authority
//! where that knows it by itself: services and other built-in accounts, the machine's own users, the caller.
//! To name a user of a domain it would ask a server, and might keep a listing waiting for one that does not
//! answer: such a user is told as the number in its usual form, `S-1-5-21-...`.
//!
//! Sources: LookupAccountSidW, "Well-known SIDs" and [MS-DTYP] 2.4.2.1 on learn.microsoft.com.

use super::kernel::{Account, Kernel};
use std::collections::HashMap;

/// The users that one listing has met.
pub(super) struct Users<'a, K> {
    kernel: &'a K,
    names: HashMap<Vec<u8>, Option<String>>,
    /// Read when the first user asks for it.
    own: Option<Own>,
}

/// What the machine says of itself and the caller.
struct Own {
    account: Option<Account>,
    machine: Option<Vec<u8>>,
}

impl<'a, K: Kernel> Users<'a, K> {
    pub(super) fn new(kernel: &'a K) -> Self {
        Self { kernel, names: HashMap::new(), own: None }
    }

    /// The user of a process; `None` where this caller may not know it.
    pub(super) fn of_process(&mut self, pid: u32) -> Option<String> {
        let sid = self.kernel.user(pid).ok()?;
        if let Some(name) = self.names.get(&sid) {
            return name.clone();
        }
        let name = self.name(&sid);
        self.names.insert(sid, name.clone());
        name
    }

    fn name(&mut self, sid: &[u8]) -> Option<String> {
        let kernel = self.kernel;
        let number = text(sid)?;
        let own = self
            .own
            .get_or_insert_with(|| Own { account: kernel.own_account(), machine: kernel.machine_sid() });
        if let Some(account) = own.account.as_ref().filter(|account| account.sid == sid) {
            return Some(String::from_utf16_lossy(&account.name));
        }
        if !may_need_a_server(sid)
            || own.machine.as_deref().is_some_and(|machine| is_account_of(sid, machine))
        {
            let named = kernel.account(sid).filter(|(_, name)| !name.is_empty());
            let full = named.map(|(domain, name)| {
                let (domain, name) = (String::from_utf16_lossy(&domain), String::from_utf16_lossy(&name));
                if domain.is_empty() { name } else { format!("{domain}\\{name}") }
            });
            return Some(full.unwrap_or(number));
        }
        Some(number)
    }
}

/// Revision, authority and numbers of a SID; `None` if it is none.
fn parts(sid: &[u8]) -> Option<(u8, u64, impl Iterator<Item = u32> + '_)> {
    let (head, numbers) = sid.split_first_chunk::<8>()?;
    let [revision, count, authority @ ..] = *head;
    let authority = authority.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let numbers = numbers.get(..usize::from(count) * 4)?;
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
    Some((revision, authority, numbers.chunks_exact(4).map(number)))
}

/// A SID in its usual form.
fn text(sid: &[u8]) -> Option<String> {
    let (revision, authority, numbers) = parts(sid)?;
    let mut text = format!("S-{revision}-{authority}");
    for number in numbers {
        text.push_str(&format!("-{number}"));
    }
    Some(text)
}

/// Whether only a server may know the name: accounts of domains (`S-1-5-21-`, which those of this machine
/// look like too), and of the cloud (`S-1-12-`).
fn may_need_a_server(sid: &[u8]) -> bool {
    match parts(sid) {
        Some((_, 5, mut numbers)) => numbers.next() == Some(21),
        Some((_, 12, _)) => true,
        _ => false,
    }
}

/// Whether an account is one of the machine or domain whose own SID this is: all its numbers, and one more.
fn is_account_of(sid: &[u8], domain: &[u8]) -> bool {
    let (Some((_, a, of_sid)), Some((_, b, of_domain))) = (parts(sid), parts(domain)) else { return false };
    let (of_sid, of_domain): (Vec<u32>, Vec<u32>) = (of_sid.collect(), of_domain.collect());
    a == b && of_sid.split_last().is_some_and(|(_, rest)| rest == of_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(authority: u8, numbers: &[u32]) -> Vec<u8> {
        let mut bytes = vec![1, u8::try_from(numbers.len()).unwrap(), 0, 0, 0, 0, 0, authority];
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn sid_has_its_usual_form_and_what_is_none_has_none() {
        assert_eq!(text(&sid(5, &[18])).unwrap(), "S-1-5-18");
        let user = sid(5, &[21, 1_004_336_348, 1_177_238_915, 682_003_330, 512]);
        assert_eq!(text(&user).unwrap(), "S-1-5-21-1004336348-1177238915-682003330-512");
        for cut in 0..user.len() {
            assert_eq!(text(&user[..cut]), None);
        }
    }

    #[test]
    fn names_that_only_a_server_knows_are_told_apart() {
        assert!(!may_need_a_server(&sid(5, &[18])));
        assert!(!may_need_a_server(&sid(5, &[80, 1, 2, 3, 4, 5])));
        assert!(may_need_a_server(&sid(5, &[21, 1, 2, 3, 500])));
        assert!(may_need_a_server(&sid(12, &[1, 2, 3, 4, 5])));
        let machine = sid(5, &[21, 1, 2, 3]);
        assert!(is_account_of(&sid(5, &[21, 1, 2, 3, 500]), &machine));
        assert!(!is_account_of(&sid(5, &[21, 1, 2, 4, 500]), &machine));
        assert!(!is_account_of(&sid(5, &[21, 1, 2, 3, 4, 500]), &machine));
        assert!(!is_account_of(&machine, &machine));
        assert!(!is_account_of(&[], &machine));
    }
}
