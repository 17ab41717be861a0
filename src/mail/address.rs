//! Syntax checks of mail addresses and senders.

use lettre::Address;
use lettre::message::Mailbox;

/// Whether the text is a mail address, without a display name.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Whether the text is a valid sender: a mail address, optionally with a display name.
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Returns the domain of a sender, for Message-IDs; `localhost` if the sender is invalid.
pub fn domain(from: &str) -> String {
    let mailbox = from.parse::<Mailbox>();
    mailbox.map_or_else(|_| "localhost".to_owned(), |it| it.email.domain().to_owned())
}
