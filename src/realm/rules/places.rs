//! Places of users, and counts of wrong codes, which each place has of its own.

use crate::realm::model::{
    DailyCounter, LoginClient, LoginPlace, Millis, SecondFactor, User, UserNo,
};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether the user logged in from this client network within 30 days.
    pub fn is_place(&self, at: Millis, user: UserNo, network: &str) -> bool {
        self.place(at, user, network).is_some()
    }

    fn place(&self, at: Millis, user: UserNo, network: &str) -> Option<&LoginPlace> {
        self.places.get(&user)?.find(at, network)
    }

    /// Returns the change that remembers the place of a login; `None` if it is known.
    pub(super) fn remember_place(
        &self,
        at: Millis,
        user: UserNo,
        client: &LoginClient,
    ) -> Option<Change> {
        if self.is_first_edition() {
            return None;
        }
        let before = self.places.get(&user).cloned().unwrap_or_default();
        let after = before.after_login(at, &client.network)?;
        Some(Change::Put(Row::Places(user, after)))
    }

    /// Returns until when codes of this user from this client are refused because of wrong codes.
    pub(super) fn codes_locked_until(
        &self,
        at: Millis,
        user: UserNo,
        client: &LoginClient,
    ) -> Option<Millis> {
        let elsewhere = || self.second_factors.get(&user).map(|it| it.day);
        if self.is_first_edition() {
            return elsewhere()?.locked_in_first_edition(at).filter(|_| !client.familiar);
        }
        let place = self.place(at, user, &client.network).map(|place| place.codes);
        place.or_else(elsewhere)?.waits_until(at)
    }

    /// Returns the changes that count one more wrong code of a user. A waiting time that the code
    /// causes is also noted among the attempts, which administrators see.
    pub(super) fn count_wrong_code(
        &self,
        at: Millis,
        user: &User,
        client: &LoginClient,
    ) -> Vec<Change> {
        let count = |counter: DailyCounter| {
            if self.is_first_edition() {
                counter.incremented_in_first_edition(at)
            } else {
                counter.incremented(at, self.policy.lock_ms)
            }
        };
        let places = self.places.get(&user.no);
        let here = places.and_then(|it| Some((it, it.find(at, &client.network)?.codes)));
        let (day, row) = match here {
            Some((places, codes)) => {
                let day = count(codes);
                (day, Row::Places(user.no, places.with_codes(&client.network, day)))
            }
            None => {
                let own = self.second_factors.get(&user.no).cloned().unwrap_or_default();
                let day = count(own.day);
                (day, Row::SecondFactor(user.no, SecondFactor { day, ..own }))
            }
        };
        let noted = day.locked_until.map(|until| {
            let mut attempts = self.attempts.get(&user.name).cloned().unwrap_or_default();
            attempts.codes_locked_until = attempts.codes_locked_until.max(Some(until));
            attempts.at = at;
            Row::Attempts(user.name.clone(), attempts)
        });
        [row].into_iter().chain(noted).map(Change::Put).collect()
    }

    /// Returns the changes that clear the counts of wrong codes of a user.
    pub(super) fn forgive_codes(&self, user: UserNo) -> Vec<Change> {
        let places = self.places.get(&user).and_then(|places| places.without_codes());
        let own = self.second_factors.get(&user).filter(|own| !own.day.is_empty());
        let cleared = own.map(|own| SecondFactor { day: DailyCounter::default(), ..own.clone() });
        let rows = places.map(|places| Row::Places(user, places)).into_iter();
        rows.chain(cleared.map(|own| Row::SecondFactor(user, own))).map(Change::Put).collect()
    }
}
