//! Where the results of a run go.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::replay::Results;
use crate::replay::report::{html, table, text};

/// Files to write beside the table.
#[derive(Args)]
pub(super) struct OutputArgs {
    /// Write the whole report as JSON (`tollgate schema report` describes it); - for the output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write one line a MESSAGE_TYPE as CSV, times in microseconds
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write latencies as HdrHistogram's .hgrm, a file a MESSAGE_TYPE, into this folder
    #[arg(long, value_name = "FOLDER")]
    hgrm: Option<PathBuf>,
    /// Write a page with plots that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl OutputArgs {
    pub(super) fn write(&self, results: &Results) -> Result<()> {
        let report = &results.report;
        let alone = self.json.as_deref() == Some(Path::new("-"));
        if alone {
            println!("{}", serde_json::to_string_pretty(report)?);
        } else {
            println!("{}", table::full_report(report));
        }
        if let Some(path) = self.json.as_deref().filter(|_| !alone) {
            save(path, &serde_json::to_string_pretty(report)?)?;
        }
        if let Some(path) = &self.csv {
            save(path, &text::csv(report)?)?;
        }
        if let Some(path) = &self.html {
            save(path, &html::page(results)?)?;
        }
        if let Some(folder) = &self.hgrm {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            for (name, latency, service) in &results.histograms {
                // A MESSAGE_TYPE is whatever the script says.
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                let name: String = name.chars().map(plain).collect();
                save(&folder.join(format!("{name}.hgrm")), &text::hgrm(latency))?;
                if report.rate.is_some() {
                    save(&folder.join(format!("{name}.as-sent.hgrm")), &text::hgrm(service))?;
                }
            }
            if !results.lag.is_empty() {
                save(&folder.join("push-lag.hgrm"), &text::hgrm(&results.lag))?;
            }
        }
        Ok(())
    }
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
