//! Filters of subscriptions (CRITERIA_MATCH), parsed once and never evaluated as code.

mod ast;
mod functions;
mod parse;

pub use ast::{Column, Filter, InvalidFilter, Kind, Value};
