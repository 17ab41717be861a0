//! Output of the results of a run: table, JSON, CSV, HdrHistogram and HTML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::cli::terminal::escaped;
use crate::replay::Results;
use crate::replay::report::{html, table, text};

/// Files to write in addition to the printed table.
#[derive(Args)]
pub(super) struct OutputArgs {
    /// Write the report as JSON to this file; - means standard output (schema: `tollgate schema
    /// report`)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write CSV to this file: one line per MESSAGE_TYPE, times in microseconds
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write latencies in HdrHistogram format (.hgrm) to this directory: one file per MESSAGE_TYPE.
    /// With --rate, two files per MESSAGE_TYPE: one with the latencies from the scheduled send, and
    /// one (.as-sent) with the latencies from the actual send. push-lag.hgrm has the lag of pushed
    /// messages, measured from the steps that cause them (marked >! in the script)
    #[arg(long, value_name = "DIR")]
    hgrm: Option<PathBuf>,
    /// Write the report with plots to this file, as one HTML page without external parts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl OutputArgs {
    pub(super) fn write(&self, results: &Results) -> Result<()> {
        let report = &results.report;
        let alone = self.json.as_deref() == Some(Path::new("-"));
        if alone {
            println!("{}", escaped(&serde_json::to_string_pretty(report)?));
        } else {
            println!("{}", escaped(&table::full_report(report)));
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
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            for (name, latency, service) in &results.histograms {
                // A script can contain any text as MESSAGE_TYPE, including path separators.
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
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
