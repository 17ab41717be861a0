//! Mail: addresses, templates and transports.

mod address;
mod notice;
pub mod template;
pub mod transport;

pub use address::{domain, is_address, is_sender};
pub use notice::notice_text;
pub use template::{Template, format_duration, link_with_query, one_line};
pub use transport::{MailError, Mailer, OutgoingMail};
