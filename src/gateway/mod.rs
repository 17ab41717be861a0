//! The running gateway: shared state, start-up, reload, connections and background tasks.

mod arrival_rate;
mod connections;
mod failure_limiter;
pub mod policy;
mod refusal_log;
mod reload;
mod rest_subscriptions;
mod service_list;
pub mod startup;
mod state;
pub mod tasks;
mod unbound_budget;
mod user_turns;

pub use connections::{ConnectionPermit, ConnectionRefused, NetworkPermit, Permits};
pub use failure_limiter::{Admission, Reservation};
pub use refusal_log::{UnsubmittedMessage, is_audited};
pub use reload::apply;
pub use rest_subscriptions::RestSubscription;
pub use service_list::ServiceListJson;
pub use startup::{ADMIN_PROFILE, StartError, Started};
pub use state::Gateway;
pub use tasks::{check_keys, spawn_all, write_refusal_log, write_session_use};
pub use unbound_budget::{Account, Charge};
pub use user_turns::UserTurn;
