//! The dotted notation of the Genesis documents: `DETAILS.RIGHT[0].CODE = ORDEN`, a field a line.

use serde_json::{Map, Value};

use super::ast::ScriptError;

/// The most parts of a path.
const PARTS_MAX: usize = 32;
/// The highest index.
const INDEX_MAX: usize = 10_000;

/// Parses lines of `PATH = VALUE` to the object they describe. Whole numbers, `true`, `false` and
/// `null` are values of their own, everything else is a text; quotes make a text of anything.
pub fn dotted(text: &str) -> Result<Value, ScriptError> {
    let mut root = Value::Object(Map::new());
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: &str| ScriptError { line: at + 1, what: what.to_owned() };
        let (path, value) = line.split_once('=').ok_or_else(|| wrong("expected PATH = VALUE"))?;
        let path =
            steps(path.trim()).ok_or_else(|| wrong("not a path like DETAILS.RIGHT[0].CODE"))?;
        let place =
            place_of(&mut root, &path).ok_or_else(|| wrong("this path does not fit the others"))?;
        *place = scalar(value.trim());
    }
    Ok(root)
}

enum Part<'a> {
    Field(&'a str),
    Index(usize),
}

fn steps(path: &str) -> Option<Vec<Part<'_>>> {
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

/// The place of a path, created where it is missing. `None` if it has a value already, or a value
/// is where the path needs an object or a list.
fn place_of<'a>(root: &'a mut Value, path: &[Part<'_>]) -> Option<&'a mut Value> {
    let mut place = root;
    for part in path {
        place = match part {
            Part::Field(name) => {
                if place.is_null() {
                    *place = Value::Object(Map::new());
                }
                place.as_object_mut()?.entry(*name).or_insert(Value::Null)
            }
            Part::Index(index) => {
                if place.is_null() {
                    *place = Value::Array(Vec::new());
                }
                let list = place.as_array_mut()?;
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(*index)?
            }
        };
    }
    place.is_null().then_some(place)
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Value::Null,
        _ if text.len() > 1 && text.starts_with('"') && text.ends_with('"') => {
            text[1..text.len() - 1].into()
        }
        // An id such as 00000000000001RISP0 is a text, and so is a number with leading zeros.
        _ => match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => number.into(),
            _ => text.into(),
        },
    }
}
