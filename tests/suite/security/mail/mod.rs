//! Tests of mails with passwords and links, sent to a real mail server.

mod delivery;
mod notices;
mod reset_links;
