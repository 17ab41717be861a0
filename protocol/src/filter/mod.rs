//! CRITERIA_MATCH: a filter, parsed once into a value that can be matched and indexed; never
//! evaluated as code.

mod ast;
mod functions;
mod parse;

pub use ast::{Column, Filter, InvalidFilter, Kind, Value};
