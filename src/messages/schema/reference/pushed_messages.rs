//! The section of the messages that the gateway sends without a request.

use super::examples::ExampleScripts;
use super::fields::fields;
use super::messages::example_blocks;
use crate::messages::schema::pushed::{PUSHED, PushedMessage};

pub(super) fn section(examples: &ExampleScripts) -> String {
    let mut out = String::from(INTRODUCTION);
    for PushedMessage { name, summary, description, mark, schema } in &PUSHED {
        let heading = match mark {
            Some(mark) => format!("{name} with {mark}"),
            None => (*name).to_owned(),
        };
        out.push_str(&format!("\n### {heading}\n\n{summary} {description}\n"));
        out.push_str(&fields("Fields", schema().as_value(), "always"));
        if let Some(example) = examples.pushed(name, *mark) {
            out.push_str(&example_blocks(&example));
        }
    }
    out
}

const INTRODUCTION: &str = "\
## Messages without a request

The gateway sends these messages without a request, over a WebSocket only. There are two exceptions:
MSG_NACK answers a frame or REST request that is no message. QUERY_UPDATE is sent without a request
and also answers MORE_ROWS and the REST requests of a subscription.
";
