//! The running gateway: shared state, start-up, reload, connections and background tasks.

pub mod connections;
pub mod failure_limiter;
pub mod policy;
pub mod refusal_log;
pub mod reload;
pub mod rest_subscriptions;
pub mod service_list;
pub mod startup;
pub mod state;
pub mod tasks;
