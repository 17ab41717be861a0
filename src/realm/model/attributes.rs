//! The attributes of a user, in one allocation.
//!
//! One allocation saves memory: a deployment can have a million users with few attributes each.

use std::fmt;

use serde::de::Deserializer;
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// The attribute names of the user record, in the order of the sample in the Genesis authentication
/// documentation. Names may only be appended: stored rows contain their numbers.
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

/// Attribute texts by their number in [`ATTRIBUTES`]. Stored as `[[number, text], …]`. In memory,
/// the number (one byte) and the length of the text (two bytes) precede each text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Box<[u8]>);

/// Bytes before each text: number and length.
const HEAD: usize = 3;

impl Attributes {
    /// Whether no attribute is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the size in memory in bytes: all texts with their numbers and lengths.
    pub(in crate::realm) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Returns the text of an attribute; `None` if it is not set.
    pub fn get(&self, number: u8) -> Option<&str> {
        self.iter().find(|(known, _)| *known == number).map(|(_, text)| text)
    }

    /// Returns numbers and texts, in the order in which they are stored.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let ([number, high, low], after) = rest.split_first_chunk::<HEAD>()?;
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (text, after) = after.split_at_checked(length)?;
            rest = after;
            let Ok(text) = std::str::from_utf8(text) else {
                unreachable!("attributes are valid UTF-8");
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
            // A text of 64 KiB or more is cut here, because its length has 16 bits. A cut text is
            // never stored: its row exceeds `Row::VALUE_MAX` and is refused.
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
    fn attributes_are_kept_in_one_allocation_and_stored_as_pairs() {
        let long = "é".repeat(40_000);
        let set = [(0, "Jane"), (2, ""), (5, "\"quoted\" \u{1F600}")];
        let attributes: Attributes = set.into_iter().collect();
        assert_eq!(attributes.iter().collect::<Vec<_>>(), set);
        assert_eq!((attributes.get(2), attributes.get(1)), (Some(""), None));
        let json = serde_json::to_string(&attributes).unwrap();
        assert_eq!(json, "[[0,\"Jane\"],[2,\"\"],[5,\"\\\"quoted\\\" \u{1F600}\"]]");
        assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), attributes);
        assert!(Attributes::default().is_empty());
        // A text that is too long for the length field is cut between two characters.
        let attributes = Attributes::from_iter([(1, &*long), (2, "after")]);
        assert_eq!(attributes.get(1).map(str::len), Some(65_534));
        assert_eq!(attributes.get(2), Some("after"));
    }
}
