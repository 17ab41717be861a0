//! Message scripts, played against any gateway: one client to compare, ten thousand to measure.

mod connection;
mod external_values;
pub mod load;
mod measurements;
mod mismatches;
mod player;
mod received;
pub mod record;
pub mod report;
mod rest_transport;
mod schedule;
mod threshold;
mod transport;
mod variables;

pub use load::{Cast, Extent};
pub use measurements::Tally;
pub use player::{Manner, Stage};
pub use record::{Direction, Transcript};
pub use report::{Occasion, Played, Point, Report, Results, time};
pub use rest_transport::Rest;
pub use threshold::Threshold;
pub use transport::{Sockets, Talk, Transport};
pub use variables::Values;
