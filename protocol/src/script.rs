//! Message scripts: conversations as text — golden test, load script and documentation in one.
//!
//! The grammar is written down in `protocol/README.md`. This module parses scripts and compares
//! frames; whoever runs one brings the connections and the clock.

mod dotted;
mod memory;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use dotted::dotted;
pub use memory::{Memory, Mismatch};

/// A conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What is said and expected, in order.
    pub steps: Vec<Step>,
}

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it stands, from 1.
    pub line: usize,
    /// The connection; empty: the unnamed one.
    pub link: String,
    /// What happens.
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `> connect`: opens the connection (the first use of it does, too).
    Connect,
    /// `> close`: closes it.
    Close,
    /// `> {…}`: sends an envelope; `$name` in it is what was captured.
    Send(Value),
    /// `> text …`: sends a text frame as it stands.
    Text(String),
    /// `> binary HEX`: sends a binary frame.
    Binary(Vec<u8>),
    /// `< {…}`: the next frame has at least these fields.
    Expect(Value),
    /// `<? {…}`: some next frame does; others in between are passed over.
    Seek(Value),
    /// `< closed CODE`: the gateway closes the connection.
    Closed(Option<u16>),
    /// `< nothing 200ms`: no frame comes for this long.
    Quiet(Duration),
    /// `@ 90s`: time passes.
    Wait(Duration),
    /// `= code: totp $secret`: a name gets a value from outside, as these words ask for it.
    Ask(String, Vec<String>),
}

/// Why a text is not a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// In which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScriptError {}

/// The longest script, in lines.
const LINES_MAX: usize = 100_000;

impl Script {
    /// Parses a script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() > LINES_MAX {
            return Err(ScriptError {
                line: LINES_MAX,
                what: format!("at most {LINES_MAX} lines"),
            });
        }
        let (mut steps, mut at) = (Vec::new(), 0);
        while let Some(line) = lines.get(at) {
            let number = at + 1;
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                at += 1;
                continue;
            }
            let head = Head::read(line).ok_or_else(|| ScriptError {
                line: number,
                what: "a step begins with >, <, <?, @ or =, after the name of a connection"
                    .to_owned(),
            })?;
            let (action, used) = head
                .action(&lines[at..])
                .map_err(|(offset, what)| ScriptError { line: number + offset, what })?;
            steps.push(Step { line: number, link: head.link.to_owned(), action });
            at += used;
        }
        Ok(Self { steps })
    }
}

/// The beginning of a step: `name>`, `name<`, `name<?`, `@`, `=`.
struct Head<'a> {
    link: &'a str,
    sign: &'a str,
    rest: &'a str,
}

type Failed = (usize, String);

impl<'a> Head<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (link, rest) = line.split_at(end);
        let sign = ["<?", ">", "<", "@", "="].into_iter().find(|sign| rest.starts_with(sign))?;
        Some(Self { link, sign, rest: rest[sign.len()..].trim() })
    }

    /// The action and how many lines it takes.
    fn action(&self, lines: &[&str]) -> Result<(Action, usize), Failed> {
        let mut words = self.rest.splitn(2, ' ');
        let (first, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let plain = |action| Ok((action, 1));
        match (self.sign, first) {
            ("@", _) => plain(Action::Wait(duration(self.rest).ok_or_else(no_time)?)),
            ("=", name) => {
                let words: Vec<_> = rest.split_whitespace().map(str::to_owned).collect();
                match name.strip_suffix(':').filter(|name| !name.is_empty()) {
                    Some(name) if !words.is_empty() => plain(Action::Ask(name.to_owned(), words)),
                    _ => Err((0, "= is followed by `name: what to ask for`".to_owned())),
                }
            }
            (">", "connect") => plain(Action::Connect),
            (">", "close") => plain(Action::Close),
            (">", "text") => plain(Action::Text(rest.to_owned())),
            (">", "binary") => plain(Action::Binary(hex(rest).ok_or((0, "not hex".to_owned()))?)),
            ("<", "closed") if rest.is_empty() => plain(Action::Closed(None)),
            ("<", "closed") => {
                let code = rest.trim().parse().map_err(|_| (0, "not a close code".to_owned()))?;
                plain(Action::Closed(Some(code)))
            }
            ("<", "nothing") => plain(Action::Quiet(duration(rest).ok_or_else(no_time)?)),
            (sign, _) => {
                let (body, used) = self.body(lines)?;
                let action = match sign {
                    ">" => Action::Send(body),
                    "<" => Action::Expect(body),
                    _ => Action::Seek(body),
                };
                Ok((action, used))
            }
        }
    }

    /// JSON from the sign to where it ends, or dotted lines up to an empty one.
    fn body(&self, lines: &[&str]) -> Result<(Value, usize), Failed> {
        if self.rest.is_empty() {
            let block = lines[1..].iter().take_while(|line| line.contains('=')).count();
            let text = lines[1..=block].join("\n");
            let body = dotted(&text).map_err(|error| (error.line, error.what))?;
            return Ok((body, block + 1));
        }
        let mut text = self.rest.to_owned();
        for used in 1..=lines.len() {
            match serde_json::from_str::<Value>(&text) {
                Ok(body) if body.is_object() => return Ok((body, used)),
                Ok(_) => return Err((0, "an envelope is a JSON object".to_owned())),
                Err(error) if error.is_eof() && used < lines.len() => {
                    text.push('\n');
                    text.push_str(lines[used]);
                }
                Err(error) => return Err((used - 1, format!("not JSON: {error}"))),
            }
        }
        Err((0, "this JSON has no end".to_owned()))
    }
}

fn no_time() -> Failed {
    (0, "a time is a number with ms, s or m".to_owned())
}

fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit_ms = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_conversation_is_read_step_by_step() {
        let script = "# a login\n> {\"MESSAGE_TYPE\":\n   \"X\"}\n\nb<\nMESSAGE_TYPE = Y\nA.B[1].C = 2\n\
                      @ 90s\n< closed 4002\n<? {\"Z\": 1}\nb> binary 00ff\n< nothing 200ms\n> text {oops";
        let steps = Script::parse(script).unwrap().steps;
        let shown: Vec<_> =
            steps.iter().map(|it| (it.line, it.link.as_str(), &it.action)).collect();
        assert_eq!(shown[0], (2, "", &Action::Send(json!({"MESSAGE_TYPE": "X"}))));
        let body = json!({"MESSAGE_TYPE": "Y", "A": {"B": [null, {"C": 2}]}});
        assert_eq!(shown[1], (5, "b", &Action::Expect(body)));
        assert_eq!(shown[2].2, &Action::Wait(Duration::from_secs(90)));
        assert_eq!(shown[3].2, &Action::Closed(Some(4002)));
        assert_eq!(shown[4].2, &Action::Seek(json!({"Z": 1})));
        assert_eq!(shown[5].2, &Action::Binary(vec![0, 255]));
        assert_eq!(shown[7].2, &Action::Text("{oops".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let line = |text: &str| Script::parse(text).unwrap_err().line;
        assert_eq!(line("\n\nhello"), 3);
        assert_eq!(line("> {\"A\":\n}"), 2);
        assert_eq!(line("@ soon"), 1);
        assert_eq!(line("= code totp"), 1);
        let asked = Script::parse("= code: totp $secret").unwrap();
        let words = ["totp", "$secret"].map(str::to_owned).to_vec();
        assert_eq!(asked.steps[0].action, Action::Ask("code".to_owned(), words));
        assert_eq!(line(">\nA.B = 1\nA = 2"), 3);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_panics(text in "([a-z<>@?#={}\".0-9 \\[\\]$\n]|é){0,200}") {
            let _ = Script::parse(&text);
        }
    }
}
