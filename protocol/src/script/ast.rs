//! The parsed form of a message script.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A message script: a conversation of one or more connections.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// What is sent and expected, in order.
    pub steps: Vec<Step>,
    /// Fields that differ in every run and are not compared: paths such as `DETAILS.LAST_LOGIN`, or
    /// names, which match a field of this name at any level.
    pub volatile: Vec<String>,
    /// The sources of the values of each client.
    pub data: Vec<Data>,
}

/// The parts of a script for a load test ([`Script::parts`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts<'a> {
    /// Steps that run once, before the rounds.
    pub before: &'a [Step],
    /// The steps of one round, which are repeated.
    pub round: &'a [Step],
    /// Steps that run once, after the rounds.
    pub after: &'a [Step],
    /// Whether a round is the whole script and so opens its own connections.
    pub whole: bool,
}

/// A source of values that differ from client to client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// The rows of a CSV file in the folder of the script. The first line of the file has the names
    /// of the values.
    File(String),
    /// A name and its value, in which `{n}` is replaced by the number of the client.
    Made(String, String),
}

/// One line of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The line number in the script, from 1.
    pub line: usize,
    /// The name of the connection; empty for the unnamed connection.
    pub connection: String,
    /// What the step does.
    pub action: Action,
}

/// The action of a step. For steps that expect frames, the descriptions say what `replay --verify`
/// does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// `> connect`: opens the connection. Without this step, the first step of a connection opens
    /// it.
    Connect,
    /// `> close`: closes the connection.
    Close,
    /// `> {…}`: sends an envelope. Each `$name` in the envelope is replaced by its value.
    Send(Value),
    /// `>! {…}`: sends an envelope that causes pushed messages. The delay of later pushes on any
    /// connection is measured from this step.
    Cause(Value),
    /// `> text …`: sends this text as a text frame.
    Text(String),
    /// `> binary HEX`: sends a binary frame.
    Binary(Vec<u8>),
    /// `< {…}`: expects that the next frame has at least these fields.
    Expect(Value),
    /// `<= {…}`: expects that the next frame with the SOURCE_REF of this step has at least these
    /// fields. Recordings use this form.
    Reply(Value),
    /// `<? {…}`: skips frames until one has at least these fields.
    Seek(Value),
    /// `< closed CODE`: expects that the gateway closes the connection, with this code if one is
    /// given.
    Closed(Option<u16>),
    /// `< nothing 200ms`: expects that no frame is received for this long.
    Quiet(Duration),
    /// `@ 90s`: waits; `@ 1s..3s`: waits a random time, evenly distributed between the two
    /// durations.
    Wait(Duration, Duration),
    /// `= NAME: WORDS`: sets a variable to a value that does not come from a frame; the words say
    /// where it comes from. `= code: totp $secret` sets `code` to the current TOTP code of a
    /// secret.
    Ask(String, Vec<String>),
    /// `* repeat 10` … `* end`: repeats the steps of the block.
    Repeat(Times, Vec<Step>),
    /// `* choose 70` … `* or 30` … `* end`: runs one alternative, chosen at random by weight.
    Choose(Vec<(u32, Vec<Step>)>),
}

/// The number of repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// `* repeat 10`.
    Count(u32),
    /// `* repeat 10s`: until this time has passed. The last repetition is completed.
    For(Duration),
    /// `* repeat`: until the player stops. A load test measures these repetitions as rounds.
    Endless,
}

/// The error for text that is not a valid script: line and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The line number, from 1.
    pub line: usize,
    /// The reason.
    pub what: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Splits the script for a load test: the steps before, inside and after the endless
    /// repetition. Without an endless repetition, a round is the whole script.
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
}

/// Whether `$name` is a variable: ASCII letters, digits and underscores, but not `$_`.
pub(super) fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && name != "_"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;
    use serde_json::json;

    #[test]
    fn a_conversation_is_read_step_by_step() {
        let script = "# a login\n> {\"MESSAGE_TYPE\":\n   \"X\"}\n\nb<\nMESSAGE_TYPE = Y\n\
                      A.B[1].C = 2\n@ 90s\n< closed 4002\n<? {\"Z\": 1}\nb> binary 00ff\n\
                      < nothing 200ms\n> text {oops";
        let steps = Script::parse(script).unwrap().steps;
        let shown: Vec<_> =
            steps.iter().map(|it| (it.line, it.connection.as_str(), &it.action)).collect();
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
    fn errors_name_their_line() {
        let line = |text: &str| Script::parse(text).unwrap_err().line;
        assert_eq!(line("\n\nhello"), 3);
        assert_eq!(line("> {\"A\":\n}"), 2);
        assert_eq!(line("@ soon"), 1);
        assert_eq!(line("= code totp"), 1);
        let parsed = Script::parse("= code: totp $secret").unwrap();
        let words = ["totp", "$secret"].map(str::to_owned).to_vec();
        assert_eq!(parsed.steps[0].action, Action::Ask("code".to_owned(), words));
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
        let step = |line, action| Step { line, connection: String::new(), action };
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
        let actions = |steps: &[Step]| steps.iter().map(|it| it.action.clone()).collect::<Vec<_>>();
        assert_eq!(actions(parts.before), [Action::Connect]);
        assert_eq!(actions(parts.after), [Action::Close]);
        assert!(Script::parse("> close").unwrap().parts().whole);
    }

    #[test]
    fn names_without_a_value_are_listed() {
        let script = "* data user=u{n}\n> {\"A\": \"$user\", \"B\": \"$password\"}\n\
                      < {\"T\": \"$t\"}\n* repeat 2\n> {\"T\": \"$t\", \"N\": \"${n}/${desk}\"}\n\
                      * end\n= c: totp $secret";
        let unresolved = Script::parse(script).unwrap().unresolved();
        let named = |name: &str, line| (name.to_owned(), line);
        assert_eq!(unresolved, [named("password", 2), named("desk", 5), named("secret", 7)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn no_input_panics(text in "([a-z<>@?#={}\".0-9 \\[\\]$\n]|é){0,200}") {
            let _ = Script::parse(&text);
        }
    }
}
