//! `audit`: verifies and prints the audit trail of a stopped store.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::gateway::Started;
use crate::platform::{Clock, utc};
use crate::realm::{AuditEvent, Millis};
use crate::storage::AuditNo;

/// Sub-commands of `audit`. A running gateway shows the trail as the data source AUDIT_EVENTS.
#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Verify the hash chain, which reveals missing and altered rows
    Verify(VerifyArgs),
    /// Print rows, newest first
    ///
    /// Each line is: TIME NUMBER EVENT CODE USER [-> TARGET] from ADDRESS [by PROOF] [with FACTOR]
    /// [before JSON] [after JSON] [reason TEXT]. The target is left out if it is the user; what
    /// follows the address is left out if it has no value. Any other missing value is printed as -.
    Show(ShowArgs),
}

/// The store to verify.
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The rows to print.
#[derive(Args)]
pub(super) struct ShowArgs {
    /// Only rows in which USER or TARGET is this name
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only rows since this time: a date (UTC) such as 2026-11-25, a time with its zone such as
    /// 2026-11-25T09:00:00+01:00, or an age such as 8h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Number of rows that are read at a time.
const STEP_ROWS: usize = 1_024;

impl AuditCommand {
    pub(super) fn run(self) -> Result<()> {
        match self {
            AuditCommand::Verify(verify) => verify.run(),
            AuditCommand::Show(show) => show.run(),
        }
    }
}

impl VerifyArgs {
    fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        let (first, count) =
            offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
                let progress = ProgressBar::new(started.replica.audit_trail.last());
                let verified = started.replica.audit_trail.verify(|no| progress.set_position(no));
                progress.finish_and_clear();
                Ok(verified?)
            })?;
        match count {
            0 => println!("the audit trail is empty"),
            _ => println!("{count} audit rows, {first} to {}, are intact", first + count - 1),
        }
        Ok(())
    }
}

impl ShowArgs {
    fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        let now = Clock::system().now();
        let since = self.since.as_deref().map(|text| since(text, now)).transpose()?.unwrap_or(0);
        offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
            match self.print(started, since) {
                // The reader closed the pipe, as `head` does.
                Err(error) if is_broken_pipe(&error) => Ok(()),
                printed => printed,
            }
        })
    }

    fn print(&self, started: &Started, since: Millis) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let mut before = None;
        loop {
            let rows = started.replica.audit_trail.read_before(before, STEP_ROWS)?;
            for (no, row) in rows.iter().take_while(|(_, row)| row.at >= since) {
                if self.concerns(row) {
                    let line = if self.json { json(*no, row)? } else { format_row(*no, row)? };
                    // A terminal must not interpret what the fields contain.
                    writeln!(out, "{}", protocol::escape_hidden(&line))?;
                }
            }
            match rows.last() {
                Some((no, row)) if row.at >= since => before = Some(*no),
                _ => return Ok(()),
            }
        }
    }

    fn concerns(&self, row: &AuditEvent) -> bool {
        let Some(user) = &self.user else { return true };
        let is = |name: &Option<Box<str>>| {
            name.as_ref().is_some_and(|name| user.eq_ignore_ascii_case(name))
        };
        is(&row.user_name) || is(&row.target)
    }
}

/// Parses a time such as "8h" (ago), "2026-11-25" or "2026-11-25T09:00:00+01:00" to milliseconds
/// since the epoch.
fn since(text: &str, now: Millis) -> Result<Millis> {
    let ago = || protocol::duration::parse_ms(text).map(|age_ms| now.saturating_sub(age_ms));
    let wrong = "--since must be a date, a time with its zone, or an age such as 8h or 7d";
    utc::parse(text).or_else(ago).context(wrong)
}

fn json(no: AuditNo, row: &AuditEvent) -> Result<String> {
    let mut value = serde_json::to_value(row)?;
    value["SEQUENCE"] = no.into();
    Ok(value.to_string())
}

/// Formats a row; its hidden characters are not escaped yet.
fn format_row(no: AuditNo, row: &AuditEvent) -> Result<String> {
    let at = utc::format(row.at, utc::MILLISECONDS);
    let word = |word: &Option<Box<str>>| word.as_deref().unwrap_or("-").to_owned();
    let mut line = format!(
        "{at} {no} {} {} {} from {}",
        row.event,
        row.code,
        if row.target == row.user_name {
            word(&row.user_name)
        } else {
            format!("{} -> {}", word(&row.user_name), word(&row.target))
        },
        word(&row.host),
    );
    let factor = row.factor.map(|factor| factor.word());
    for (name, word) in [("by", row.proof.map(|proof| proof.word())), ("with", factor)] {
        if let Some(word) = word {
            line.push_str(&format!(" {name} {word}"));
        }
    }
    for (name, side) in [("before", &row.before), ("after", &row.after)] {
        if let Some(side) = side.json() {
            line.push_str(&format!(" {name} {side}"));
        }
    }
    if let Some(reason) = &row.reason {
        line.push_str(&format!(" reason {}", serde_json::to_string(reason)?));
    }
    Ok(line)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_date_a_time_or_an_age() {
        let now = utc::parse("2026-11-25T12:00:00Z").unwrap();
        let at = |text: &str| since(text, now).unwrap();
        let ms = |text: &str| utc::parse(text).unwrap();
        assert_eq!(at("8h"), ms("2026-11-25T04:00:00Z"));
        assert_eq!(at("7d"), ms("2026-11-18T12:00:00Z"));
        assert_eq!(at("2026-11-25"), ms("2026-11-25T00:00:00Z"));
        assert_eq!(at("2026-11-25T09:00:00+01:00"), ms("2026-11-25T08:00:00Z"));
        assert!(since("yesterday", now).is_err());
    }

    #[test]
    fn a_row_is_one_line_whatever_its_fields_contain() {
        let row: AuditEvent = serde_json::from_value(serde_json::json!({
            "AT": 0, "EVENT": "EVENT_AMEND_USER", "USER_NAME": "admin", "TARGET": "jane",
            "HOST": "127.0.0.1", "CODE": "OK", "REASON": "a\r\nb\u{1b}[31m\u{85}\u{202e}",
        }))
        .unwrap();
        let line = protocol::escape_hidden(&format_row(7, &row).unwrap());
        assert!(line.starts_with("1970-01-01T00:00:00.000Z 7 EVENT_AMEND_USER OK admin -> jane "));
        assert!(!line.contains(protocol::is_hidden), "{line:?}");
    }
}
