//! The captured values of a running script, and the comparison of expected and received frames.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::ast::is_variable;

/// The state of a running script: values by name, and the fields whose values are not compared.
#[derive(Debug, Clone, Default)]
pub struct ScriptState {
    values: Values,
    volatile: Arc<[String]>,
    /// The number of SOURCE_REFs that were generated.
    made_refs: u64,
}

/// A difference between an expected and a received frame, or a name without a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The path of the field, such as `DETAILS.ROW[0].CODE`. Empty for the whole frame; `$name` for
    /// a name without a value.
    pub path: String,
    /// The expected value.
    pub expected: String,
    /// The received value.
    pub received: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the frame" } else { &self.path };
        write!(f, "{path}: expected {}, received {}", self.expected, self.received)
    }
}

/// Matches any value that is present.
const ANYTHING: &str = "$_";
/// Matches an absent field.
const ABSENT: &str = "$!";
/// As the last element of a list: more elements may follow.
const MORE: &str = "..";

impl ScriptState {
    /// Creates a state without values. The values of the fields in `volatile`
    /// (`Script::volatile`) are not compared. If such a field is an object or a list, its members
    /// are still compared, but not the length of the list.
    pub fn new(volatile: Arc<[String]>) -> Self {
        Self { volatile, ..Self::default() }
    }

    /// Sets a value, for example a password or a user name.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Returns the value of a name; `None` if the name has no value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Builds the envelope to send: replaces names by their values, adds a SOURCE_REF if the
    /// envelope has none, and removes fields of the root that are `"$!"`. Fails if a name has no
    /// value.
    pub fn envelope(&mut self, body: &Value) -> Result<Value, Mismatch> {
        let mut filled = self.filled(body)?;
        if let Some(root) = filled.as_object_mut() {
            if !root.contains_key("SOURCE_REF") {
                self.made_refs += 1;
                root.insert("SOURCE_REF".to_owned(), format!("s{}", self.made_refs).into());
            }
            root.retain(|_, value| value != ABSENT);
        }
        Ok(filled)
    }

    fn filled(&self, value: &Value) -> Result<Value, Mismatch> {
        Ok(match value {
            Value::String(text) if text == ABSENT => value.clone(),
            Value::String(text) => match text.strip_prefix('$').filter(|name| is_variable(name)) {
                Some(name) => self.captured_value(name)?.clone(),
                None => Value::String(self.filled_text(text)?),
            },
            Value::Array(items) => {
                items.iter().map(|it| self.filled(it)).collect::<Result<_, _>>()?
            }
            Value::Object(fields) => {
                let fill =
                    |(name, value): (&String, &Value)| Ok((name.clone(), self.filled(value)?));
                Value::Object(fields.iter().map(fill).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }

    /// Replaces each `${name}` in a string by its value.
    fn filled_text(&self, text: &str) -> Result<String, Mismatch> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_variable(name))
            else {
                break;
            };
            out.push_str(before);
            match self.captured_value(name)? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            }
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn captured_value(&self, name: &str) -> Result<&Value, Mismatch> {
        self.values.get(name).ok_or_else(|| Mismatch {
            path: format!("${name}"),
            expected: "a value from an earlier step, `* data`, --data or --set".to_owned(),
            received: "no value".to_owned(),
        })
    }

    /// Compares a frame with a pattern: every field of the pattern must match, other fields of the
    /// frame are ignored. If the frame matches, the values of new names are captured.
    pub fn check(&mut self, pattern: &Value, frame: &Value) -> Result<(), Mismatch> {
        let mut captured = Values::new();
        let volatile = &self.volatile;
        let mut comparison = Comparison { values: &self.values, captured: &mut captured, volatile };
        comparison.compare(pattern, Some(frame), "")?;
        self.values.extend(captured);
        Ok(())
    }

    /// Captures the values of the names in a pattern even if the frame does not match. Replaces
    /// earlier values.
    pub fn learn(&mut self, pattern: &Value, frame: &Value) {
        match (pattern, frame) {
            (Value::String(text), received) => {
                if let Some(name) = text.strip_prefix('$').filter(|name| is_variable(name)) {
                    self.values.insert(name.to_owned(), received.clone());
                }
            }
            (Value::Object(fields), Value::Object(have)) => {
                let pairs = fields.iter().filter_map(|(name, it)| Some((it, have.get(name)?)));
                pairs.for_each(|(pattern, received)| self.learn(pattern, received));
            }
            (Value::Array(items), Value::Array(have)) => {
                items
                    .iter()
                    .zip(have)
                    .for_each(|(pattern, received)| self.learn(pattern, received));
            }
            _ => {}
        }
    }

    /// The pattern with names replaced by their values; the unchanged pattern if any name has no
    /// value.
    pub fn known_in(&self, pattern: &Value) -> Value {
        self.filled(pattern).unwrap_or_else(|_| pattern.clone())
    }
}

type Values = BTreeMap<String, Value>;

/// One comparison of a frame.
struct Comparison<'a> {
    values: &'a Values,
    captured: &'a mut Values,
    volatile: &'a [String],
}

impl Comparison<'_> {
    fn compare(
        &mut self,
        pattern: &Value,
        received: Option<&Value>,
        path: &str,
    ) -> Result<(), Mismatch> {
        let differs = |expected: &Value| Mismatch {
            path: path.trim_start_matches('.').to_owned(),
            expected: shown(Some(expected)),
            received: shown(received),
        };
        match (pattern, received) {
            (Value::String(text), None) if text == ABSENT => Ok(()),
            (Value::String(text), Some(_)) if text == ANYTHING => Ok(()),
            (Value::String(text), Some(received))
                if text.strip_prefix('$').is_some_and(is_variable) =>
            {
                let name = &text[1..];
                match self.captured.get(name).or_else(|| self.values.get(name)) {
                    Some(value) if value == received || is_volatile(self.volatile, path) => Ok(()),
                    Some(value) => Err(differs(value)),
                    None => {
                        self.captured.insert(name.to_owned(), received.clone());
                        Ok(())
                    }
                }
            }
            (Value::Object(fields), Some(Value::Object(have))) => {
                fields.iter().try_for_each(|(name, pattern)| {
                    self.compare(pattern, have.get(name), &format!("{path}.{name}"))
                })
            }
            (Value::Array(patterns), Some(Value::Array(have))) => {
                let open = patterns.last().is_some_and(|last| last == MORE);
                let expected = &patterns[..patterns.len() - usize::from(open)];
                let wrong_length =
                    have.len() < expected.len() || (!open && have.len() > expected.len());
                if wrong_length && !is_volatile(self.volatile, path) {
                    return Err(differs(pattern));
                }
                expected.iter().zip(have).enumerate().try_for_each(|(at, (pattern, received))| {
                    self.compare(pattern, Some(received), &format!("{path}[{at}]"))
                })
            }
            (pattern, Some(received)) if pattern == received => Ok(()),
            _ if is_volatile(self.volatile, path) => Ok(()),
            (pattern, _) => Err(differs(pattern)),
        }
    }
}

/// Whether a field is declared volatile, by its path without indices or by its name alone.
fn is_volatile(volatile: &[String], path: &str) -> bool {
    if volatile.is_empty() {
        return false;
    }
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.trim_start_matches('.').chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    let last = plain.rsplit('.').next().unwrap_or_default();
    volatile.iter().any(|it| *it == plain || it == last)
}

/// A value for an error message, cut after 300 characters.
fn shown(value: Option<&Value>) -> String {
    let text = value.map_or("nothing".to_owned(), Value::to_string);
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_captured_filled_in_and_compared() {
        let mut state = ScriptState::default();
        let frame = json!({"A": 7, "B": null, "D": 1});
        state.check(&json!({"A": "$a", "B": "$_", "C": "$!"}), &frame).unwrap();
        let sent = state.envelope(&json!({"X": "$a", "Y": "no ${a}", "Z": "$!"})).unwrap();
        assert_eq!(sent, json!({"X": 7, "Y": "no 7", "SOURCE_REF": "s1"}));
        let nameless = state.envelope(&json!({"SOURCE_REF": "$!"})).unwrap();
        assert_eq!(nameless, json!({}));
        let pattern = json!({"L": [{"A": "$a"}, ".."]});
        let wrong = state.check(&pattern, &json!({"L": [{"A": 8}, 1]})).unwrap_err();
        assert_eq!((wrong.path.as_str(), wrong.received.as_str()), ("L[0].A", "8"));
        assert!(state.check(&json!({"L": [1]}), &json!({"L": [1, 2]})).is_err());
        assert!(state.check(&json!({"C": "$!"}), &json!({"C": 1})).is_err());
        assert!(state.envelope(&json!({"X": "$unknown"})).is_err());
    }

    #[test]
    fn a_frame_that_differs_captures_nothing() {
        let mut state = ScriptState::default();
        assert!(state.check(&json!({"A": "$a", "B": 2}), &json!({"A": 1, "B": 1})).is_err());
        assert!(state.get("a").is_none());
        state.learn(&json!({"A": "$a", "B": 2}), &json!({"A": 1, "B": 1}));
        assert_eq!(state.get("a"), Some(&json!(1)));
    }

    #[test]
    fn volatile_fields_are_not_compared() {
        let declared: Arc<[String]> = ["AT", "D.ROW.ID"].map(str::to_owned).into();
        let mut state = ScriptState::new(declared);
        let pattern = json!({"AT": 1, "D": {"ROW": [{"ID": 1, "N": 1}], "AT": 2}, "ID": 3});
        let mut frame = json!({"AT": 9, "D": {"ROW": [{"ID": 9, "N": 1}]}, "ID": 3});
        state.check(&pattern, &frame).unwrap();
        frame["D"]["ROW"][0]["N"] = json!(2);
        assert_eq!(state.check(&pattern, &frame).unwrap_err().path, "D.ROW[0].N");
        frame["D"]["ROW"][0]["N"] = json!(1);
        frame["ID"] = json!(4);
        assert_eq!(state.check(&pattern, &frame).unwrap_err().path, "ID");
    }
}
