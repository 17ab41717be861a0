//! Data sources, subscriptions, matching and fan-out of changes.

pub mod affected;
pub mod before;
pub mod columns;
pub mod data_row;
pub mod data_source;
pub mod delivery;
pub mod filter_key;
pub mod hub;
pub mod index;
pub mod outbox;
pub mod pending_rows;
pub mod publish;
pub mod quota;
pub mod request;
pub mod right_change;
pub mod rights_history;
pub mod subscription;
