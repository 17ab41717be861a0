//! EVENT_BACKUP: everything that the gateway keeps, step by step, as it is at the last step.
//!
//! The first message begins a backup; each further one with its BACKUP_ID gives the next rows,
//! until SHA256 comes. `tollgate backup` asks and puts them together.

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
/// Which backup goes on; a new one without it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct Backup {
    backup_id: Option<String>,
}

/// Rows as they are stored, later ones instead of earlier ones with the same key; keys that are
/// gone; with the last step, the sum over all and the entry of the log that they reflect.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    backup_id: String,
    /// About how many rows there are.
    rows_count: usize,
    row: Vec<StoredRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gone: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_sequence: Option<u64>,
}

impl Message for Backup {
    const TYPE: &'static str = "EVENT_BACKUP";
    const ACK: &'static str = "EVENT_BACKUP_ACK";
    const NACK: &'static str = "EVENT_BACKUP_NACK";
    const ACCESS: Access = Access::Right("BACKUP");
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let (replica, owner) = (&context.gateway.replica, context.session()?.session);
        let id = match self.backup_id {
            Some(text) => u128::from_str_radix(&text, 16).map_err(|_| unknown())?,
            None => {
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

/// Who takes everything away is in the audit trail before the first row leaves.
async fn audit(context: &MessageContext) -> Result<(), Nack> {
    let user_name = Some(context.session()?.user_name.clone());
    let entry = RefusalCount {
        event: context.event.into(),
        user_name,
        host: context.client.address.to_string().into(),
        code: "OK".into(),
        count: 1,
    };
    match context.submit(Command::RecordRefusals(vec![entry])).await? {
        Outcome::Done => Ok(()),
        _ => Err(errors::internal_error(context.event)),
    }
}

fn refusal(why: StepError) -> Nack {
    match why {
        StepError::Busy(wait) => Nack::too_many("another backup goes on", wait),
        StepError::Unknown => unknown(),
    }
}

fn unknown() -> Nack {
    let text =
        "no such backup goes on: it ended, paused for too long, or too much changed meanwhile";
    Nack::new(NackCode::RecordNotFound, text)
}
