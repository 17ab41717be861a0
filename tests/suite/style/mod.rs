//! Tests of the style rules that can be checked automatically.

mod layers;
mod modules;
mod source;
mod tidy;
mod words;
