//! Mail addresses, message templates and transports.

mod address;
pub mod template;
pub mod transport;

pub use address::{domain, is_address, is_sender};
pub use template::{Template, link, one_line, spoken};
pub use transport::{Letter, MailError, Mailer};
