//! The wire reference in Markdown, made from handlers, schemas, data sources and error codes.

mod data_sources;
mod document;
mod error_codes;
mod examples;
mod fields;
mod messages;
mod pushed_messages;
mod shared_types;
mod token_api;

pub use document::document;
pub use examples::ExampleScripts;
