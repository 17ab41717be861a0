//! Refusal log: counts refusals of messages that submit no command, for the audit trail.
//!
//! Refusals are counted by client network, user, event, target and code, so that a flood of equal
//! refusals costs one audit row per second, and each user and event has its own row. Dry runs are
//! counted in the same way, because they submit no command either.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use protocol::{NackCode, UserName};

use crate::platform::ClientNetwork;
use crate::realm::RefusalCount;

/// Maximum number of kinds of refusals in one command. Refusals of further kinds are counted
/// together, in a row with the event OTHERS.
const KINDS_MAX: usize = 1_000;

/// A message that submitted no command, for the audit trail. Equal messages of one client network
/// are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsubmittedMessage {
    /// The user of the session, or else the name that the client sent.
    pub user_name: Option<UserName>,
    /// MESSAGE_TYPE.
    pub event: &'static str,
    /// The name of the user or record that the message is about; `None` if it is not known.
    pub target: Option<Box<str>>,
    /// The code of the NACK; OK for an accepted dry run.
    pub code: &'static str,
    /// Whether the message was a dry run.
    pub dry_run: bool,
}

impl UnsubmittedMessage {
    /// A refused message without a user and without a target.
    pub fn refused(event: &'static str, code: NackCode) -> Self {
        let code = code.code();
        Self { user_name: None, event, target: None, code, dry_run: false }
    }
}

/// What is counted separately.
type Kind = (ClientNetwork, UnsubmittedMessage);

/// The refusals since the last command that wrote them.
#[derive(Debug, Default)]
pub struct RefusalLog {
    counts: Mutex<Refusals>,
    /// Held while refusals are written, so that the last write of a shutdown waits for this one.
    pub writing: tokio::sync::Mutex<()>,
}

/// Counted refusals.
#[derive(Debug, Default)]
pub struct Refusals {
    /// The address of the first client, and the number of refusals.
    kinds: BTreeMap<Kind, (IpAddr, u32)>,
    others: u32,
}

impl RefusalLog {
    /// Counts a message of the client with this address.
    pub fn record(&self, address: IpAddr, message: UnsubmittedMessage) {
        self.counts.lock().add((address.into(), message), address, 1);
    }

    /// Returns the counts since the last call and resets them.
    pub fn drain(&self) -> Refusals {
        std::mem::take(&mut *self.counts.lock())
    }

    /// Counts drained refusals again, because they were not written.
    pub fn restore(&self, refusals: Refusals) {
        let mut counts = self.counts.lock();
        for (kind, (address, count)) in refusals.kinds {
            counts.add(kind, address, count);
        }
        counts.others = counts.others.saturating_add(refusals.others);
    }
}

impl Refusals {
    fn add(&mut self, kind: Kind, address: IpAddr, count: u32) {
        let is_new = !self.kinds.contains_key(&kind);
        let total = if is_new && self.kinds.len() >= KINDS_MAX {
            &mut self.others
        } else {
            &mut self.kinds.entry(kind).or_insert((address, 0)).1
        };
        *total = total.saturating_add(count);
    }

    /// Returns the counts as the content of a command.
    pub fn to_counts(&self) -> Vec<RefusalCount> {
        let count = |(kind, (address, count)): (&Kind, &(IpAddr, u32))| RefusalCount {
            event: kind.1.event.into(),
            host: address.to_string().into(),
            user_name: kind.1.user_name.clone(),
            target: kind.1.target.clone(),
            code: kind.1.code.into(),
            count: *count,
            dry_run: kind.1.dry_run,
        };
        let others = (self.others > 0).then(|| RefusalCount {
            event: "OTHERS".into(),
            host: "(others)".into(),
            user_name: None,
            target: None,
            code: "REFUSED".into(),
            count: self.others,
            dry_run: false,
        });
        self.kinds.iter().map(count).chain(others).collect()
    }
}

/// Whether a refusal is audited: failed logins and missing rights. A missing or expired session, a
/// wrong reset token and an exceeded rate limit are audited only for messages that need no session,
/// such as logins. For other messages they are ordinary errors of a GUI.
pub fn is_audited(is_sessionless: bool, code: NackCode) -> bool {
    use NackCode::{
        IncorrectCredentials, InvalidToken, LockedAccount, LoginFail, MaxActiveSessionsReached,
        NotAuthorised, PasswordExpired, SessionExpired, SessionNotFound, TooManyRequests,
        UnknownAccount,
    };
    match code {
        NotAuthorised | LoginFail | UnknownAccount | IncorrectCredentials => true,
        LockedAccount | PasswordExpired | MaxActiveSessionsReached => true,
        InvalidToken | SessionNotFound | SessionExpired | TooManyRequests => is_sessionless,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(refusal_log: &RefusalLog, user: &str, event: &'static str, code: NackCode) {
        if is_audited(true, code) {
            let user_name = UserName::parse(user).ok();
            let message =
                UnsubmittedMessage { user_name, ..UnsubmittedMessage::refused(event, code) };
            refusal_log.record([127, 0, 0, 1].into(), message);
        }
    }

    #[test]
    fn each_user_event_and_code_of_an_address_has_its_own_count() {
        let refusal_log = RefusalLog::default();
        for _ in 0..50 {
            record(&refusal_log, "mallory", "EVENT_BACKUP", NackCode::NotAuthorised);
            record(&refusal_log, "mallory", "EVENT_DELETE_USER", NackCode::NotAuthorised);
            record(&refusal_log, "mallory", "EVENT_BACKUP", NackCode::MissingField);
        }
        record(&refusal_log, "bob", "EVENT_HEARTBEAT", NackCode::NotAuthorised);
        let counts = refusal_log.drain().to_counts();
        let rows = counts.iter().map(|it| {
            let user = it.user_name.as_ref().map_or("", UserName::as_str);
            (user, &*it.event, it.count)
        });
        let expected = [
            ("bob", "EVENT_HEARTBEAT", 1),
            ("mallory", "EVENT_BACKUP", 50),
            ("mallory", "EVENT_DELETE_USER", 50),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        assert!(refusal_log.drain().to_counts().is_empty());
    }

    #[test]
    fn kinds_beyond_the_maximum_are_one_exact_count() {
        let refusal_log = RefusalLog::default();
        for at in 0..KINDS_MAX + 500 {
            record(&refusal_log, &format!("u{at}"), "EVENT_LOGIN_AUTH", NackCode::UnknownAccount);
        }
        record(&refusal_log, "u0", "EVENT_LOGIN_AUTH", NackCode::UnknownAccount);
        // Refusals that were not written are counted with those that came meanwhile.
        let drained = refusal_log.drain();
        record(&refusal_log, "meanwhile", "EVENT_LOGIN_AUTH", NackCode::UnknownAccount);
        refusal_log.restore(drained);
        let counts = refusal_log.drain().to_counts();
        assert_eq!(counts.len(), KINDS_MAX + 1);
        assert_eq!(counts.iter().map(|it| it.count).sum::<u32>(), KINDS_MAX as u32 + 502);
        let others = counts.iter().find(|it| &*it.event == "OTHERS").unwrap();
        assert_eq!((others.count, &*others.host, &*others.code), (501, "(others)", "REFUSED"));
    }
}
