//! The section of the types that several messages share.

use serde_json::Value;

use super::fields::{SHARED, description, field_table};
use crate::messages::table::HANDLERS;

/// Returns the section with a table of fields for each type.
pub(super) fn section() -> String {
    let mut out = String::from(INTRODUCTION);
    for name in SHARED {
        let Some(schema) = find(name) else { continue };
        out.push_str(&format!("\n### {name}\n\n{}\n", description(&schema)));
        if let Some(table) = field_table(&schema, "required") {
            out.push_str(&format!("\n{table}"));
        }
    }
    out
}

const INTRODUCTION: &str = "\
## Types

Types of fields that several messages have. In replies, *required* means that the field is always
present.
";

/// Returns the schema of a shared type, with the definitions that it refers to; `None` if no
/// message has the type.
fn find(name: &str) -> Option<Value> {
    HANDLERS.iter().find_map(|handler| {
        let (details, ack) = (handler.schemas)();
        [details.to_value(), ack.to_value()].into_iter().find_map(|mut root| {
            let definitions = root.get("$defs").cloned();
            let is_root = root["title"] == name && root.get("$ref").is_none();
            let mut found = if is_root { root } else { root["$defs"].get_mut(name)?.take() };
            found["$defs"] = definitions.unwrap_or_default();
            Some(found)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shared_type_is_found() {
        for name in SHARED {
            assert!(find(name).is_some(), "no message has the type {name}");
        }
    }
}
