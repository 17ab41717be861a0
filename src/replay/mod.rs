//! Message scripts, played against any gateway: one client to compare, ten thousand to measure.

pub mod connection;
pub mod external_values;
pub mod load;
pub mod measurements;
pub mod mismatches;
pub mod player;
pub mod received;
pub mod record;
pub mod report;
pub mod rest_transport;
pub mod variables;

mod schedule;

pub mod threshold;
pub mod transport;

pub use crate::replay::measurements::Tally;
pub use crate::replay::mismatches::Difference;
pub use crate::replay::player::steps::{Manner, Stage};
pub use load::{Cast, Extent};
