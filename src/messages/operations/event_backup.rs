//! EVENT_BACKUP: a backup of all rows of the realm, in several replies.
//!
//! The first message begins a backup. Each further message, with the BACKUP_ID of the first reply,
//! returns the next rows and the rows that changed meanwhile. The last reply has SHA256; the backup
//! is the state at the time of this reply. `tollgate backup` sends these messages and assembles the
//! rows.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::record::WithDetails;
use crate::platform::random;
use crate::realm::{Command, Outcome, RefusalCount, StoredRow};
use crate::replication::StepError;

/// The backup to begin or continue.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct Backup {
    /// BACKUP_ID of the backup to continue. If absent, a new backup begins.
    backup_id: Option<String>,
}

/// One step of a backup.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// Id of the backup, for the next EVENT_BACKUP.
    backup_id: String,
    /// Number of rows in the store now, which is about the final number of rows in the backup.
    rows_count: usize,
    /// Rows as they are stored. A row replaces an earlier row of this backup with the same key.
    row: Vec<StoredRow>,
    /// Keys, in hexadecimal, of rows that have been deleted since the backup began: remove these
    /// rows if earlier steps had them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<String>,
    /// SHA-256 over ROW and GONE of all steps, in hexadecimal; only in the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Sequence number of the last command log entry that the rows reflect; only in the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    log_sequence: Option<u64>,
}

impl Message for Backup {
    const TYPE: &'static str = "EVENT_BACKUP";
    const SUMMARY: &'static str = "Returns the next part of a backup of all records.";
    const DESCRIPTION: &'static str = "The first message begins a backup. Each further \
        message, with the BACKUP_ID of the first reply, returns the next rows, until a reply has \
        SHA256. `tollgate backup` sends these messages and writes the backup file.";
    const ACK: &'static str = "EVENT_BACKUP_ACK";
    const NACK: &'static str = "EVENT_BACKUP_NACK";
    const ACCESS: Access = Access::Right("BACKUP");
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let (replica, owner) = (&context.gateway.replica, context.session()?.session);
        let id = match self.backup_id {
            Some(text) => u128::from_str_radix(&text, 16).map_err(|_| unknown())?,
            None => {
                context.require_recent_proof()?;
                let id = random::entry_id();
                replica.backups.begin(id, owner, context.now).map_err(refusal)?;
                audit(context).await?;
                id
            }
        };
        let read_step = |realm: &_, seq| {
            let step = replica.backups.step(id, owner, context.now, (realm, seq));
            step.map(|step| (step, realm.rows_count()))
        };
        let (step, rows_count) = replica.read(read_step).map_err(refusal)?;
        let (sha256, log_sequence) = step.end.map(|end| (end.sha256, end.seq)).unzip();
        let backup_id = format!("{id:032x}");
        let (row, gone) = (step.rows, step.removed);
        Ok(WithDetails {
            details: Details { backup_id, rows_count, row, gone, sha256, log_sequence },
        })
    }
}

/// Records the backup in the audit trail, before its first rows are sent. The command for this is
/// `RecordRefusals` with the code OK, because a backup has no command of its own.
async fn audit(context: &MessageContext) -> Result<(), Nack> {
    let user_name = Some(context.session()?.user_name.clone());
    let entry = RefusalCount {
        event: context.event.into(),
        user_name,
        host: context.client.address.to_string().into(),
        target: None,
        code: "OK".into(),
        count: 1,
        dry_run: false,
    };
    match context.submit(Command::RecordRefusals(vec![entry])).await? {
        Outcome::Done => Ok(()),
        _ => Err(errors::internal_error(context.event)),
    }
}

fn refusal(why: StepError) -> Nack {
    match why {
        StepError::Busy(wait) => Nack::too_many("another backup is running; try again later", wait),
        StepError::Unknown => unknown(),
    }
}

fn unknown() -> Nack {
    let text = "no backup with this BACKUP_ID is running: it has ended, was not continued in time, \
                or too many rows changed meanwhile; begin a new backup";
    Nack::new(NackCode::RecordNotFound, text)
}
