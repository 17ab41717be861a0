//! `schema`: prints schemas of messages and reports, and the wire reference.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use crate::messages::schema::reference::{self, ExampleScripts};
use crate::messages::schema::{asyncapi, openapi};
use crate::messages::table;
use crate::net::CloseReason;
use crate::replay::Report;

/// The document to print.
#[derive(Args)]
pub(super) struct SchemaArgs {
    /// Document to print: openapi (REST), asyncapi (WebSocket), report (the JSON of `replay
    /// --json`), reference (all messages, codes and data sources, as Markdown), or a MESSAGE_TYPE
    /// (JSON Schemas of its request and reply)
    #[arg(value_name = "DOCUMENT")]
    document: String,
    /// Directory of message scripts from which `reference` takes its examples (default: no
    /// examples)
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
}

impl SchemaArgs {
    pub(super) fn run(&self) -> Result<()> {
        let document = match self.document.as_str() {
            "openapi" => openapi::document(),
            "asyncapi" => asyncapi::document(),
            "report" => schemars::schema_for!(Report).to_value(),
            "reference" => {
                let examples = self.scripts.as_deref().map(read_examples).transpose()?;
                let close_reasons = CloseReason::reference_table();
                let examples = examples.unwrap_or_default();
                print!("{}", reference::document(&examples, &close_reasons));
                return Ok(());
            }
            name => match table::find(name) {
                Some(handler) => {
                    let (request, reply) = (handler.schemas)();
                    json!({ "REQUEST": request, "REPLY": reply })
                }
                None => {
                    bail!(
                        "{name:?} is not a document: use openapi, asyncapi, report, reference or a \
                         MESSAGE_TYPE"
                    )
                }
            },
        };
        println!("{}", serde_json::to_string_pretty(&document)?);
        Ok(())
    }
}

/// Reads the scripts in the folders below `folder`, in alphabetical order. The folder `load` is
/// left out, because its scripts repeat messages of the other scripts.
fn read_examples(folder: &Path) -> Result<ExampleScripts> {
    let mut scripts = Vec::new();
    for subject in entries(folder)? {
        if !subject.is_dir() || subject.ends_with("load") {
            continue;
        }
        for file in entries(&subject)? {
            if file.extension().is_some_and(|extension| extension == "script") {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                let name = file.strip_prefix(folder)?.to_string_lossy().into_owned();
                scripts.push((name, text));
            }
        }
    }
    ExampleScripts::parse(&scripts)
        .with_context(|| format!("a script in {} is invalid", folder.display()))
}

/// Returns the paths in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let entries: std::io::Result<Vec<PathBuf>> = read();
    let mut entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    entries.sort();
    Ok(entries)
}
