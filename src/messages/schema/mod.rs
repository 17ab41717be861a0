//! API documents made from the handler table: OpenAPI and AsyncAPI.

pub mod asyncapi;
mod components;
pub mod openapi;
