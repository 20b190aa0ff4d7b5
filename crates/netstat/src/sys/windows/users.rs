//! The user of a process, by name.
//!
//! The token of a process has the SID of its user. It can be read for processes of the caller's own account; for the
//! others only with `SeDebugPrivilege` enabled, which even an elevated program has disabled, and which a library should
//! not enable. If a token is denied, one `WTSEnumerateProcessesExW` returns the users of all processes, to administrators
//! those of other sessions too.
//!
//! The local security authority knows the names of built-in accounts (services among them) and of the machine's own
//! users; the caller's session has its own. To name a user of a domain, Windows would query a server, and the listing
//! would wait for one that does not answer. Such a user is shown by the SID in its string form, `S-1-5-21-...`.
//!
//! Sources: LookupAccountSidW, WTSEnumerateProcessesExW, "Well-known SIDs" and [MS-DTYP] 2.4.2.1 on learn.microsoft.com.

use super::kernel::{Account, Kernel};
use super::shared::Shared;
use crate::model::gap::{Gap, GapKind};
use std::collections::HashMap;
use std::sync::Arc;

/// A call that was denied for want of a right.
const ERROR_ACCESS_DENIED: u32 = 5;

/// The names of users, cached for one listing.
pub(super) struct Users<'a, K> {
    shared: &'a Arc<Shared<K>>,
    names: HashMap<Vec<u8>, Option<String>>,
    /// Read with the first user.
    own: Option<Own>,
    /// By pid. Read with the first denied token.
    of_others: Option<HashMap<u32, Vec<u8>>>,
    /// How many names, or lists of users, were not read in time.
    skipped: u64,
}

/// The caller's account, and the SID of the machine.
#[derive(Default)]
struct Own {
    account: Option<Account>,
    machine: Option<Vec<u8>>,
}

impl<'a, K: Kernel> Users<'a, K> {
    pub(super) fn new(shared: &'a Arc<Shared<K>>) -> Self {
        Self { shared, names: HashMap::new(), own: None, of_others: None, skipped: 0 }
    }

    /// The user of a process; `None` if the caller may not read it.
    pub(super) fn of_process(&mut self, pid: u32) -> Option<String> {
        let sid = match self.shared.kernel.user(pid) {
            Ok(sid) => sid,
            Err(ERROR_ACCESS_DENIED) => self.of_other(pid)?,
            Err(_) => return None,
        };
        if let Some(name) = self.names.get(&sid) {
            return name.clone();
        }
        let name = self.name(&sid);
        self.names.insert(sid, name.clone());
        name
    }

    /// The gap that calls without an answer have left.
    pub(super) fn gap(&self) -> Option<Gap> {
        let source = "users: a service of the system has not answered in time";
        (self.skipped > 0).then(|| Gap::new(GapKind::NamesUnavailable, self.skipped, source))
    }

    /// The SID of a process whose token is denied.
    fn of_other(&mut self, pid: u32) -> Option<Vec<u8>> {
        if self.of_others.is_none() {
            let users = self.call(K::process_users).and_then(Result::ok).unwrap_or_default();
            self.of_others = Some(users.into_iter().collect());
        }
        self.of_others.as_ref()?.get(&pid).cloned()
    }

    fn name(&mut self, sid: &[u8]) -> Option<String> {
        let number = sid_string(sid)?;
        if self.own.is_none() {
            let own = |kernel: &K| Own { account: kernel.own_account(), machine: kernel.machine_sid() };
            self.own = Some(self.call(own).unwrap_or_default());
        }
        let own = self.own.as_ref()?;
        if let Some(account) = own.account.as_ref().filter(|account| account.sid == sid) {
            return Some(String::from_utf16_lossy(&account.name));
        }
        if may_need_server(sid) && !own.machine.as_deref().is_some_and(|machine| is_account_of(sid, machine))
        {
            return Some(number);
        }
        let owned = sid.to_vec();
        let account = self.call(move |kernel| kernel.account(&owned)).flatten();
        let full = account.filter(|(_, name)| !name.is_empty()).map(|(domain, name)| {
            let (domain, name) = (String::from_utf16_lossy(&domain), String::from_utf16_lossy(&name));
            if domain.is_empty() { name } else { format!("{domain}\\{name}") }
        });
        Some(full.unwrap_or(number))
    }

    /// Calls a service of the system, and counts a missing answer.
    fn call<T: Send + 'static>(&mut self, call: impl FnOnce(&K) -> T + Send + 'static) -> Option<T> {
        let result = self.shared.call_service(call);
        self.skipped += u64::from(result.is_none());
        result
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
