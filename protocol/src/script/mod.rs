//! Message scripts: conversations as text, used as tests, load scripts and documentation.
//!
//! `protocol/docs/script-format.md` describes the format. This module parses scripts and compares
//! frames. The player of a script provides the connections and the clock.

mod ast;
mod dotted;
mod matching;
mod parse;
mod unresolved;

pub use ast::{Action, Data, Parts, Script, ScriptError, Step, Times};
pub use dotted::dotted;
pub use matching::{Mismatch, ScriptState};
