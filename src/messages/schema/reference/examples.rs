//! Examples of messages, taken from the message scripts that are played as tests.

use protocol::script::{Action, Script, ScriptError, Step};
use serde_json::Value;

use crate::messages::handler::Handler;

/// The message scripts to take examples from.
#[derive(Debug, Default)]
pub struct ExampleScripts(Vec<ExampleScript>);

#[derive(Debug)]
struct ExampleScript {
    /// The path below `protocol/scripts`.
    name: String,
    steps: Vec<Step>,
    /// The line numbers of the steps that are marked as examples.
    marked: Vec<usize>,
}

/// Part of a conversation.
pub(super) struct Example<'a> {
    /// The words that precede the name of the script and state how the example was made from the
    /// script.
    pub origin: &'static str,
    /// The path of the script.
    pub script: &'a str,
    /// What is sent; `None` if the gateway sends without a request.
    pub request: Option<Value>,
    /// What the gateway sends, in order.
    pub replies: Vec<Value>,
    is_marked: bool,
}

/// The beginning of a comment that marks the step below the comment as an example.
const MARK: &str = "# Example:";
/// What replaces a value that differs in every run.
const VARYING: &str = "…";

impl ExampleScripts {
    /// Parses scripts, given as paths and texts. Of several examples without a mark, the first one
    /// is chosen, so the order of the scripts matters.
    pub fn parse(scripts: &[(String, String)]) -> Result<Self, ScriptError> {
        let parse = |(name, text): &(String, String)| {
            let steps = Script::parse(text)?.steps;
            Ok(ExampleScript { name: name.clone(), steps, marked: marked_lines(text) })
        };
        scripts.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the first marked exchange in which the message is answered by its ACK. If no such
    /// exchange is marked, the first one is returned.
    pub(super) fn exchange(&self, handler: &Handler) -> Option<Example<'_>> {
        self.first(|script, at| script.exchange(at, handler))
    }

    /// Returns a message that the gateway sends without a request. If replies have the same type,
    /// `field` is the field that only the pushed message has, at its root or in DETAILS. If no
    /// script expects a message with this field, the example is made from a reply: without
    /// SOURCE_REF and with the field.
    pub(super) fn pushed(&self, message_type: &str, field: Option<&str>) -> Option<Example<'_>> {
        let has =
            |frame: &Value, field: &str| frame.get(field).or(frame["DETAILS"].get(field)).is_some();
        let find = |field: Option<&str>| {
            self.first(|script, at| {
                let frame = expected(&script.steps[at])?;
                let is_pushed = frame["MESSAGE_TYPE"] == message_type
                    && field.is_none_or(|field| has(frame, field));
                is_pushed.then(|| Some(script.example(at, None, vec![shown(frame)?])))?
            })
        };
        find(field).or_else(|| {
            let mut example = find(None)?;
            let frame = example.replies.first_mut()?;
            frame.as_object_mut()?.remove("SOURCE_REF");
            frame["DETAILS"][field?] = true.into();
            Some(Example { origin: "made from the reply in", ..example })
        })
    }

    fn first<'a>(
        &'a self,
        find: impl Fn(&'a ExampleScript, usize) -> Option<Example<'a>>,
    ) -> Option<Example<'a>> {
        let all = || {
            let find = &find;
            let in_script = move |script: &'a ExampleScript| {
                (0..script.steps.len()).filter_map(move |at| find(script, at))
            };
            self.0.iter().flat_map(in_script)
        };
        all().find(|example| example.is_marked).or_else(|| all().next())
    }
}

impl ExampleScript {
    /// Returns the exchange that a step begins; `None` if the step does not send this message, or
    /// if the message is refused.
    fn exchange(&self, at: usize, handler: &Handler) -> Option<Example<'_>> {
        let step = &self.steps[at];
        let (Action::Send(sent) | Action::Cause(sent)) = &step.action else { return None };
        if sent["MESSAGE_TYPE"] != handler.name {
            return None;
        }
        let mut replies = Vec::new();
        for later in self.steps[at + 1..].iter().filter(|it| it.connection == step.connection) {
            let Some(received) = expected(later) else {
                if replies.is_empty() && matches!(later.action, Action::Send(_)) {
                    continue;
                }
                return None;
            };
            let kind = &received["MESSAGE_TYPE"];
            if kind == handler.nack || kind.is_null() {
                return None;
            }
            replies.push(shown(received)?);
            if kind == handler.ack {
                let mut request = shown(sent)?;
                add_source_refs(&mut request, replies.last_mut()?);
                return Some(self.example(at, Some(request), replies));
            }
        }
        None
    }

    fn example(&self, at: usize, request: Option<Value>, replies: Vec<Value>) -> Example<'_> {
        let is_marked = self.marked.contains(&self.steps[at].line);
        Example { origin: "from", script: &self.name, request, replies, is_marked }
    }
}

/// Returns the frame that a step expects; `None` if it expects none.
fn expected(step: &Step) -> Option<&Value> {
    match &step.action {
        Action::Expect(frame) | Action::Reply(frame) | Action::Seek(frame) => Some(frame),
        _ => None,
    }
}

/// Returns the line numbers of the steps below a comment that begins with [`MARK`].
fn marked_lines(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let marks = lines.iter().enumerate().filter(|(_, line)| line.starts_with(MARK));
    let below = |(at, _): (usize, &&str)| {
        let comment = lines[at..].iter().take_while(|line| line.starts_with('#')).count();
        at + comment + 1
    };
    marks.map(below).collect()
}

/// Gives request and ack the same SOURCE_REF: that of the script, or 1 if the script has none.
fn add_source_refs(request: &mut Value, ack: &mut Value) {
    let sent = request.get("SOURCE_REF").or(ack.get("SOURCE_REF")).cloned();
    let source_ref = sent.unwrap_or_else(|| 1.into());
    for frame in [request, ack] {
        frame["SOURCE_REF"] = source_ref.clone();
    }
}

/// Returns a frame of a script without the notation of scripts: `…` replaces values that differ in
/// every run. The marks `$!` (absent field) and `..` (more elements) are left out; `None` if the
/// value itself is such a mark.
fn shown(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(text) if text == "$!" || text == ".." => return None,
        Value::String(text) if text.starts_with('$') => VARYING.into(),
        Value::Array(list) => list.iter().filter_map(shown).collect(),
        Value::Object(map) => {
            map.iter().filter_map(|(key, value)| Some((key.clone(), shown(value)?))).collect()
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::table;

    const SCRIPT: &str = r#"
> {"MESSAGE_TYPE": "EVENT_LOGOUT"}
< {"MESSAGE_TYPE": "LOGOUT_NACK"}
> {"MESSAGE_TYPE": "EVENT_LOGOUT", "SOURCE_REF": "first"}
< {"MESSAGE_TYPE": "LOGOUT_ACK", "SOURCE_REF": "first"}
# Example: by its id.
# The comment has two lines.
b> {"MESSAGE_TYPE": "EVENT_LOGOUT", "DETAILS": {"SESSION_ID": "$id", "USER_NAME": "$!"}}
< {"MESSAGE_TYPE": "SESSION_ENDED"}
b< {"MESSAGE_TYPE": "LOGOUT_ACK", "L": [1, ".."]}
"#;

    fn scripts(text: &str) -> ExampleScripts {
        ExampleScripts::parse(&[("x.script".to_owned(), text.to_owned())]).unwrap()
    }

    #[test]
    fn a_marked_exchange_is_preferred_and_refusals_are_skipped() {
        let handler = table::find("EVENT_LOGOUT").unwrap();
        let marked = scripts(SCRIPT);
        let example = marked.exchange(handler).unwrap();
        let request = serde_json::json!({
            "MESSAGE_TYPE": "EVENT_LOGOUT", "SOURCE_REF": 1, "DETAILS": { "SESSION_ID": "…" },
        });
        assert_eq!(example.request, Some(request));
        assert_eq!(example.replies[0]["L"], serde_json::json!([1]));
        let unmarked = scripts(&SCRIPT.replace("# Example:", "#"));
        assert_eq!(unmarked.exchange(handler).unwrap().replies[0]["SOURCE_REF"], "first");
        let pushed = marked.pushed("SESSION_ENDED", None).unwrap();
        assert_eq!(pushed.replies, [serde_json::json!({ "MESSAGE_TYPE": "SESSION_ENDED" })]);
        let made = marked.pushed("LOGOUT_ACK", Some("PUSHED")).unwrap();
        let expected = serde_json::json!({
            "MESSAGE_TYPE": "LOGOUT_ACK", "DETAILS": { "PUSHED": true },
        });
        assert_eq!((made.origin, &made.replies[0]), ("made from the reply in", &expected));
    }
}
