//! One exchange over REST: a message through the router and its reply.

use crate::messages::ClientInfo;
use crate::router::{Reply, Router, TokenCache};
/// Serves a frame as a socket would.
pub(super) async fn serve(router: &Router, client: ClientInfo, frame: String) -> Reply {
    router.answer(client, &mut TokenCache::default(), frame).await
}
