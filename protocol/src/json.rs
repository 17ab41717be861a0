//! JSON of types whose encoding cannot fail: plain structs, lists, and maps with text keys.
//!
//! Each function panics, and names the type, if one ever does fail: a stored row or a checksum
//! must not become empty unnoticed. Bodies of replies are encoded by [`crate::envelope`], which
//! gives an error instead.

use std::any::type_name;
use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The JSON text of a value.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encoded::<T, _>(serde_json::to_vec(value))
}

/// Writes the JSON text of a value to memory, or to another writer that does not fail.
pub fn write_json<T: Serialize + ?Sized>(to: impl io::Write, value: &T) {
    encoded::<T, _>(serde_json::to_writer(to, value));
}

/// A value as a JSON tree.
pub fn to_json_value<T: Serialize + ?Sized>(value: &T) -> Value {
    encoded::<T, _>(serde_json::to_value(value))
}

/// A value as JSON text that is kept and handed on unparsed.
pub fn to_raw_json<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    encoded::<T, _>(serde_json::value::to_raw_value(value))
}

fn encoded<T: ?Sized, J>(result: serde_json::Result<J>) -> J {
    result.unwrap_or_else(|error| panic!("{} cannot be JSON: {error}", type_name::<T>()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_forms_have_the_same_text() {
        let value = BTreeMap::from([("A", 1), ("B", 2)]);
        let mut written = Vec::new();
        write_json(&mut written, &value);
        let text = br#"{"A":1,"B":2}"#;
        assert_eq!((&to_json(&value)[..], &written[..]), (&text[..], &text[..]));
        assert_eq!(to_json_value(&value).to_string().as_bytes(), text);
        assert_eq!(to_raw_json(&value).get().as_bytes(), text);
    }

    #[test]
    #[should_panic(expected = "BTreeMap<(i32, i32), i32> cannot be JSON: key must be a string")]
    fn what_cannot_be_json_is_never_empty() {
        to_json(&BTreeMap::from([((1, 2), 3)]));
    }
}
