//! PURE: conversion of recorded frames to the steps of a message script, without secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Map, Value};

use super::redact;

/// Shortest pause that is written.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Shortest secret, in bytes, that is also replaced inside other texts; a shorter secret could
/// match by chance.
const INSIDE_MIN: usize = 8;
/// Longest body that is written on one line.
const LINE_MAX: usize = 100;
/// Fields of tollgate's messages whose values differ in every run.
const VOLATILE: &str = "LAST_LOGIN LAST_LOGIN_DATETIME RECORD_VERSION RIGHTS_VERSION ROW_REF \
                        RETRY_AFTER_MS IN_SECS DAYS_TO_PASSWORD_EXPIRY";

/// The direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the gateway.
    Sent,
    /// From the gateway to the client.
    Received,
}

/// The state of a recording, such as the variables that have replaced secrets and generated ids.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The variable for each replaced value.
    names: BTreeMap<String, String>,
    used_names: BTreeSet<String>,
    volatile: BTreeSet<String>,
    last: Option<Duration>,
}

impl Transcript {
    /// Returns the first lines of the script.
    pub fn head(&self, from: &str) -> String {
        let from: String = from.chars().filter(|c| !c.is_control()).collect();
        format!(
            "# Recorded from {from}. Passwords and tokens are replaced by variables;\n\
             # `tollgate replay --check` lists those that need a value.\n~ {VOLATILE}\n"
        )
    }

    /// Returns the lines for a frame of a connection. `at` is the time since the recording began.
    pub fn frame(
        &mut self,
        connection: &str,
        direction: Direction,
        at: Duration,
        text: &str,
    ) -> String {
        let mut out = self.pause(direction, at);
        let Ok(Value::Object(root)) = serde_json::from_str(text) else {
            // The frame is not written, because it could contain a password.
            let way = if direction == Direction::Sent { "sent" } else { "received" };
            let _ = writeln!(
                out,
                "\n# {connection} {way} {} bytes that are not a JSON object",
                text.len()
            );
            return out;
        };
        let mut redaction = Redaction { transcript: self, direction, notes: Vec::new() };
        let redacted = Value::Object(redaction.fields(root));
        let notes = redaction.notes;
        out.push('\n');
        for note in notes {
            let _ = writeln!(out, "{note}");
        }
        let sign = if direction == Direction::Sent { ">" } else { "<=" };
        let line = redacted.to_string();
        let body = if line.len() > LINE_MAX {
            serde_json::to_string_pretty(&redacted).unwrap_or(line)
        } else {
            line
        };
        let _ = writeln!(out, "{connection}{sign} {body}");
        out
    }

    /// Returns the lines for the end of a connection.
    pub fn closed(&mut self, connection: &str, direction: Direction, code: Option<u16>) -> String {
        match (direction, code) {
            (Direction::Sent, _) => format!("\n{connection}> close\n"),
            (Direction::Received, None) => format!("\n{connection}< closed\n"),
            (Direction::Received, Some(code)) => format!("\n{connection}< closed {code}\n"),
        }
    }

    fn pause(&mut self, direction: Direction, at: Duration) -> String {
        let pause = at.saturating_sub(self.last.unwrap_or(at));
        self.last = Some(at);
        if direction == Direction::Sent && pause >= PAUSE_MIN {
            format!("\n@ {}ms\n", pause.as_millis())
        } else {
            String::new()
        }
    }

    /// Chooses a variable for a value, named after its field.
    fn name(&mut self, value: &str, field: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let base: String = field.chars().map(plain).collect();
        let base = if base.is_empty() { "value".to_owned() } else { base };
        let mut name = base.clone();
        for number in 2.. {
            if self.used_names.insert(name.clone()) {
                break;
            }
            name = format!("{base}_{number}");
        }
        self.names.insert(value.to_owned(), name.clone());
        name
    }
}

/// The replacement of the secrets in one frame.
struct Redaction<'a> {
    transcript: &'a mut Transcript,
    direction: Direction,
    /// Lines to write before the frame.
    notes: Vec<String>,
}

impl Redaction<'_> {
    fn fields(&mut self, fields: Map<String, Value>) -> Map<String, Value> {
        let user = fields.get("USER_NAME").and_then(Value::as_str).map(str::to_owned);
        let redact = |(name, value): (String, Value)| {
            let value = self.value(&name, value, user.as_deref());
            (name, value)
        };
        fields.into_iter().map(redact).collect()
    }

    fn value(&mut self, field: &str, value: Value, user: Option<&str>) -> Value {
        match value {
            Value::Object(fields) => Value::Object(self.fields(fields)),
            Value::Array(items) => {
                items.into_iter().map(|item| self.value(field, item, user)).collect()
            }
            Value::String(text) => self.text(field, text, user).into(),
            Value::Number(number) if redact::is_secret(field) => {
                // A code may be sent as a number; the gateway accepts it as a string, too.
                self.text(field, number.to_string(), user).into()
            }
            Value::Number(number) => {
                let time = number.as_u64().is_some_and(redact::is_time);
                if time && self.direction == Direction::Received {
                    self.declare(field);
                }
                Value::Number(number)
            }
            other => other,
        }
    }

    fn declare(&mut self, field: &str) {
        let word = !field.is_empty() && !field.contains(char::is_whitespace);
        let declared = VOLATILE.split(' ').any(|it| it == field);
        if word && !declared && self.transcript.volatile.insert(field.to_owned()) {
            self.notes.push(format!("~ {field}"));
        }
    }

    fn text(&mut self, field: &str, text: String, user: Option<&str>) -> String {
        if text.is_empty() || field == "SOURCE_REF" || field == "MESSAGE_TYPE" {
            return self.redact_inside(text);
        }
        if let Some(name) = self.transcript.names.get(&text) {
            return format!("${name}");
        }
        if self.direction == Direction::Received && redact::contains_time(&text) {
            self.declare(field);
        }
        let generated = self.direction == Direction::Received && redact::is_generated(&text);
        // A text that looks like script syntax cannot be written literally.
        let confusing = text.starts_with('$') || text == "..";
        if !(redact::is_secret(field) || generated || confusing) {
            return self.redact_inside(text);
        }
        let name = self.transcript.name(&text, field);
        if self.direction == Direction::Sent {
            let field: String = field.chars().filter(|c| !c.is_control()).collect();
            let whose = user.filter(|user| !user.contains(char::is_control));
            let whose = whose.map_or(String::new(), |user| format!(" of {user}"));
            self.notes.push(format!("# ${name}: {field}{whose}"));
        }
        format!("${name}")
    }

    /// Replaces known secrets inside a text.
    fn redact_inside(&self, text: String) -> String {
        let secrets = self.transcript.names.iter().filter(|(it, _)| it.len() >= INSIDE_MIN);
        secrets.fold(text, |text, (value, name)| {
            if text.contains(value.as_str()) {
                text.replace(value.as_str(), &format!("${{{name}}}"))
            } else {
                text
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Received, Sent};
    use protocol::script::{Action, Script};
    use serde_json::json;

    fn recorded(frames: &[(Direction, u64, Value)]) -> String {
        let mut transcript = Transcript::default();
        let mut script = transcript.head("ws://gateway:9064");
        for (direction, ms, frame) in frames {
            let at = Duration::from_millis(*ms);
            script += &transcript.frame("", *direction, at, &frame.to_string());
        }
        script
    }

    #[test]
    fn a_recording_is_a_script_without_secrets() {
        let script = recorded(&[
            (
                Sent,
                0,
                json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
                "DETAILS": {"USER_NAME": "jane", "PASSWORD": "Hidden-1-word"}}),
            ),
            (
                Received,
                20,
                json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH_ACK", "SOURCE_REF": 1,
                "SESSION_AUTH_TOKEN": "tttttttt1", "USER_ID": "00000000000001USSP0",
                "EXPIRES": 1_790_000_000_000_u64, "DATE": "Sat Nov 28 07:37:23 UTC"}),
            ),
            (
                Sent,
                1_520,
                json!({"MESSAGE_TYPE": "X", "SESSION_AUTH_TOKEN": "tttttttt1",
                "DETAILS": {"ID": "00000000000001USSP0", "NOTE": "of tttttttt1, as Hidden-1-word",
                "NEW_PASSWORD": "Hidden-2-word", "CODES": ["a"], "MFA_CODE": 123_456}}),
            ),
        ]);
        for secret in ["Hidden", "tttttttt1", "123456"] {
            assert!(!script.contains(secret), "{script}");
        }
        let parsed = Script::parse(&script).unwrap();
        let needs: Vec<_> = parsed.unresolved().into_iter().map(|(name, _)| name).collect();
        assert_eq!(needs, ["password", "mfa_code", "new_password"]);
        for field in ["EXPIRES", "DATE"] {
            assert!(parsed.volatile.contains(&field.to_owned()), "{script}");
        }
        let actions: Vec<_> = parsed.steps.iter().map(|step| &step.action).collect();
        let pause = Duration::from_millis(1_500);
        assert_eq!(actions[2], &Action::Wait(pause, pause));
        let Action::Send(last) = actions[3] else { panic!("{script}") };
        assert_eq!(last["SESSION_AUTH_TOKEN"], "$session_auth_token");
        assert_eq!(last["DETAILS"]["ID"], "$user_id");
        assert_eq!(last["DETAILS"]["NOTE"], "of ${session_auth_token}, as ${password}");
    }

    #[test]
    fn frames_that_are_no_messages_leave_only_their_length() {
        let mut transcript = Transcript::default();
        let step = transcript.frame("b", Sent, Duration::ZERO, "PASSWORD=Hidden-1");
        assert_eq!(step, "\n# b sent 17 bytes that are not a JSON object\n");
        let step = transcript.frame("", Received, Duration::ZERO, r#"{"A": "$x", "B": ".."}"#);
        let parsed = Script::parse(&step).unwrap();
        assert_eq!(parsed.steps[0].action, Action::Reply(json!({"A": "$a", "B": "$b"})));
        assert_eq!(transcript.closed("b", Received, Some(4001)), "\nb< closed 4001\n");
    }
}
