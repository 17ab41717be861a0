//! The dotted notation of the Genesis documents: one field per line.
//!
//! Example: `DETAILS.RIGHT[0].CODE = ORDEN`.

use serde_json::{Map, Value};

use super::ast::ScriptError;

/// The maximum number of parts of a path.
const PARTS_MAX: usize = 32;
/// The highest index of a list.
const INDEX_MAX: usize = 10_000;

/// Parses lines of `PATH = VALUE` to a JSON object. Whole numbers, `true`, `false` and `null`
/// become JSON values of these types. Everything else becomes a string, also a number with leading
/// zeros and a value in quotes.
pub fn dotted(text: &str) -> Result<Value, ScriptError> {
    let mut root = Value::Object(Map::new());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| ScriptError { line: at + 1, what: what.to_owned() };
        let (path, value) = line.split_once('=').ok_or_else(|| wrong("expected PATH = VALUE"))?;
        let path = parts(path.trim())
            .ok_or_else(|| wrong("expected a path such as DETAILS.RIGHT[0].CODE"))?;
        let slot = slot_at(&mut root, &path)
            .ok_or_else(|| wrong("this path conflicts with the path of an earlier line"))?;
        *slot = scalar(value.trim());
    }
    Ok(root)
}

enum Part<'a> {
    Field(&'a str),
    Index(usize),
}

fn parts(path: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    for field in path.split('.') {
        let mut pieces = field.split('[');
        parts.push(Part::Field(pieces.next().filter(|name| !name.is_empty())?));
        for index in pieces {
            let index = index.strip_suffix(']')?.parse().ok().filter(|at| *at <= INDEX_MAX)?;
            parts.push(Part::Index(index));
        }
    }
    (parts.len() <= PARTS_MAX).then_some(parts)
}

/// The slot at `path`. Missing objects and lists are created. `None` if the slot has a value
/// already, or the path leads through a value that is not an object or a list.
fn slot_at<'a>(root: &'a mut Value, path: &[Part<'_>]) -> Option<&'a mut Value> {
    let mut slot = root;
    for part in path {
        slot = match part {
            Part::Field(name) => {
                if slot.is_null() {
                    *slot = Value::Object(Map::new());
                }
                slot.as_object_mut()?.entry(*name).or_insert(Value::Null)
            }
            Part::Index(index) => {
                if slot.is_null() {
                    *slot = Value::Array(Vec::new());
                }
                let list = slot.as_array_mut()?;
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(*index)?
            }
        };
    }
    slot.is_null().then_some(slot)
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Value::Null,
        _ if text.len() > 1 && text.starts_with('"') && text.ends_with('"') => {
            text[1..text.len() - 1].into()
        }
        // A number with leading zeros stays a string, because it may be an id.
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.into(),
        },
    }
}
