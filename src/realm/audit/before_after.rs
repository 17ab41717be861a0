//! The fields BEFORE and AFTER of audit rows.

use std::io;

use protocol::write_json;
use serde_json::{Map, Value};

use super::field_changes::FieldChange;
use crate::realm::model::{AuditEvent, FieldSnapshot};

/// Approximate maximum size of BEFORE and AFTER in one row, in bytes: the row must fit into one
/// stored value. Fields that do not fit are put into further rows of the same event.
const BEFORE_AFTER_BYTES_MAX: usize = 2_200;
/// Maximum length of a text as JSON, in bytes; a longer text is cut.
const TEXT_MAX: usize = 800;
/// Maximum number of field changes of one command in the audit trail. The command log contains the
/// whole command.
const CHANGES_MAX: usize = 2_000;

/// BEFORE and AFTER of one event, filled field by field and split into as many rows as necessary.
pub(super) struct BeforeAfter {
    /// The completed rows.
    full: Vec<AuditEvent>,
    /// The template of the rows, without BEFORE and AFTER.
    row: AuditEvent,
    before: Map<String, Value>,
    after: Map<String, Value>,
    bytes: usize,
}

impl BeforeAfter {
    /// Returns the audit rows of these changes. Changes beyond [`CHANGES_MAX`] are left out;
    /// MORE_CHANGES in AFTER is their number.
    pub(super) fn split_events(
        mut changes: impl Iterator<Item = FieldChange>,
        row: AuditEvent,
    ) -> Vec<AuditEvent> {
        let (full, before, after) = (Vec::new(), Map::new(), Map::new());
        let mut before_after = Self { full, row, before, after, bytes: 0 };
        changes.by_ref().take(CHANGES_MAX).for_each(|change| before_after.add(change));
        let more = changes.count();
        if more > 0 {
            before_after.after.insert("MORE_CHANGES".to_owned(), more.into());
        }
        before_after.finish();
        before_after.full
    }

    /// Returns an audit row whose AFTER has the members of `new` that `old` does not have, or has
    /// with another value. BEFORE has their old values.
    pub(super) fn from_objects(old: Value, new: Value, row: AuditEvent) -> AuditEvent {
        let (Value::Object(mut old), Value::Object(mut new)) = (old, new) else {
            return row;
        };
        let old_members = old.clone();
        old.retain(|name, value| new.get(name).is_some_and(|it| it != value));
        new.retain(|name, value| old_members.get(name) != Some(value));
        AuditEvent {
            before: FieldSnapshot::from_members(&old),
            after: FieldSnapshot::from_members(&new),
            ..row
        }
    }

    /// Completes the current row and starts the next one.
    fn finish(&mut self) {
        let before_after = [&mut self.before, &mut self.after];
        let [before, after] =
            before_after.map(|members| FieldSnapshot::from_members(&std::mem::take(members)));
        self.full.push(AuditEvent { before, after, ..self.row.clone() });
        self.bytes = 0;
    }

    fn add(&mut self, FieldChange { table, key, field, old, new }: FieldChange) {
        let (old, new) = (short(old), short(new));
        let record = format!("{table} {key}");
        let bytes = 2 * record.len() + 2 * field.len() + length(&old) + length(&new) + 24;
        if self.bytes > 0 && self.bytes + bytes > BEFORE_AFTER_BYTES_MAX {
            self.finish();
        }
        self.bytes += bytes;
        for (side, value) in [(&mut self.before, old), (&mut self.after, new)] {
            if !value.is_null() {
                let fields = side.entry(&record).or_insert_with(|| Map::new().into());
                put(fields, field, value);
            }
        }
    }
}

/// Adds the value of a field. If a field has several values, such as the users of a profile, they
/// become a list.
fn put(fields: &mut Value, field: &str, value: Value) {
    let Value::Object(fields) = fields else { return };
    match fields.get_mut(field) {
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = vec![first.take(), value].into(),
        None => drop(fields.insert(field.to_owned(), value)),
    }
}

/// Cuts a text that is longer than [`TEXT_MAX`] as JSON; other values stay unchanged.
fn short(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_MAX / 6 => cut(&text).into(),
        value => value,
    }
}

/// Cuts a text to [`TEXT_MAX`] bytes as JSON. A control character takes up to six bytes as JSON and
/// counts as six.
fn cut(text: &str) -> String {
    let mut bytes = 0;
    let more = text.char_indices().find(|(_, c)| {
        bytes += if c.is_control() { 6 } else { c.len_utf8() + usize::from("\\\"".contains(*c)) };
        bytes > TEXT_MAX
    });
    match more {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the length of a value as JSON, in bytes.
fn length(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    write_json(&mut count, value);
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::model::Millis;
    use crate::realm::row::Row;

    /// Uses the longest names, and texts of the characters that take the most bytes as JSON.
    #[test]
    fn the_largest_row_fits_into_one_stored_value() {
        let name = "n".repeat(protocol::UserName::LENGTH_MAX);
        for text in ["\u{1}".repeat(2_000), "\"".repeat(2_000), "ä".repeat(2_000), "x".repeat(9)] {
            let row = AuditEvent {
                at: Millis::MAX,
                event: "E".repeat(64).into(),
                user_name: Some(name.as_str().into()),
                target: Some(name.as_str().into()),
                host: Some("f".repeat(45).into()),
                code: "C".repeat(40).into(),
                proof: Some(crate::realm::AuthProof::Password),
                factor: Some(crate::realm::UsedFactor::RecoveryCode),
                reason: Some("r".repeat(512).into()),
                before: FieldSnapshot::default(),
                after: FieldSnapshot::default(),
            };
            let change = |field| FieldChange {
                table: "USER_LOGIN_ATTEMPT",
                key: name.clone(),
                field,
                old: text.as_str().into(),
                new: text.as_str().into(),
            };
            let fields = ["ADDRESS_LINE_1", "ADDRESS_LINE_2", "ADDRESS_LINE_3"].repeat(50);
            for row in BeforeAfter::split_events(fields.into_iter().map(change), row) {
                let length = 32 + serde_json::to_vec(&row).unwrap().len();
                assert!(length <= Row::VALUE_MAX, "{length} bytes: {row:?}");
            }
        }
    }
}
