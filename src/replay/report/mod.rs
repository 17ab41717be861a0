//! Reports of a replay: text, table, HTML and JSON.

pub mod html;
mod model;
mod plots;
pub mod table;
pub mod text;

pub use model::{Crossing, Message, Occasion, Played, Point, Report, Results, Spread};
pub use text::time;
