//! Texts of notices about changes of an account.

use crate::platform::utc;
use crate::realm::{Notice, NoticeEvent};

/// Returns subject and body of a notice. They contain neither a secret nor a link.
pub fn notice_text(product: &str, user_name: &str, notice: &Notice) -> (String, String) {
    let account = format!("your account {user_name} at {product}");
    let (subject, what) = match notice.event {
        NoticeEvent::PasswordChanged => (
            format!("Your password for {product} was changed"),
            format!("The password of {account} was changed."),
        ),
        NoticeEvent::PasswordReset => (
            format!("Your password for {product} was reset"),
            format!("The password of {account} was reset."),
        ),
        NoticeEvent::AddressChanged => (
            format!("Your mail address for {product} was changed"),
            format!("This mail address is no longer the address of {account}."),
        ),
        NoticeEvent::FactorAdded => (
            format!("A second factor was added to your account at {product}"),
            format!("A second factor was added to {account}, or replaced."),
        ),
        NoticeEvent::FactorRemoved => (
            format!("A second factor was removed from your account at {product}"),
            format!("A second factor was removed from {account}."),
        ),
        NoticeEvent::NewPlace => (
            format!("New login to your account at {product}"),
            format!("A login to {account} came from an address that is new for this account."),
        ),
    };
    let time = utc::format(notice.at, utc::SECONDS);
    let host = notice.host.as_deref().map(|host| format!("Address of the client: {host}\n"));
    let host = host.unwrap_or_default();
    let body = format!(
        "{what}\n\nTime (UTC): {time}\n{host}\nIf you do not expect this, tell your administrator \
         at once.\n"
    );
    (subject, body)
}
