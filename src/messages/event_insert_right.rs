//! EVENT_INSERT_RIGHT: a right that profiles and users can be given from now on.

use protocol::{Description, Nack, RightCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, Message};
use crate::call::Call;
use crate::dry_run::{self, WouldChange};
use crate::realm::command::RightWanted;
use crate::realm::{Command, Outcome};
use crate::refusal;

/// CODE is the key; an ID may be chosen if it is free.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct InsertRight {
    id: Option<String>,
    code: RightCode,
    #[serde(default)]
    description: Description,
}

/// The id of the right, or with VALIDATE what would be different.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    generated: [(); 0],
    details: Details,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Details {
    Done(Done),
    Would(WouldChange),
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
struct Done {
    id: String,
}

impl Message for InsertRight {
    const TYPE: &'static str = "EVENT_INSERT_RIGHT";
    const ACK: &'static str = "EVENT_INSERT_RIGHT_ACK";
    const NACK: &'static str = "EVENT_INSERT_RIGHT_NACK";
    const ACCESS: Access = Access::Right("INSERT_RIGHT");
    const ENTITY: bool = true;
    type Ack = Ack;

    async fn serve(self, call: &Call) -> Result<Ack, Nack> {
        let wanted = RightWanted { id: self.id, code: self.code, description: self.description };
        let command = Command::InsertRight(call.by()?, wanted);
        let answer = |details| Ack { generated: [], details };
        if call.root.validate {
            return Ok(answer(Details::Would(dry_run::plan(call, &command)?)));
        }
        match call.submit(command).await? {
            Outcome::Right { id } => Ok(answer(Details::Done(Done { id }))),
            Outcome::Refused(refused) => Err(refusal::nack(&call.node, call.now, refused)),
            _ => Err(refusal::unexpected()),
        }
    }
}
