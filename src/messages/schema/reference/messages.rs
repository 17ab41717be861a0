//! The section of the messages that clients send, by subject.

use super::examples::{Example, ExampleScripts};
use super::fields::fields;
use crate::messages::handler::{Handler, Order};
use crate::messages::schema::components::describe_access;
use crate::messages::schema::markdown::{code, codes, json_block, table};
use crate::messages::table::HANDLERS;

/// A subject: folder below `messages`, heading, and introduction.
struct Subject(&'static str, &'static str, &'static str);

/// All subjects, in the order of the reference.
static SUBJECTS: [Subject; 10] = [
    Subject(
        "login",
        "Login and sessions",
        "The [guide](../README.md) explains how to use these messages.",
    ),
    Subject(
        "passwords",
        "Passwords",
        "The password rules are set in the configuration. No message returns them, so a GUI shows \
         the user each TEXT of a refusal.",
    ),
    Subject(
        "mfa",
        "Second factors",
        "The [guide](../README.md#second-factor) explains logins with a second factor.",
    ),
    Subject(
        "subscriptions",
        "Subscriptions",
        "These messages are sent over a WebSocket only. Over REST, each data source has a path: \
         POST subscribes, GET polls, PUT reads more rows, DELETE unsubscribes.",
    ),
    Subject("users", "Users", "The record of a user is a row of [ALL_USERS](#all_users)."),
    Subject(
        "profiles",
        "Profiles",
        "A profile gives rights to its users. The record of a profile is a row of \
         [ALL_PROFILES](#all_profiles).",
    ),
    Subject("rights", "Rights", "The record of a right is a row of [ALL_RIGHTS](#all_rights)."),
    Subject(
        "metadata",
        "Metadata",
        "These messages return what the user may send, and with which fields.",
    ),
    Subject(
        "token_api",
        "Tokens",
        "The [token API](#token-api) has a route for each of these messages.",
    ),
    Subject("operations", "Operations", "For administrators of the gateway."),
];

pub(super) fn section(examples: &ExampleScripts) -> String {
    let mut out = String::from(INTRODUCTION);
    for Subject(folder, heading, introduction) in &SUBJECTS {
        out.push_str(&format!("\n### {heading}\n\n{introduction}\n"));
        for handler in HANDLERS.iter().filter(|handler| (handler.subject)() == *folder) {
            out.push_str(&message(handler, examples));
        }
    }
    out
}

const INTRODUCTION: &str = "\
## Messages

*Queued* messages of a connection take effect in the order in which they are sent. *Immediate*
messages are answered at once, before queued messages. Messages that count as use restart the
session timeout (SESSION_TIMEOUT_MINS); the end of a token API session is fixed. *VALIDATE* states
whether a message supports [dry runs](../README.md#dry-runs).
";

/// Returns the description of one message.
fn message(handler: &Handler, examples: &ExampleScripts) -> String {
    let (details, ack) = (handler.schemas)();
    let mut out = format!("\n#### {}\n\n{}", handler.name, handler.summary);
    if !handler.description.is_empty() {
        out.push_str(&format!(" {}", handler.description));
    }
    out.push_str(&format!("\n\n{}", properties(handler)));
    out.push_str(&fields("DETAILS", details.as_value(), "required"));
    out.push_str(&fields(&format!("Reply {}", handler.ack), ack.as_value(), "always"));
    if let Some(example) = examples.exchange(handler) {
        out.push_str(&example_blocks(&example));
    }
    out
}

fn properties(handler: &Handler) -> String {
    let yes_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let mut rows = vec![
        ["access".to_owned(), describe_access(handler.access)],
        ["replies".to_owned(), replies(handler)],
        [
            "order".to_owned(),
            if handler.order == Order::Queued { "queued" } else { "immediate" }.to_owned(),
        ],
        ["counts as use".to_owned(), yes_no(handler.counts_as_use)],
        ["VALIDATE".to_owned(), yes_no(handler.record_event)],
        ["REST".to_owned(), rest(handler)],
    ];
    if !handler.aliases.is_empty() {
        let aliases = codes(handler.aliases.iter().copied());
        rows.insert(1, ["other MESSAGE_TYPE".to_owned(), aliases]);
    }
    table(["property", "value"], rows)
}

fn replies(handler: &Handler) -> String {
    let mut text = format!("{}, {}", code(handler.ack), code(handler.nack));
    if handler.record_event {
        text.push_str("; with `server.ack_naming = \"generic\"`, the ACK is `EVENT_ACK`");
    }
    if handler.legacy_nack != handler.nack {
        let legacy = code(handler.legacy_nack);
        text.push_str(&format!("; with `server.nack_naming = \"legacy\"`, the NACK is {legacy}"));
    }
    text
}

fn rest(handler: &Handler) -> String {
    if (handler.subject)() == "subscriptions" {
        return "the path of the data source".to_owned();
    }
    let path = protocol::rest_paths::path(handler.name);
    let methods = if handler.read { ["GET", "POST"].as_slice() } else { &["POST"] };
    let calls: Vec<String> = methods.iter().map(|method| format!("{method} {path}")).collect();
    codes(calls.iter().map(String::as_str))
}

/// Returns an example: its origin, the request and the replies.
pub(super) fn example_blocks(example: &Example<'_>) -> String {
    let Example { script, origin, .. } = example;
    let mut out = format!("\nExample, shortened, {origin} [{script}](../scripts/{script}):\n\n");
    if let Some(request) = &example.request {
        out.push_str(&json_block(request));
        out.push_str("\nreplies\n\n");
    }
    let blocks: Vec<String> = example.replies.iter().map(json_block).collect();
    out.push_str(&blocks.join("\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_a_subject_and_a_short_summary() {
        for handler in &HANDLERS {
            let subject = (handler.subject)();
            let is_known = SUBJECTS.iter().any(|Subject(folder, ..)| *folder == subject);
            assert!(is_known, "add the folder {subject} of {} to SUBJECTS", handler.name);
            let summary = handler.summary;
            let fits = (1..=100).contains(&summary.len()) && summary.ends_with('.');
            assert!(fits, "{}: the summary must be a sentence of up to 100 bytes", handler.name);
        }
    }
}
