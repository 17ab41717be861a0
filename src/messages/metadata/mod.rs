//! Metadata requests: resources, fields and JSON schemas.

mod fields;
pub mod json_schema_request;
pub mod meta_request;
pub mod resources_request;
