//! Reports of a replay: text, table, HTML and JSON.

pub mod html;
pub mod model;
pub mod plots;
pub mod table;
pub mod text;
