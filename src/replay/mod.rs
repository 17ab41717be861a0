//! Player of message scripts: one client to verify a gateway, thousands to measure it.

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

pub use load::{LoadProfile, ScenarioClients};
pub use measurements::Measurements;
pub use player::{PlayOptions, Scenario};
pub use record::{Direction, Transcript};
pub use report::{Played, Point, Report, Results, RunInfo, time};
pub use rest_transport::RestTransport;
pub use threshold::Threshold;
pub use transport::{ConnectionIo, Transport, WebSocketTransport};
pub use variables::Variables;
