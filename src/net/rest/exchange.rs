//! DOC net/rest/exchange.rs

use crate::messages::context::Caller;
use crate::router::dispatch::Router;
use crate::router::reply::KnownToken;
use crate::router::reply::Reply;

/// Serves a frame as a socket would.
pub(super) async fn serve(router: &Router, caller: Caller, frame: String) -> Reply {
    router.answer(caller, &mut KnownToken::default(), frame).await
}
