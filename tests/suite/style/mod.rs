//! Style rules of the source code that a test can check.

mod layers;
mod source;
mod tidy;
