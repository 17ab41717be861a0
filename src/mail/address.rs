//! Mail addresses: checks of syntax and sender.

use lettre::Address;
use lettre::message::Mailbox;
/// Whether a mail could be sent there: an address alone.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Whether this can be whom a mail is from: an address, perhaps with a name.
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// The domain of whom a mail is from: Message-IDs are made there.
pub fn domain(from: &str) -> String {
    let mailbox = from.parse::<Mailbox>();
    mailbox.map_or_else(|_| "localhost".to_owned(), |it| it.email.domain().to_owned())
}
