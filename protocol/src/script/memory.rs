//! What a running script remembers, and how frames are compared with what is expected.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Captured values by name.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    values: BTreeMap<String, Value>,
    sent: u64,
}

/// Where a frame differs from what was expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The place, such as `DETAILS.ROW[0].CODE`.
    pub path: String,
    /// What was expected there.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the frame" } else { &self.path };
        write!(f, "{path}: expected {}, came {}", self.expected, self.came)
    }
}

/// Matches any value that is there.
const ANYTHING: &str = "$_";
/// Matches a field that is not there.
const ABSENT: &str = "$!";
/// As the last element of a list: and more.
const MORE: &str = "..";

impl Memory {
    /// Gives a name a value from outside: a password, a user.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The text of an envelope to send: names are filled in; a SOURCE_REF is given if there is
    /// none.
    pub fn fill(&mut self, body: &Value) -> Result<String, Mismatch> {
        let mut filled = self.filled(body)?;
        if let Some(root) = filled.as_object_mut() {
            if root.get("SOURCE_REF").is_some_and(|it| it == ABSENT) {
                root.remove("SOURCE_REF");
            } else if !root.contains_key("SOURCE_REF") {
                self.sent += 1;
                root.insert("SOURCE_REF".to_owned(), format!("s{}", self.sent).into());
            }
        }
        Ok(filled.to_string())
    }

    fn filled(&self, value: &Value) -> Result<Value, Mismatch> {
        Ok(match value {
            Value::String(text) if text == ABSENT => value.clone(),
            Value::String(text) => match text.strip_prefix('$').filter(|name| is_name(name)) {
                Some(name) => self.known(name)?.clone(),
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

    /// `${name}` inside a text.
    fn filled_text(&self, text: &str) -> Result<String, Mismatch> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_name(name))
            else {
                break;
            };
            out.push_str(before);
            match self.known(name)? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            }
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn known(&self, name: &str) -> Result<&Value, Mismatch> {
        self.values.get(name).ok_or_else(|| Mismatch {
            path: format!("${name}"),
            expected: "a captured value".to_owned(),
            came: "none".to_owned(),
        })
    }

    /// Compares a frame: every expected field must be there and fit; other fields do not matter.
    /// Nothing is captured from a frame that does not fit.
    pub fn check(&mut self, pattern: &Value, frame: &str) -> Result<(), Mismatch> {
        let frame: Value = serde_json::from_str(frame).map_err(|error| Mismatch {
            path: String::new(),
            expected: "JSON".to_owned(),
            came: error.to_string(),
        })?;
        let mut captured = self.values.clone();
        fits(&mut captured, pattern, Some(&frame), "")?;
        self.values = captured;
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name != "_"
}

type Values = BTreeMap<String, Value>;

fn fits(
    values: &mut Values,
    pattern: &Value,
    came: Option<&Value>,
    path: &str,
) -> Result<(), Mismatch> {
    let differs = |expected: &Value| Mismatch {
        path: path.trim_start_matches('.').to_owned(),
        expected: shown(Some(expected)),
        came: shown(came),
    };
    match (pattern, came) {
        (Value::String(text), None) if text == ABSENT => Ok(()),
        (Value::String(text), Some(_)) if text == ANYTHING => Ok(()),
        (Value::String(text), Some(came)) if text.strip_prefix('$').is_some_and(is_name) => {
            match values.get(&text[1..]) {
                Some(known) if known == came => Ok(()),
                Some(known) => Err(differs(known)),
                None => {
                    values.insert(text[1..].to_owned(), came.clone());
                    Ok(())
                }
            }
        }
        (Value::Object(fields), Some(Value::Object(have))) => {
            fields.iter().try_for_each(|(name, pattern)| {
                fits(values, pattern, have.get(name), &format!("{path}.{name}"))
            })
        }
        (Value::Array(patterns), Some(Value::Array(have))) => {
            let open = patterns.last().is_some_and(|last| last == MORE);
            let wanted = &patterns[..patterns.len() - usize::from(open)];
            if have.len() < wanted.len() || (!open && have.len() > wanted.len()) {
                return Err(differs(pattern));
            }
            wanted.iter().zip(have).enumerate().try_for_each(|(at, (pattern, came))| {
                fits(values, pattern, Some(came), &format!("{path}[{at}]"))
            })
        }
        (pattern, Some(came)) if pattern == came => Ok(()),
        (pattern, _) => Err(differs(pattern)),
    }
}

/// A value for a person; long ones are cut.
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
        let mut memory = Memory::default();
        memory
            .check(&json!({"A": "$a", "B": "$_", "C": "$!"}), r#"{"A":7,"B":null,"D":1}"#)
            .unwrap();
        let sent = memory.fill(&json!({"X": "$a", "Y": "no ${a}"})).unwrap();
        assert_eq!(sent, r#"{"X":7,"Y":"no 7","SOURCE_REF":"s1"}"#.replace(r#","SOURCE_REF":"s1""#, "").replacen('{', r#"{"SOURCE_REF":"s1","#, 1));
        let wrong =
            memory.check(&json!({"L": [{"A": "$a"}, ".."]}), r#"{"L":[{"A":8},1]}"#).unwrap_err();
        assert_eq!((wrong.path.as_str(), wrong.came.as_str()), ("L[0].A", "8"));
        assert!(memory.check(&json!({"L": [1]}), r#"{"L":[1,2]}"#).is_err());
        assert!(memory.check(&json!({"C": "$!"}), r#"{"C":1}"#).is_err());
        assert!(memory.fill(&json!({"X": "$unknown"})).is_err());
    }

    #[test]
    fn a_frame_that_does_not_fit_captures_nothing() {
        let mut memory = Memory::default();
        assert!(memory.check(&json!({"A": "$a", "B": 2}), r#"{"A":1,"B":1}"#).is_err());
        assert!(memory.get("a").is_none());
    }
}
