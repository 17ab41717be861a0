//! Requests for one record: the row of a data source with a given key.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::record_kind::RecordKind;
use crate::messages::context::MessageContext;
use crate::subscriptions::Viewer;

/// The requested record.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    /// One row: the columns of the data source, and ROW_REF. The list is empty if no record has the
    /// requested key, or if the user may not see the record in the data source.
    reply: Vec<Map<String, Value>>,
}

/// Returns the record with this name or id. If both are sent, both must belong to the same record.
pub fn find_record<K: RecordKind>(
    context: &MessageContext,
    name: Option<&K::Name>,
    id: Option<&str>,
) -> Result<Ack, Nack> {
    if id.is_none() && name.is_none() {
        let text = "the name or ID of the record is missing in DETAILS";
        return Err(Nack::new(NackCode::MissingField, text));
    }
    let user = context.session()?.user;
    let row = context.read(|realm| {
        let named = name.map(|name| K::find_by_name(realm, name));
        let with_id = id.map(|id| K::find_by_id(realm, id).filter(|it| it.id() == id));
        let found = match (named, with_id) {
            (Some(a), Some(b)) => a.filter(|a| b.is_some_and(|b| a.id() == b.id())),
            (found, None) | (None, found) => found.flatten(),
        };
        let record = found?.source_record();
        let shown = record.row_for(realm, Viewer::new(realm, K::SOURCE, user))?;
        let mut map = shown.to_object(K::SOURCE.columns());
        map.insert("ROW_REF".to_owned(), record.row_ref().to_string().into());
        Some(map)
    });
    Ok(Ack { reply: row.into_iter().collect() })
}
