//! One exchange over REST: a message through the router and its reply.

use crate::messages::Caller;
use crate::router::{KnownToken, Reply, Router};
/// Serves a frame as a socket would.
pub(super) async fn serve(router: &Router, caller: Caller, frame: String) -> Reply {
    router.answer(caller, &mut KnownToken::default(), frame).await
}
