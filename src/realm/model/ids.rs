//! Numbers of records and their displayed ids, such as `00000000000001USSP0`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A day in milliseconds.
pub const DAY_MS: Millis = DAY_SECS * 1_000;
/// A day in seconds.
pub const DAY_SECS: u64 = 86_400;
/// The bootstrap (`Command::Bootstrap`) creates records whose displayed numbers are above this
/// value. The displayed numbers of inserted records start at 1.
const BOOTSTRAP_BASE: u64 = 90_000_000_000_000;
/// The bit that marks the number of a record that the bootstrap created.
const BOOTSTRAP_BIT: u32 = 1 << 31;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The lowest number, for ranges.
            pub const MIN: Self = Self(0);
            /// The highest number, for ranges.
            pub const MAX: Self = Self(u32::MAX);

            /// Returns the displayed id of a record that was created at `location`.
            pub fn id(self, location: Location) -> String {
                display(self.0, $kind, location)
            }

            /// Parses a displayed id; `None` if it is not an id of this kind.
            pub fn parse(id: &str) -> Option<(Self, Location)> {
                let (number, location) = parse(id, $kind)?;
                Some((Self(number), location))
            }
        }
    };
}
number!(
    /// The number of a user, which is never reused.
    UserNo, "US"
);
number!(
    /// The number of a profile. The gateway issues no number twice, but a client can choose the
    /// number of a deleted profile.
    ProfileNo, "PR"
);
number!(
    /// The number of a right. The gateway issues no number twice, but a client can choose the
    /// number of a deleted right.
    RightNo, "RI"
);

/// The number of a session. A refresh changes the SESSION_ID but not this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionNo(pub u64);

/// The last part of an id: the location of the gateway that created the record. It has 1 to 8
/// characters of A–Z and 0–9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location([u8; 8]);

impl Location {
    /// Parses a location; `None` if the text is not a location.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if text.is_empty() || text.len() > 8 || !text.bytes().all(fits) {
            return None;
        }
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }

    fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(8);
        std::str::from_utf8(&self.0[..end]).unwrap_or_else(|_| unreachable!("a location is ASCII"))
    }
}

impl Default for Location {
    fn default() -> Self {
        Self(*b"SP0\0\0\0\0\0")
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom("a location must be 1 to 8 characters of A-Z and 0-9");
        Self::parse(&text).ok_or_else(wrong)
    }
}

/// The lowest number of a record that the bootstrap created. Numbers of inserted records start at
/// 1.
pub const FIRST_BOOTSTRAP_NO: u32 = BOOTSTRAP_BIT + 1;

fn display(number: u32, kind: &str, location: Location) -> String {
    let shown = match number & BOOTSTRAP_BIT {
        0 => u64::from(number),
        _ => BOOTSTRAP_BASE + u64::from(number & !BOOTSTRAP_BIT),
    };
    format!("{shown:014}{kind}{location}")
}

fn parse(id: &str, kind: &str) -> Option<(u32, Location)> {
    let (digits, rest) = id.split_at_checked(14)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let location = Location::parse(rest.strip_prefix(kind)?)?;
    let shown: u64 = digits.parse().ok()?;
    let (bit, number) = match shown.checked_sub(BOOTSTRAP_BASE) {
        Some(number) => (BOOTSTRAP_BIT, number),
        None => (0, shown),
    };
    let number = u32::try_from(number).ok().filter(|n| n & BOOTSTRAP_BIT == 0 && *n > 0)?;
    Some((number | bit, location))
}

/// Epoch milliseconds, or a duration in milliseconds.
pub type Millis = u64;

/// The id of an entry of the command log, by which a repeated entry is recognized. The gateway
/// generates the id when it submits the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub u128);

impl Serialize for EntryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for EntryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        u128::from_str_radix(&hex, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_displayed_id_parses_to_its_number() {
        let location = Location::parse("SP0").unwrap();
        assert_eq!(UserNo(1).id(location), "00000000000001USSP0");
        assert_eq!(RightNo(FIRST_BOOTSTRAP_NO).id(location), "90000000000001RISP0");
        for number in [1, 17, FIRST_BOOTSTRAP_NO, FIRST_BOOTSTRAP_NO + 5] {
            assert_eq!(
                UserNo::parse(&UserNo(number).id(location)),
                Some((UserNo(number), location))
            );
        }
        for wrong in [
            "",
            "00000000000001RISP0",
            "00000000000000USSP0",
            "0000000000000éUSSP0",
            "99999999999999USSP0",
        ] {
            assert_eq!(UserNo::parse(wrong), None, "{wrong}");
        }
    }
}
