//! Message scripts: conversations as text — golden test, load script and documentation in one.
//!
//! The grammar is written down in `protocol/README.md`. This module parses scripts and compares
//! frames; whoever runs one brings the connections and the clock.

mod dotted;
mod memory;
mod needs;
mod parse;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use dotted::dotted;
pub use memory::{Memory, Mismatch};
pub use parse::duration;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// What is said and expected, in order.
    pub steps: Vec<Step>,
    /// Fields that differ from one time to the next, and are not compared: paths such as
    /// `DETAILS.LAST_LOGIN`, or names that stand for a field of this name anywhere.
    pub volatile: Vec<String>,
    /// Where names get their values from, for each client.
    pub data: Vec<Data>,
}

/// A script taken apart (`Script::parts`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts<'a> {
    /// What is said once before.
    pub before: &'a [Step],
    /// What is repeated.
    pub round: &'a [Step],
    /// What is said once at the end.
    pub after: &'a [Step],
    /// Whether a round is the whole script, with connections of its own.
    pub whole: bool,
}

/// Values that differ from client to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// The rows of a CSV file beside the script; its first line names the values.
    File(String),
    /// A name, and the text that is made for it: `{n}` in it is the number of the client.
    Made(String, String),
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
    /// `>! {…}`: the same, and pushes that follow anywhere are taken to be its effect.
    Cause(Value),
    /// `> text …`: sends a text frame as it stands.
    Text(String),
    /// `> binary HEX`: sends a binary frame.
    Binary(Vec<u8>),
    /// `< {…}`: the next frame has at least these fields.
    Expect(Value),
    /// `<= {…}`: the next frame with the same SOURCE_REF does; how recordings are written.
    Reply(Value),
    /// `<? {…}`: some next frame does; others in between are passed over.
    Seek(Value),
    /// `< closed CODE`: the gateway closes the connection.
    Closed(Option<u16>),
    /// `< nothing 200ms`: no frame comes for this long.
    Quiet(Duration),
    /// `@ 90s`: time passes; `@ 1s..3s`: somebody thinks, evenly between the two.
    Wait(Duration, Duration),
    /// `= code: totp $secret`: a name gets a value from outside, as these words ask for it.
    Ask(String, Vec<String>),
    /// `* repeat 10` … `* end`: the steps between, again and again.
    Repeat(Times, Vec<Step>),
    /// `* choose 70` … `* or 30` … `* end`: one of these, by their weights.
    Choose(Vec<(u32, Vec<Step>)>),
}

/// How often steps are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// `* repeat 10`.
    Count(u32),
    /// `* repeat 10s`: no round begins after this time.
    For(Duration),
    /// `* repeat`: until whoever plays the script has enough; what a load is measured of.
    Endless,
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

impl Script {
    /// Parses a script.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        parse::parse(text)
    }

    /// The script as it is played again and again: what is said once before, what is repeated, and
    /// what is said once at the end. Without an endless repetition all of it is repeated.
    pub fn parts(&self) -> Parts<'_> {
        let endless = self.steps.iter().enumerate().find_map(|(at, step)| match &step.action {
            Action::Repeat(Times::Endless, steps) => Some((at, steps.as_slice())),
            _ => None,
        });
        let (before, round, after) = match endless {
            Some((at, steps)) => (&self.steps[..at], steps, &self.steps[at + 1..]),
            None => (&self.steps[..0], self.steps.as_slice(), &self.steps[..0]),
        };
        Parts { before, round, after, whole: endless.is_none() }
    }

    /// Names that are sent before anything gave them a value, with the line of the first use: they
    /// need one from outside.
    pub fn needs(&self) -> Vec<(String, usize)> {
        needs::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;
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
        assert_eq!(shown[2].2, &Action::Wait(Duration::from_secs(90), Duration::from_secs(90)));
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
        assert_eq!(line("* repeat 2\n> close\n"), 1);
        assert_eq!(line("> close\n* end"), 2);
        assert_eq!(line("* or 3"), 1);
        assert_eq!(line("* repeat\n* repeat\n> close\n* end\n* end"), 2);
        assert_eq!(line("@ 3s..1s"), 1);
        let deep = "* repeat 2\n".repeat(9);
        assert_eq!(line(&deep), 9);
    }

    #[test]
    fn blocks_data_and_volatile_fields_are_read() {
        let script = "~ LAST_LOGIN DETAILS.AT\n* data users.csv\n* data user=user{n} desk=d\n\
                      > connect\n* repeat\n* choose 3\n>! {}\n* or\n@ 1s..3s\n* end\n\
                      * repeat 5\n<= {}\n* end\n* end\n> close";
        let script = Script::parse(script).unwrap();
        assert_eq!(script.volatile, ["LAST_LOGIN", "DETAILS.AT"]);
        let made = |name: &str, text: &str| Data::Made(name.to_owned(), text.to_owned());
        let file = Data::File("users.csv".to_owned());
        assert_eq!(script.data, [file, made("user", "user{n}"), made("desk", "d")]);
        let step = |line, action| Step { line, link: String::new(), action };
        let seconds = Duration::from_secs;
        let choice = vec![
            (3, vec![step(7, Action::Cause(json!({})))]),
            (1, vec![step(9, Action::Wait(seconds(1), seconds(3)))]),
        ];
        let five = vec![step(12, Action::Reply(json!({})))];
        let endless =
            [step(6, Action::Choose(choice)), step(11, Action::Repeat(Times::Count(5), five))];
        let parts = script.parts();
        assert_eq!((parts.round, parts.whole), (&endless[..], false));
        let said = |steps: &[Step]| steps.iter().map(|it| it.action.clone()).collect::<Vec<_>>();
        assert_eq!(said(parts.before), [Action::Connect]);
        assert_eq!(said(parts.after), [Action::Close]);
        assert!(Script::parse("> close").unwrap().parts().whole);
    }

    #[test]
    fn names_without_a_value_are_told() {
        let script = "* data user=u{n}\n> {\"A\": \"$user\", \"B\": \"$password\"}\n< {\"T\": \"$t\"}\n\
                      * repeat 2\n> {\"T\": \"$t\", \"N\": \"${n}/${desk}\"}\n* end\n= c: totp $secret";
        let needs = Script::parse(script).unwrap().needs();
        let named = |name: &str, line| (name.to_owned(), line);
        assert_eq!(needs, [named("password", 2), named("desk", 5), named("secret", 7)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn nothing_that_comes_in_panics(text in "([a-z<>@?#={}\".0-9 \\[\\]$\n]|é){0,200}") {
            let _ = Script::parse(&text);
        }
    }
}
