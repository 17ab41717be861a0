//! `schema`: prints what the wire looks like to programs.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use crate::messages::schema::{asyncapi, openapi};
use crate::messages::table;
use crate::replay::Report;
/// Which document.
#[derive(Args)]
pub(super) struct SchemaArgs {
    /// openapi (REST), asyncapi (WebSocket), report (what replay --json writes), or a MESSAGE_TYPE
    /// for its two JSON Schemas
    #[arg(value_name = "DOCUMENT")]
    document: String,
}

impl SchemaArgs {
    pub(super) fn run(&self) -> Result<()> {
        let document = match self.document.as_str() {
            "openapi" => openapi::document(),
            "asyncapi" => asyncapi::document(),
            "report" => schemars::schema_for!(Report).to_value(),
            name => match table::find(name) {
                Some(handler) => {
                    let (request, reply) = (handler.schemas)();
                    json!({ "REQUEST": request, "REPLY": reply })
                }
                None => bail!("{name} is neither openapi, asyncapi, report nor a MESSAGE_TYPE"),
            },
        };
        println!("{}", serde_json::to_string_pretty(&document)?);
        Ok(())
    }
}
