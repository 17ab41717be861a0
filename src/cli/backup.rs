//! `backup`: saves the data of a running gateway in the file format of `export`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::{Value, json};

use super::export::{check_new, write_new};
use super::remote::{self, RemoteArgs};
use crate::net::Client;
use crate::platform::Clock;
use crate::realm::{Key, Realm, Row, StoredRow};
use crate::replication::add_to_checksum;
use crate::storage::{ExportChecksum, export};

/// The gateway to back up, and the file to write.
#[derive(Args)]
pub(super) struct BackupArgs {
    /// File to write (mode 0600); must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    remote: RemoteArgs,
    /// User to log in as, who needs the right BACKUP; the password is read from the first line of
    /// standard input
    #[arg(long, value_name = "USER")]
    login: String,
    /// Leave out password hashes, sessions and tokens; the encrypted secrets of second factors stay
    /// in the file; after an import, users need a password reset
    #[arg(long)]
    without_credentials: bool,
}

/// Longest RETRY_AFTER_MS after which a message is repeated; a longer time is an error.
const RETRY_MAX_MS: u64 = 2_000;

/// DETAILS of a reply to EVENT_BACKUP.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct StepDetails {
    backup_id: String,
    rows_count: u64,
    row: Vec<StoredRow>,
    #[serde(default)]
    gone: Vec<String>,
    sha256: Option<String>,
    log_sequence: Option<u64>,
}

impl BackupArgs {
    pub(super) fn run(self) -> Result<()> {
        check_new(&self.file)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (realm, sequence) = runtime.block_on(self.fetch())?;
        let now = Clock::system().now();
        let credentials = !self.without_credentials;
        let rows = write_new(&self.file, |out| Ok(export::write(&realm, now, credentials, out)?))?;
        // The file is read back, to verify what was written.
        let file = File::open(&self.file).context("cannot read the written file")?;
        let written =
            export::read(&mut BufReader::new(file)).context("the written file is invalid")?;
        if written.rows.len() as u64 != rows {
            bail!("the written file has {} rows instead of {rows}", written.rows.len());
        }
        let (users, file) = (realm.users_after(None).count(), self.file.display());
        println!("backed up {rows} rows, {users} users, as of log entry {sequence}, to {file}");
        Ok(())
    }

    /// Returns the realm at the end of the backup, and the sequence number of the last entry that
    /// it reflects.
    async fn fetch(&self) -> Result<(Realm, u64)> {
        let login = remote::login_from_stdin(&self.login)?;
        let mut client = self.remote.connect().await?;
        request(&mut client, login).await?;
        let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} rows, {eta} left")?;
        let progress = ProgressBar::new(0).with_style(style);
        let (mut rows, mut checksum, mut id) =
            (BTreeMap::<Key, Row>::new(), ExportChecksum::default(), None);
        loop {
            let details = json!({ "BACKUP_ID": id });
            let message = json!({
                "MESSAGE_TYPE": "EVENT_BACKUP", "SOURCE_REF": "backup", "DETAILS": details,
            });
            let reply = request(&mut client, message.to_string()).await?;
            let step: StepDetails =
                serde_json::from_value(reply).context("the gateway sent an invalid reply")?;
            add_to_checksum(&mut checksum, &step.row, &step.gone);
            for row in &step.row {
                let row = row
                    .read()
                    .map_err(|why| anyhow::anyhow!("the gateway sent an invalid row: {why}"))?;
                rows.insert(row.key(), row);
            }
            for key in &step.gone {
                rows.remove(
                    &Key::from_hex(key)
                        .context("the gateway sent an invalid key of a removed row")?,
                );
            }
            progress.set_length(step.rows_count.max(rows.len() as u64));
            progress.set_position(rows.len() as u64);
            let Some(sha256) = step.sha256 else {
                id = Some(step.backup_id);
                continue;
            };
            progress.finish_and_clear();
            if sha256 != checksum.to_hex() {
                bail!("the received rows are damaged (checksums differ); repeat the backup");
            }
            // The session is not needed any more; a failed logout does not matter.
            let logout = r#"{"MESSAGE_TYPE":"EVENT_LOGOUT","SOURCE_REF":"logout"}"#;
            let _ = request(&mut client, logout.to_owned()).await;
            let realm = export::rebuild_realm(rows.into_values())
                .map_err(|why| anyhow::anyhow!("the received rows are inconsistent: {why}"))?;
            return Ok((realm, step.log_sequence.unwrap_or_default()));
        }
    }
}

/// Sends a message and returns the DETAILS of its reply. Waits and repeats the message if the
/// gateway requests that.
async fn request(client: &mut Client, message: String) -> Result<Value> {
    loop {
        client.send(message.clone()).await?;
        let mut reply: Value = serde_json::from_str(&client.receive_reply().await?)?;
        while reply.get("SOURCE_REF").is_none() {
            // A frame without SOURCE_REF is a push, not a reply.
            reply = serde_json::from_str(&client.receive_reply().await?)?;
        }
        let kind = reply["MESSAGE_TYPE"].as_str().unwrap_or_default();
        if !kind.ends_with("_NACK") {
            return Ok(reply["DETAILS"].take());
        }
        match reply["ERROR"][0]["DETAILS"]["RETRY_AFTER_MS"].as_u64() {
            Some(wait) if wait <= RETRY_MAX_MS => {
                tokio::time::sleep(Duration::from_millis(wait.max(10))).await;
            }
            _ => {
                let field = |name: &str| reply[name].as_str().unwrap_or_default().to_owned();
                let (code, text) = (field("CODE"), field("TEXT"));
                bail!("the gateway refused the message ({kind}, {code}): {text}");
            }
        }
    }
}
