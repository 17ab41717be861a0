//! Style rules of the source code that a test can check.

mod documents;
mod layers;
mod modules;
mod source;
mod tidy;
