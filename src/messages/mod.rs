//! Messages: one file for each MESSAGE_TYPE, in folders by subject, and the handler table.
//!
//! Comments cite documents of other systems, whose clients the gateway supports: "Genesis
//! authentication", "Genesis REST API" and "TraderEvolution BO API".

mod attempt;
mod context;
mod details;
mod errors;
mod handler;
mod handler_index;
mod login;
mod metadata;
mod mfa;
mod operations;
pub mod passwords;
mod profiles;
mod record;
mod rights;
pub mod schema;
mod stale_retry;
mod subscriptions;
pub mod table;
mod token_api;
mod users;

pub use context::{
    AckBody, AfterReply, ClientInfo, IssuedTokens, MessageContext, SideEffects, no_session,
};
pub use errors::internal_error;
pub use handler::{Access, AnswerFn, Handler, ImmediateContext, Serve, ServeFn};
pub use handler_index::HandlerIndex;
pub use table::{HANDLERS, find};
pub use token_api::{ROUTES, Route};
pub use users::is_attribute;
