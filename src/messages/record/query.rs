//! Request servers: one record by its key, as its data source shows it to the user who asks.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::record_kind::RecordKind;
use crate::messages::context::MessageContext;
use crate::subscriptions::Viewer;
/// The record, or nothing: what one may not see does not exist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    reply: Vec<Map<String, Value>>,
}

/// Answers with the record that the name and the id mean; both must then agree.
pub fn find_record<K: RecordKind>(
    context: &MessageContext,
    name: Option<&K::Name>,
    id: Option<&str>,
) -> Result<Ack, Nack> {
    if id.is_none() && name.is_none() {
        return Err(Nack::new(NackCode::MissingField, "the key is missing in DETAILS"));
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
