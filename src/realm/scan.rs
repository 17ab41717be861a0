//! All rows of the realm in the order of their keys, from any place on: exports, and backups that
//! go step by step.

use std::ops::Bound;

use super::row::{Key, Row};
use super::state::Realm;

impl Realm {
    /// All rows: what `apply_changes` would need to make this realm.
    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.rows_after(None)
    }

    /// The rows whose keys come after this one.
    pub fn rows_after<'a>(&'a self, after: Option<&Key>) -> impl Iterator<Item = Row> + 'a {
        let policy = after.is_none().then(|| Row::Policy(self.policy.clone()));
        let before_counters = matches!(after, None | Some(Key::Policy));
        let counters = before_counters.then(|| Row::Counters(self.counters.clone()));
        let rights = part(after, 2, |key| if let Key::Right(no) = key { Some(*no) } else { None });
        let rights = rights.into_iter().flat_map(|it| self.rights.range(it));
        let profiles =
            part(after, 3, |key| if let Key::Profile(no) = key { Some(*no) } else { None });
        let profiles = profiles.into_iter().flat_map(|it| self.profiles.range(it));
        let users = part(after, 4, |key| if let Key::User(no) = key { Some(*no) } else { None });
        let users = users.into_iter().flat_map(|it| self.users.range(it));
        let members =
            part(after, 5, |key| if let Key::Member(a, b) = key { Some((*a, *b)) } else { None });
        let members = members.into_iter().flat_map(|it| self.members.range(it));
        let grants =
            part(after, 6, |key| if let Key::Grant(a, b) = key { Some((*a, *b)) } else { None });
        let grants = grants.into_iter().flat_map(|it| self.grants.range(it));
        let direct =
            part(after, 7, |key| if let Key::Direct(a, b) = key { Some((*a, *b)) } else { None });
        let direct = direct.into_iter().flat_map(|it| self.direct.range(it));
        policy
            .into_iter()
            .chain(counters)
            .chain(rights.map(|(_, it)| Row::Right(it.clone())))
            .chain(profiles.map(|(_, it)| Row::Profile(it.clone())))
            .chain(users.map(|(_, it)| Row::User((**it).clone())))
            .chain(members.map(|(profile, user)| Row::Member(*profile, *user)))
            .chain(grants.map(|(profile, right)| Row::Grant(*profile, *right)))
            .chain(direct.map(|(user, right)| Row::Direct(*user, *right)))
            .chain(self.transient_rows_after(after))
    }

    /// Rows that come and go by themselves.
    fn transient_rows_after<'a>(&'a self, after: Option<&Key>) -> impl Iterator<Item = Row> + 'a {
        let sessions =
            part(after, 8, |key| if let Key::Session(no) = key { Some(*no) } else { None });
        let sessions = sessions.into_iter().flat_map(|it| self.sessions.range(it));
        let retired =
            part(
                after,
                9,
                |key| if let Key::RotatedToken(hash) = key { Some(*hash) } else { None },
            );
        let retired = retired.into_iter().flat_map(|it| self.rotated_tokens.range(it));
        let attempts = part(after, 10, |key| match key {
            Key::Attempts(name) => Some(name.clone()),
            _ => None,
        });
        let attempts = attempts.into_iter().flat_map(|it| self.attempts.range(it));
        sessions
            .map(|(_, it)| Row::Session((**it).clone()))
            .chain(retired.map(|(hash, it)| Row::RotatedToken(*hash, *it)))
            .chain(attempts.map(|(name, it)| Row::Attempts(name.clone(), it.clone())))
            .chain(self.other_rows_after(after))
    }

    /// Rows beside the records.
    fn other_rows_after<'a>(&'a self, after: Option<&Key>) -> impl Iterator<Item = Row> + 'a {
        let old = part(after, 11, |key| if let Key::History(no) = key { Some(*no) } else { None });
        let old = old.into_iter().flat_map(|it| self.histories.range(it));
        let one_time =
            part(after, 12, |key| if let Key::OneTime(hash) = key { Some(*hash) } else { None });
        let one_time = one_time.into_iter().flat_map(|it| self.one_time.range(it));
        let is_to_come = |kind| after.is_none_or(|after| after.kind() < kind);
        let connectors = self.token_lifetimes.filter(|_| is_to_come(13)).map(Row::TokenLifetimes);
        let salt_check = self.pepper_check.clone().filter(|_| is_to_come(14)).map(Row::PepperCheck);
        let seen = part(after, 20, |key| if let Key::Seen(id) = key { Some(*id) } else { None });
        let seen = seen.into_iter().flat_map(|it| self.seen.range(it));
        old.map(|(no, it)| Row::History(*no, it.clone()))
            .chain(one_time.map(|(hash, it)| Row::OneTime(*hash, *it)))
            .chain(connectors)
            .chain(salt_check)
            .chain(self.second_factor_rows_after(after))
            .chain(seen.map(|(id, at)| Row::Seen(*id, *at)))
    }

    /// Rows of second factors, resets and mails.
    fn second_factor_rows_after<'a>(
        &'a self,
        after: Option<&Key>,
    ) -> impl Iterator<Item = Row> + 'a {
        let factors =
            part(after, 15, |key| if let Key::SecondFactor(no) = key { Some(*no) } else { None });
        let factors = factors.into_iter().flat_map(|it| self.second_factors.range(it));
        let halves =
            part(
                after,
                16,
                |key| if let Key::PendingLogin(hash) = key { Some(*hash) } else { None },
            );
        let halves = halves.into_iter().flat_map(|it| self.pending_logins.range(it));
        let codes =
            part(after, 17, |key| if let Key::ActiveCode(no) = key { Some(*no) } else { None });
        let codes = codes.into_iter().flat_map(|it| self.active_codes.range(it));
        let resets =
            part(after, 18, |key| if let Key::SelfReset(no) = key { Some(*no) } else { None });
        let resets = resets.into_iter().flat_map(|it| self.self_resets.range(it));
        let mails = part(after, 19, |key| if let Key::Mail(no) = key { Some(*no) } else { None });
        let mails = mails.into_iter().flat_map(|it| self.mails.range(it));
        factors
            .map(|(no, it)| Row::SecondFactor(*no, it.clone()))
            .chain(halves.map(|(hash, it)| Row::PendingLogin(*hash, it.clone())))
            .chain(codes.map(|(_, it)| Row::ActiveCode(*it)))
            .chain(resets.map(|(no, it)| Row::SelfReset(*no, it.clone())))
            .chain(mails.map(|(_, it)| Row::Mail(it.clone())))
    }

    /// How many rows there are.
    pub fn rows_count(&self) -> usize {
        let records = self.rights.len() + self.profiles.len() + self.users.len();
        let relations = self.members.len() + self.grants.len() + self.direct.len();
        let passing = self.sessions.len() + self.rotated_tokens.len() + self.attempts.len();
        let single =
            usize::from(self.token_lifetimes.is_some()) + usize::from(self.pepper_check.is_some());
        let beside = self.histories.len() + self.one_time.len() + single;
        let second =
            self.second_factors.len() + self.pending_logins.len() + self.active_codes.len();
        let mails = self.self_resets.len() + self.mails.len();
        2 + records + relations + passing + self.seen.len() + beside + second + mails
    }

    /// The row with this key.
    pub fn row(&self, key: &Key) -> Option<Row> {
        Some(match key {
            Key::Policy => Row::Policy(self.policy.clone()),
            Key::Counters => Row::Counters(self.counters.clone()),
            Key::Right(no) => Row::Right(self.rights.get(no)?.clone()),
            Key::Profile(no) => Row::Profile(self.profiles.get(no)?.clone()),
            Key::User(no) => Row::User(self.user(*no)?.clone()),
            Key::Member(a, b) => self.members.get(&(*a, *b)).map(|(a, b)| Row::Member(*a, *b))?,
            Key::Grant(a, b) => self.grants.get(&(*a, *b)).map(|(a, b)| Row::Grant(*a, *b))?,
            Key::Direct(a, b) => self.direct.get(&(*a, *b)).map(|(a, b)| Row::Direct(*a, *b))?,
            Key::Session(no) => Row::Session(self.session(*no)?.clone()),
            Key::RotatedToken(hash) => Row::RotatedToken(*hash, *self.rotated_tokens.get(hash)?),
            Key::Attempts(name) => Row::Attempts(name.clone(), self.attempts.get(name)?.clone()),
            Key::Seen(id) => Row::Seen(*id, *self.seen.get(id)?),
            Key::History(no) => Row::History(*no, self.histories.get(no)?.clone()),
            Key::OneTime(hash) => Row::OneTime(*hash, *self.one_time.get(hash)?),
            Key::TokenLifetimes => Row::TokenLifetimes(self.token_lifetimes?),
            Key::PepperCheck => Row::PepperCheck(self.pepper_check.clone()?),
            Key::SecondFactor(no) => Row::SecondFactor(*no, self.second_factors.get(no)?.clone()),
            Key::PendingLogin(hash) => {
                Row::PendingLogin(*hash, self.pending_logins.get(hash)?.clone())
            }
            Key::ActiveCode(no) => Row::ActiveCode(*self.active_codes.get(no)?),
            Key::SelfReset(no) => Row::SelfReset(*no, self.self_resets.get(no)?.clone()),
            Key::Mail(no) => Row::Mail(self.mails.get(no)?.clone()),
        })
    }
}

/// What of the keys of one kind comes after a key; none: nothing.
fn part<K>(
    after: Option<&Key>,
    kind: u8,
    own: impl FnOnce(&Key) -> Option<K>,
) -> Option<(Bound<K>, Bound<K>)> {
    let from = match after {
        Some(key) if key.kind() > kind => return None,
        Some(key) if key.kind() == kind => own(key).map_or(Bound::Unbounded, Bound::Excluded),
        _ => Bound::Unbounded,
    };
    Some((from, Bound::Unbounded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::model::EntryId;
    use crate::realm::model::OneTime;
    use crate::realm::model::TokenHash;
    use crate::realm::model::{ProfileNo, SessionNo, UserNo};
    use crate::realm::row::Change;

    #[test]
    fn the_scan_goes_on_after_any_row_and_each_row_is_found_by_its_key() {
        let mut realm = Realm::default();
        let name = |text: &str| protocol::UserName::parse(text).unwrap();
        let attempts = ["a", "b", "c"].map(|it| Row::Attempts(name(it), Default::default()));
        let pairs = [(1, 2), (1, 3), (2, 1)];
        let members = pairs.map(|(a, b)| Row::Member(ProfileNo(a), UserNo(b)));
        let seen = [1, 2].map(|id| Row::Seen(EntryId(id), 5));
        let no = UserNo(7);
        let beside = [
            Row::History(no, Box::default()),
            Row::OneTime(TokenHash([3; 32]), OneTime { user: no, session: SessionNo(1), until: 5 }),
            Row::TokenLifetimes(Default::default()),
            Row::PepperCheck("check".into()),
        ];
        let rows = attempts.into_iter().chain(members).chain(seen).chain(beside);
        realm.apply_changes(&rows.map(Change::Put).collect::<Vec<_>>());
        let all: Vec<Row> = realm.rows().collect();
        assert_eq!((all.len(), realm.rows_count()), (14, 14));
        for (at, row) in all.iter().enumerate() {
            let key = row.key();
            assert_eq!(realm.row(&key).as_ref(), Some(row));
            let after: Vec<Row> = realm.rows_after(Some(&key)).collect();
            assert_eq!(after, all[at + 1..]);
        }
        assert!(all.is_sorted_by_key(Row::key));
    }
}
