//! Rules for new passwords.

pub mod characters;
pub mod check;
pub mod length;
pub mod repeats;
pub mod sequences;
pub mod user_name;
pub mod violation;
pub mod word_lists;
