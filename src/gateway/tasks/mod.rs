//! Background tasks of a running gateway.

mod health_checks;
mod key_check;
mod mail_delivery;
mod refusal_log;
mod retention;
mod session_timeouts;
pub mod spawn;

pub use health_checks::tell;
pub use key_check::look;
pub use refusal_log::flush_notes;
pub use session_timeouts::flush_touches;
pub use spawn::spawn_all;
