//! Refusals that no command was made of: collected for the audit trail by address and code, so that
//! a flood of them costs a row a second.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use protocol::{NackCode, UserName};

use crate::platform::ClientNetwork;
use crate::realm::RefusalCount;
/// Addresses and codes that one command tells; what is beyond is told without its address.
const KINDS_MAX: usize = 64;

/// What is noted until the next command.
#[derive(Debug, Default)]
pub struct RefusalLog {
    kinds: Mutex<BTreeMap<(Option<ClientNetwork>, &'static str), RefusalCount>>,
}

impl RefusalLog {
    /// Notes a refusal, if it is one that says no to a person. `gets_in`: of a message that anybody
    /// may send.
    pub fn record(
        &self,
        event: &'static str,
        is_open: bool,
        address: IpAddr,
        user_name: Option<&UserName>,
        code: NackCode,
    ) {
        if !is_audited(is_open, code) {
            return;
        }
        let mut kinds = self.kinds.lock();
        let network = ClientNetwork::from(address);
        let known = kinds.len() < KINDS_MAX || kinds.contains_key(&(Some(network), code.code()));
        let host = if known { address.to_string() } else { "(others)".to_owned() };
        let key = (known.then_some(network), code.code());
        let refusal_count = kinds.entry(key).or_insert_with(|| RefusalCount {
            event: event.into(),
            host: host.into(),
            user_name: None,
            code: code.code().into(),
            count: 0,
        });
        refusal_count.count = refusal_count.count.saturating_add(1);
        refusal_count.event = event.into();
        refusal_count.user_name = user_name.cloned().or(refusal_count.user_name.take());
    }

    /// Takes what was noted since the last time.
    pub fn drain(&self) -> Vec<RefusalCount> {
        std::mem::take(&mut *self.kinds.lock()).into_values().collect()
    }
}

/// Refused logins and refused powers. A message without a session is told only where it is about
/// getting in: otherwise it is a GUI that is late.
fn is_audited(is_open: bool, code: NackCode) -> bool {
    use NackCode::{
        IncorrectCredentials, LockedAccount, LoginFail, MaxActiveSessionsReached, NotAuthorised,
        PasswordExpired, SessionExpired, SessionNotFound, TooManyRequests, UnknownAccount,
    };
    match code {
        NotAuthorised | LoginFail | UnknownAccount | IncorrectCredentials => true,
        LockedAccount | PasswordExpired | MaxActiveSessionsReached => true,
        SessionNotFound | SessionExpired | TooManyRequests => is_open,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_row_for_each_address_and_code() {
        let refusal_log = RefusalLog::default();
        let name = UserName::parse("jane").unwrap();
        let record = |last: u8, code| {
            let address = IpAddr::from([127, 0, 0, last]);
            refusal_log.record("EVENT_LOGIN_AUTH", true, address, Some(&name), code);
        };
        for _ in 0..1_000 {
            record(1, NackCode::LockedAccount);
            record(1, NackCode::UnknownAccount);
            record(1, NackCode::MissingField);
        }
        (2..=200).for_each(|last| record(last, NackCode::LockedAccount));
        let taken = refusal_log.drain();
        assert_eq!(taken.len(), KINDS_MAX + 1);
        let total: u32 = taken.iter().map(|refusal_count| refusal_count.count).sum();
        assert_eq!(total, 2_199);
        let others = taken.iter().find(|refusal_count| &*refusal_count.host == "(others)").unwrap();
        assert_eq!(others.count, 199 + 2 - KINDS_MAX as u32);
        assert!(refusal_log.drain().is_empty());
    }
}
