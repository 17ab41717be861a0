//! Message scripts, played against any gateway: one client to compare, ten thousand to measure.

mod asked;
mod difference;
mod frame;
mod line;
pub mod load;
pub mod player;
pub mod report;
pub mod rest;
mod schedule;
pub mod tally;
pub mod threshold;
pub mod transport;
pub mod values;

pub use difference::Difference;
pub use load::{Cast, Extent};
pub use player::{Manner, Stage};
pub use tally::Tally;
