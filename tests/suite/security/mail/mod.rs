//! Mails with passwords and links, sent through a real mail server.

mod delivery;
mod reset_links;
