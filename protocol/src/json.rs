//! Infallible JSON encoding of plain structs, lists and maps with string keys.
//!
//! If encoding fails nevertheless, each function panics with the name of the type: an empty result
//! could be stored as a row or checksum without notice. [`crate::envelope`] encodes the bodies of
//! replies and returns an error instead.

use std::any::type_name;
use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Encodes a value as JSON text.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encoded::<T, _>(serde_json::to_vec(value))
}

/// Writes the JSON text of a value to a writer that cannot fail, such as a buffer in memory.
pub fn write_json<T: Serialize + ?Sized>(to: impl io::Write, value: &T) {
    encoded::<T, _>(serde_json::to_writer(to, value));
}

/// Converts a value to a JSON tree.
pub fn to_json_value<T: Serialize + ?Sized>(value: &T) -> Value {
    encoded::<T, _>(serde_json::to_value(value))
}

/// Encodes a value as raw JSON text, which is passed on without parsing.
pub fn to_raw_json<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    encoded::<T, _>(serde_json::value::to_raw_value(value))
}

fn encoded<T: ?Sized, J>(result: serde_json::Result<J>) -> J {
    result.unwrap_or_else(|error| panic!("encoding {} as JSON failed: {error}", type_name::<T>()))
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
    #[should_panic(expected = "BTreeMap<(i32, i32), i32> as JSON failed: key must be a string")]
    fn a_value_that_cannot_be_encoded_panics() {
        to_json(&BTreeMap::from([((1, 2), 3)]));
    }
}
