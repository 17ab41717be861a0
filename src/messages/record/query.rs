//! Request servers: one record by its key, as its data source shows it to whoever asks.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::messages::context::MessageContext;
use crate::realm::Realm;
use crate::subscriptions::DataSource;
/// The record, or nothing: what one may not see does not exist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    reply: Vec<Map<String, Value>>,
}

/// What a key found: the record's row in its source and its id.
pub type FoundRecord = Option<(u64, String)>;

/// Answers with the record that `by_name` and `id` mean; both must then agree.
pub fn find_record(
    context: &MessageContext,
    source: DataSource,
    id: Option<&str>,
    by_name: Option<impl FnOnce(&Realm) -> FoundRecord>,
    by_id: impl FnOnce(&Realm, &str) -> FoundRecord,
) -> Result<Ack, Nack> {
    if id.is_none() && by_name.is_none() {
        return Err(Nack::new(NackCode::MissingField, "the key is missing in DETAILS"));
    }
    let viewer = context.session()?.user;
    let row = context.read(|realm| {
        let named = by_name.map(|find| find(realm));
        let with_id = id.map(|id| by_id(realm, id).filter(|(_, known)| known == id));
        let (row, _) = match (named, with_id) {
            (Some(a), Some(b)) if a != b => return None,
            (Some(found), _) | (None, Some(found)) => found?,
            (None, None) => return None,
        };
        let right = source.view_right();
        let sees_all = right.is_none_or(|right| realm.holds_code(viewer, right));
        let sees = sees_all || source.belongs_to(realm, viewer, row);
        let shown = source.row(realm, viewer, row).filter(|_| sees)?;
        let mut map = shown.to_object(source.columns());
        map.insert("ROW_REF".to_owned(), row.to_string().into());
        Some(map)
    });
    Ok(Ack { reply: row.into_iter().collect() })
}
