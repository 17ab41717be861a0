//! A data row: the fields that clients see, and their JSON.

use protocol::filter::Column;
use protocol::write_json;
use smol_str::SmolStr;

/// Maximum number of columns of a source: a set of columns is a `u64` with one bit for each.
pub(super) const COLUMNS_MAX: usize = u64::BITS as usize;

/// The value of one field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A text. Short texts are stored inline, so that threads which send the same row do not
    /// contend on a reference count.
    Text(SmolStr),
    /// A whole number.
    Number(i64),
    /// A boolean.
    Flag(bool),
    /// Not set.
    Null,
}

impl FieldValue {
    /// Creates a text.
    pub fn text(text: impl Into<SmolStr>) -> Self {
        Self::Text(text.into())
    }
}

/// The fields of a row, in the order of its source's columns.
#[derive(Debug, Clone)]
pub struct DataRow {
    fields: Box<[FieldValue]>,
}

impl DataRow {
    /// Creates a row of these fields.
    pub fn new(fields: impl IntoIterator<Item = FieldValue>) -> Self {
        Self { fields: fields.into_iter().collect() }
    }

    /// Returns a field by the number of its column.
    pub fn field(&self, column: usize) -> &FieldValue {
        self.fields.get(column).unwrap_or(&FieldValue::Null)
    }

    /// Returns a JSON object of the fields that have a value.
    pub fn to_object(&self, columns: &[Column]) -> serde_json::Map<String, serde_json::Value> {
        let fields = columns.iter().zip(self.fields.iter());
        let set = fields.filter(|(_, field)| **field != FieldValue::Null);
        set.map(|(column, field)| {
            let value = match field {
                FieldValue::Text(text) => (**text).into(),
                FieldValue::Number(number) => (*number).into(),
                FieldValue::Flag(flag) => (*flag).into(),
                FieldValue::Null => serde_json::Value::Null,
            };
            (column.name.to_owned(), value)
        })
        .collect()
    }

    /// Returns one bit for each field that differs from `before`.
    pub fn changed_columns(&self, before: &DataRow) -> u64 {
        let pairs = self.fields.iter().zip(before.fields.iter()).enumerate();
        pairs.filter(|(_, (now, then))| now != then).fold(0, |mask, (at, _)| mask | 1 << at)
    }

    /// Appends the members `,"NAME":value` of the fields in `mask`. A field that is not set is left
    /// out if `nulls` is false. It is written as null if `nulls` is true, because a MODIFY must
    /// report cleared fields.
    pub fn write_members(&self, out: &mut Vec<u8>, columns: &[Column], mask: u64, nulls: bool) {
        for (at, (column, field)) in columns.iter().zip(self.fields.iter()).enumerate() {
            match field {
                _ if mask & (1 << at) == 0 => {}
                FieldValue::Null if !nulls => {}
                FieldValue::Null => write_member(out, column.name, ()),
                FieldValue::Flag(flag) => write_member(out, column.name, flag),
                FieldValue::Number(number) => write_member(out, column.name, number),
                FieldValue::Text(text) => write_member(out, column.name, &**text),
            }
        }
    }

    /// Returns the approximate size of the row in an outbox, in bytes.
    pub fn weight(&self) -> usize {
        let text =
            |field: &FieldValue| if let FieldValue::Text(text) = field { text.len() } else { 8 };
        64 + self.fields.iter().map(text).sum::<usize>()
    }
}

/// A change of a row, as QUERY_UPDATE reports it.
#[derive(Debug, Clone)]
pub enum RowChange {
    /// The row is new to the client.
    Insert(DataRow),
    /// These fields (one bit for each column) changed; the row has their new values.
    Modify(u64, DataRow),
    /// The client loses the row.
    Delete,
}

impl RowChange {
    /// Appends the element of ROW: `{"DETAILS":{"OPERATION":…,"ROW_REF":…,fields}}`; `mask` has one
    /// bit for each column that the client requested.
    pub fn write(&self, out: &mut Vec<u8>, columns: &[Column], row: RowRef, mask: u64) {
        let (name, fields) = match self {
            RowChange::Insert(data) => ("INSERT", Some((u64::MAX, data, false))),
            RowChange::Modify(mask, data) => ("MODIFY", Some((*mask, data, true))),
            RowChange::Delete => ("DELETE", None),
        };
        write_row_header(out, name, row);
        if let Some((changed, data, nulls)) = fields {
            data.write_members(out, columns, changed & mask, nulls);
        }
        out.extend_from_slice(b"}}");
    }

    /// Appends the element of an INSERT with all fields of the row; `first` is the text of the
    /// first field, and `others` are the encoded members of the other fields.
    pub fn write_insert(
        out: &mut Vec<u8>,
        columns: &[Column],
        row: RowRef,
        first: &str,
        others: &[u8],
    ) {
        write_row_header(out, "INSERT", row);
        let name = columns.first().map_or("", |column| column.name);
        write_member(out, name, first);
        out.extend_from_slice(others);
        out.extend_from_slice(b"}}");
    }
}

/// Appends the beginning that all elements of ROW have.
fn write_row_header(out: &mut Vec<u8>, operation: &str, row: RowRef) {
    out.extend_from_slice(b"{\"DETAILS\":{\"OPERATION\":\"");
    out.extend_from_slice(operation.as_bytes());
    out.extend_from_slice(b"\",\"ROW_REF\":\"");
    write_json(&mut *out, &row);
    out.push(b'"');
}

/// Appends `,"NAME":value`.
pub(super) fn write_member(out: &mut Vec<u8>, name: &str, value: impl serde::Serialize) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_json(&mut *out, &value);
}

/// ROW_REF: computed from the numbers or names of the records that the row shows, and stable while
/// the row exists.
pub type RowRef = u64;
