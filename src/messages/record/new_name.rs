//! Names that an event gives to a record.

use protocol::{Nack, NackCode};

/// Checks that a new name has no hidden characters, with which it could look like another name.
/// Existing names, which may have some, stay usable.
pub fn check_new_name(field: &str, name: &str) -> Result<(), Nack> {
    if name.contains(protocol::is_hidden) {
        let text = format!(
            "{field} is not valid: it contains a character without width or one that sets the \
             direction of text"
        );
        return Err(
            Nack::new(NackCode::ValidationError, text).with(serde_json::json!({ "FIELD": field }))
        );
    }
    Ok(())
}
