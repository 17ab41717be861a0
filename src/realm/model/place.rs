//! Places: the client networks where a user logged in.

use serde::{Deserialize, Serialize};

use super::daily_counter::DailyCounter;
use super::ids::{DAY_MS, Millis};

/// Maximum number of places of one user; a further place replaces the one with the oldest login.
const PLACES_MAX: usize = 16;
/// Number of days after the last login for which a network stays a place.
const PLACE_DAYS: u64 = 30;

/// The places of one user, the one with the newest login last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserPlaces(Vec<LoginPlace>);

/// A client network where a user logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginPlace {
    /// The client network: an IPv4 address or an IPv6 /64.
    pub network: Box<str>,
    /// The day of the last login, in days since the epoch (UTC). It is not the time, so that the
    /// row is written at most once a day.
    pub day: u64,
    /// Wrong codes of one day from this place. They do not count elsewhere, and those from
    /// elsewhere do not count here.
    #[serde(default, skip_serializing_if = "DailyCounter::is_empty")]
    pub codes: DailyCounter,
}

impl UserPlaces {
    /// Returns the place in this network; `None` if the last login from there is older than 30
    /// days.
    pub fn find(&self, at: Millis, network: &str) -> Option<&LoginPlace> {
        let is_recent = |place: &&LoginPlace| at / DAY_MS <= place.day.saturating_add(PLACE_DAYS);
        self.0.iter().find(|place| *place.network == *network).filter(is_recent)
    }

    /// Returns the place with the newest login.
    pub(in crate::realm) fn newest(&self) -> Option<&LoginPlace> {
        self.0.last()
    }

    /// Returns the places after a login from this network; `None` if they do not change.
    pub(in crate::realm) fn after_login(&self, at: Millis, network: &str) -> Option<Self> {
        let day = at / DAY_MS;
        let old = self.0.iter().find(|place| *place.network == *network);
        if network.is_empty() || old.is_some_and(|place| place.day >= day) {
            return None;
        }
        let codes = old.map(|place| place.codes).unwrap_or_default();
        let mut places: Vec<_> =
            self.0.iter().filter(|place| *place.network != *network).cloned().collect();
        places.push(LoginPlace { network: network.into(), day, codes });
        places.drain(..places.len().saturating_sub(PLACES_MAX));
        Some(Self(places))
    }

    /// Returns the places with another count of the wrong codes from one of them.
    pub(in crate::realm) fn with_codes(&self, network: &str, codes: DailyCounter) -> Self {
        let mut places = self.0.clone();
        let same = places.iter_mut().filter(|place| *place.network == *network);
        same.for_each(|place| place.codes = codes);
        Self(places)
    }

    /// Returns the places without counts of wrong codes; `None` if there are no counts.
    pub(in crate::realm) fn without_codes(&self) -> Option<Self> {
        let cleared =
            |place: &LoginPlace| LoginPlace { codes: DailyCounter::default(), ..place.clone() };
        let has_counts = self.0.iter().any(|place| !place.codes.is_empty());
        has_counts.then(|| Self(self.0.iter().map(cleared).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_more_than_sixteen_places_goes() {
        let mut places = UserPlaces::default();
        for day in 0..20 {
            places = places.after_login(day * DAY_MS, &format!("10.0.0.{day}")).unwrap();
        }
        let known =
            |places: &UserPlaces, last: u64| places.find(0, &format!("10.0.0.{last}")).is_some();
        assert_eq!((0..20).filter(|last| known(&places, *last)).collect::<Vec<_>>().len(), 16);
        assert!(!known(&places, 3) && known(&places, 4));
        // A login moves its place to the end.
        let places = places.after_login(20 * DAY_MS, "10.0.0.4").unwrap();
        let places = places.after_login(21 * DAY_MS, "10.0.0.99").unwrap();
        assert!(known(&places, 4) && !known(&places, 5));
    }

    #[test]
    fn a_place_is_written_once_a_day_and_ends_after_thirty_days() {
        let login = 100 * DAY_MS + 7;
        let places = UserPlaces::default().after_login(login, "here").unwrap();
        assert_eq!(places.after_login(101 * DAY_MS - 1, "here"), None);
        assert!(places.after_login(101 * DAY_MS, "here").is_some());
        assert_eq!(places.after_login(login, ""), None);
        assert!(places.find(login + 30 * DAY_MS, "here").is_some());
        assert!(places.find(login + 31 * DAY_MS, "here").is_none());
        assert!(places.find(login, "elsewhere").is_none());
    }
}
