//! Subscription filters (CRITERIA_MATCH): parsed once, never evaluated as code.

mod ast;
mod functions;
mod parse;

pub use ast::{Column, Filter, InvalidFilter, Kind, Value};
