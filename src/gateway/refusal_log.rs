//! Refusal log: counts refusals of messages that submit no command, for the audit trail.
//!
//! Refusals are counted by client network and code, so that a flood of equal refusals costs one
//! audit row per second.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use protocol::{NackCode, UserName};

use crate::platform::ClientNetwork;
use crate::realm::RefusalCount;

/// Maximum number of counts by client network and code in one command. Refusals that would need a
/// further count are counted by code only.
const KINDS_MAX: usize = 64;

/// The refusals since the last command that wrote them.
#[derive(Debug, Default)]
pub struct RefusalLog {
    kinds: Mutex<BTreeMap<(Option<ClientNetwork>, &'static str), RefusalCount>>,
}

impl RefusalLog {
    /// Counts a refusal if it belongs in the audit trail. `is_sessionless`: whether the message can
    /// be sent without a session.
    pub fn record(
        &self,
        event: &'static str,
        is_sessionless: bool,
        address: IpAddr,
        user_name: Option<&UserName>,
        code: NackCode,
    ) {
        if !is_audited(is_sessionless, code) {
            return;
        }
        let mut kinds = self.kinds.lock();
        let network = ClientNetwork::from(address);
        let by_network =
            kinds.len() < KINDS_MAX || kinds.contains_key(&(Some(network), code.code()));
        let host = if by_network { address.to_string() } else { "(others)".to_owned() };
        let key = (by_network.then_some(network), code.code());
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

    /// Returns the counts since the last call and resets them.
    pub fn drain(&self) -> Vec<RefusalCount> {
        std::mem::take(&mut *self.kinds.lock()).into_values().collect()
    }
}

/// Whether a refusal is audited: failed logins and missing rights. A missing or expired session and
/// an exceeded rate limit are audited only for messages that need no session, such as logins. For
/// other messages they are ordinary errors of a GUI.
fn is_audited(is_sessionless: bool, code: NackCode) -> bool {
    use NackCode::{
        IncorrectCredentials, LockedAccount, LoginFail, MaxActiveSessionsReached, NotAuthorised,
        PasswordExpired, SessionExpired, SessionNotFound, TooManyRequests, UnknownAccount,
    };
    match code {
        NotAuthorised | LoginFail | UnknownAccount | IncorrectCredentials => true,
        LockedAccount | PasswordExpired | MaxActiveSessionsReached => true,
        SessionNotFound | SessionExpired | TooManyRequests => is_sessionless,
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
