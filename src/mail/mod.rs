//! Mail: addresses, templates and transports.

mod address;
pub mod template;
pub mod transport;

pub use address::{domain, is_address, is_sender};
pub use template::{Template, format_duration, link_with_query, one_line};
pub use transport::{MailError, Mailer, OutgoingMail};
