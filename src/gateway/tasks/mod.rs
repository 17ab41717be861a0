//! Background tasks of a running gateway.

mod every;
mod health_checks;
mod key_check;
mod mail_delivery;
mod refusal_log;
mod retention;
mod session_timeouts;
pub mod spawn;

pub use health_checks::publish_change;
pub use key_check::check_keys;
pub use refusal_log::write_refusal_log;
pub use session_timeouts::write_session_use;
pub use spawn::spawn_all;
