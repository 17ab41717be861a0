//! API documents made from the handler table: OpenAPI, AsyncAPI and the wire reference.

pub mod asyncapi;
mod components;
mod markdown;
pub mod openapi;
mod pushed;
pub mod reference;

pub use markdown::table;
