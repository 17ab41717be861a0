//! Messages for subscriptions to data sources.

pub mod data_logoff;
pub mod data_logon;
pub mod more_rows;
mod read_rows;
