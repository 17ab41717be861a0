//! Password rules.

mod characters;
pub mod check;
mod length;
mod repeats;
mod sequences;
mod user_name;
mod violation;
mod word_lists;
