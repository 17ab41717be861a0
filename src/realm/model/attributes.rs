//! Attributes of a user: few are set, of a million users, so those of one lie in one piece.

use std::fmt;

use serde::de::Deserializer;
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// The attributes of S2's user record, in the order of its sample. Append only: rows hold numbers.
pub const ATTRIBUTES: &[&str] = &[
    "FIRST_NAME",
    "LAST_NAME",
    "EMAIL_ADDRESS",
    "COMPANY_NAME",
    "COMPANY_ID",
    "USER_TYPE",
    "ACCESS_TYPE",
    "ADDRESS_LINE1",
    "ADDRESS_LINE2",
    "ADDRESS_LINE3",
    "ADDRESS_LINE4",
    "CITY",
    "REGION",
    "POSTAL_CODE",
    "COUNTRY",
    "TITLE",
    "WEBSITE",
    "MOBILE_NUMBER",
    "TELEPHONE_NUMBER_DIRECT",
    "TELEPHONE_NUMBER_OFFICE",
    "COUNTERPARTY_ID",
];

/// Texts by their number in [`ATTRIBUTES`]. Stored as `[[number, text], …]`; in memory one after
/// the other, each with its number and, in two bytes, its length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Box<[u8]>);

/// Bytes before each text.
const HEAD: usize = 3;

impl Attributes {
    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all of them, with what stands before each.
    pub(in crate::realm) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The text of this number.
    pub fn get(&self, number: u8) -> Option<&str> {
        self.iter().find(|(known, _)| *known == number).map(|(_, text)| text)
    }

    /// All of them, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let ([number, high, low], after) = rest.split_first_chunk::<HEAD>()?;
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (text, after) = after.split_at_checked(length)?;
            rest = after;
            let Ok(text) = std::str::from_utf8(text) else {
                unreachable!("attributes are made of texts");
            };
            Some((*number, text))
        })
    }
}

impl<T: AsRef<str>> FromIterator<(u8, T)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (u8, T)>>(texts: I) -> Self {
        let mut bytes = Vec::new();
        for (number, text) in texts {
            let text = text.as_ref();
            // A row that long is not stored: `Row::VALUE_MAX`.
            let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
            let [high, low] = (text.len() as u16).to_be_bytes();
            bytes.extend([number, high, low]);
            bytes.extend(text.as_bytes());
        }
        Self(bytes.into())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        self.iter().try_for_each(|pair| list.serialize_element(&pair))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(u8, std::borrow::Cow<'de, str>)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_kept_in_one_piece_and_stored_as_pairs() {
        let long = "é".repeat(40_000);
        let set = [(0, "Jane"), (2, ""), (5, "\"quoted\" \u{1F600}")];
        let attributes: Attributes = set.into_iter().collect();
        assert_eq!(attributes.iter().collect::<Vec<_>>(), set);
        assert_eq!((attributes.get(2), attributes.get(1)), (Some(""), None));
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(json, "[[0,\"Jane\"],[2,\"\"],[5,\"\\\"quoted\\\" \u{1F600}\"]]");
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
        assert!(Attributes::default().is_empty());
        // Longer than can be: cut between two characters.
        let attributes = Attributes::from_iter([(1, &*long), (2, "after")]);
        assert_eq!(attributes.get(1).map(str::len), Some(65_534));
        assert_eq!(attributes.get(2), Some("after"));
    }
}
