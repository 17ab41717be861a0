//! Messages for operators of the gateway.

pub mod event_backup;
