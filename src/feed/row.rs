//! One row as it is shown: its fields, and their JSON.

use smol_str::SmolStr;

use super::source::{RowRef, Source};

/// The value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    /// Words. Short ones lie in their place: threads that send the same right share no count.
    Text(SmolStr),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// Not set.
    Null,
}

impl Field {
    /// A text.
    pub fn text(text: impl Into<SmolStr>) -> Self {
        Self::Text(text.into())
    }
}

/// The fields of a row, in the order of its source's columns.
#[derive(Debug, Clone)]
pub struct DataRow {
    fields: Box<[Field]>,
}

impl DataRow {
    /// A row of these fields.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Self {
        Self { fields: fields.into_iter().collect() }
    }

    /// A field by the number of its column.
    pub fn field(&self, column: usize) -> &Field {
        self.fields.get(column).unwrap_or(&Field::Null)
    }

    /// All set fields as a JSON object.
    pub fn object(&self, source: Source) -> serde_json::Map<String, serde_json::Value> {
        let fields = source.columns().iter().zip(self.fields.iter());
        let set = fields.filter(|(_, field)| **field != Field::Null);
        set.map(|(column, field)| {
            let value = match field {
                Field::Text(text) => (**text).into(),
                Field::Number(number) => (*number).into(),
                Field::Flag(flag) => (*flag).into(),
                Field::Null => serde_json::Value::Null,
            };
            (column.name.to_owned(), value)
        })
        .collect()
    }

    /// One bit for each field that differs from `before`.
    pub fn difference(&self, before: &DataRow) -> u64 {
        let pairs = self.fields.iter().zip(before.fields.iter()).enumerate();
        pairs.filter(|(_, (now, then))| now != then).fold(0, |mask, (at, _)| mask | 1 << at)
    }

    /// Roughly how many bytes it keeps while it waits in an outbox.
    pub fn weight(&self) -> usize {
        let text = |field: &Field| if let Field::Text(text) = field { text.len() } else { 8 };
        64 + self.fields.iter().map(text).sum::<usize>()
    }
}

/// What happened to a row, as QUERY_UPDATE says it.
#[derive(Debug, Clone)]
pub enum Operation {
    /// The row is new to the client.
    Insert(DataRow),
    /// These fields (one bit a column) have these values now.
    Modify(u64, DataRow),
    /// The row is gone for the client.
    Delete,
}

impl Operation {
    /// Appends the element of ROW: `{"DETAILS":{"OPERATION":…,"ROW_REF":…,fields}}`. `columns`: the
    /// fields asked for, one bit each.
    pub fn write(&self, out: &mut Vec<u8>, source: Source, row: RowRef, columns: u64) {
        let (word, fields) = match self {
            Operation::Insert(row) => ("INSERT", Some((u64::MAX, row, false))),
            Operation::Modify(mask, row) => ("MODIFY", Some((*mask, row, true))),
            Operation::Delete => ("DELETE", None),
        };
        out.extend_from_slice(b"{\"DETAILS\":{\"OPERATION\":\"");
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(b"\",\"ROW_REF\":\"");
        let _ = serde_json::to_writer(&mut *out, &row);
        out.push(b'"');
        if let Some((mask, row, nulls)) = fields {
            members(out, row, source, mask & columns, nulls);
        }
        out.extend_from_slice(b"}}");
    }
}

/// Appends the members `,"NAME":value` of the fields in `mask`; a field that is not set is left out
/// unless `nulls` asks for it (a MODIFY must say that a field was cleared).
fn members(out: &mut Vec<u8>, row: &DataRow, source: Source, mask: u64, nulls: bool) {
    for (at, (column, field)) in source.columns().iter().zip(row.fields.iter()).enumerate() {
        if mask & (1 << at) == 0 || (*field == Field::Null && !nulls) {
            continue;
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(column.name.as_bytes());
        out.extend_from_slice(b"\":");
        // Writing plain values to memory cannot fail.
        let _ = match field {
            Field::Null => serde_json::to_writer(&mut *out, &()),
            Field::Flag(flag) => serde_json::to_writer(&mut *out, flag),
            Field::Number(number) => serde_json::to_writer(&mut *out, number),
            Field::Text(text) => serde_json::to_writer(&mut *out, &**text),
        };
    }
}
