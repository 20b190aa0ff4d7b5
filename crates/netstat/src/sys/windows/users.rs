//! The user of a process, by name.
//!
//! The token of a process has the SID of its user. The local security authority knows the names of built-in accounts
//! (services among them) and of the machine's own users; the caller's session has its own. To name a user of a domain,
//! Windows would query a server, and the listing would wait for one that does not answer. Such a user is shown by the
//! SID in its string form, `S-1-5-21-...`.
//!
//! Sources: LookupAccountSidW, "Well-known SIDs" and [MS-DTYP] 2.4.2.1 on learn.microsoft.com.

use super::kernel::{Account, Kernel};
use std::collections::HashMap;

/// The names of users, cached for one listing.
pub(super) struct Users<'a, K> {
    kernel: &'a K,
    names: HashMap<Vec<u8>, Option<String>>,
    /// Read with the first user.
    own: Option<Own>,
}

/// The caller's account, and the SID of the machine.
struct Own {
    account: Option<Account>,
    machine: Option<Vec<u8>>,
}

impl<'a, K: Kernel> Users<'a, K> {
    pub(super) fn new(kernel: &'a K) -> Self {
        Self { kernel, names: HashMap::new(), own: None }
    }

    /// The user of a process; `None` if the caller may not read it.
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
        let number = sid_string(sid)?;
        let own = self
            .own
            .get_or_insert_with(|| Own { account: kernel.own_account(), machine: kernel.machine_sid() });
        if let Some(account) = own.account.as_ref().filter(|account| account.sid == sid) {
            return Some(String::from_utf16_lossy(&account.name));
        }
        if !may_need_server(sid) || own.machine.as_deref().is_some_and(|machine| is_account_of(sid, machine))
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

/// Revision, authority and sub-authorities of a SID; `None` if the bytes are not one.
fn parts(sid: &[u8]) -> Option<(u8, u64, impl Iterator<Item = u32> + '_)> {
    let (head, numbers) = sid.split_first_chunk::<8>()?;
    let [revision, count, authority @ ..] = *head;
    let authority = authority.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let numbers = numbers.get(..usize::from(count) * 4)?;
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
    Some((revision, authority, numbers.chunks_exact(4).map(number)))
}

/// The string form of a SID.
fn sid_string(sid: &[u8]) -> Option<String> {
    let (revision, authority, numbers) = parts(sid)?;
    let mut text = format!("S-{revision}-{authority}");
    for number in numbers {
        text.push_str(&format!("-{number}"));
    }
    Some(text)
}

/// Whether possibly only a server knows the name: accounts of domains (`S-1-5-21-`, like those of this machine), and of
/// Entra ID (`S-1-12-`).
fn may_need_server(sid: &[u8]) -> bool {
    match parts(sid) {
        Some((_, 5, mut numbers)) => numbers.next() == Some(21),
        Some((_, 12, _)) => true,
        _ => false,
    }
}

/// Whether an account belongs to the machine or domain with this SID: its sub-authorities, and one more.
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
    fn sid_has_its_string_form_and_other_bytes_have_none() {
        assert_eq!(sid_string(&sid(5, &[18])).unwrap(), "S-1-5-18");
        let user = sid(5, &[21, 1_004_336_348, 1_177_238_915, 682_003_330, 512]);
        assert_eq!(sid_string(&user).unwrap(), "S-1-5-21-1004336348-1177238915-682003330-512");
        for cut in 0..user.len() {
            assert_eq!(sid_string(&user[..cut]), None);
        }
    }

    #[test]
    fn accounts_that_may_need_a_server_are_recognized() {
        assert!(!may_need_server(&sid(5, &[18])));
        assert!(!may_need_server(&sid(5, &[80, 1, 2, 3, 4, 5])));
        assert!(may_need_server(&sid(5, &[21, 1, 2, 3, 500])));
        assert!(may_need_server(&sid(12, &[1, 2, 3, 4, 5])));
        let machine = sid(5, &[21, 1, 2, 3]);
        assert!(is_account_of(&sid(5, &[21, 1, 2, 3, 500]), &machine));
        assert!(!is_account_of(&sid(5, &[21, 1, 2, 4, 500]), &machine));
        assert!(!is_account_of(&sid(5, &[21, 1, 2, 3, 4, 500]), &machine));
        assert!(!is_account_of(&machine, &machine));
        assert!(!is_account_of(&[], &machine));
    }
}
