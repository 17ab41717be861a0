//! Authorization: whether a session may send a message.

use std::sync::Arc;

use protocol::{Envelope, Nack, NackCode};

use crate::gateway::Gateway;
use crate::messages::{Access, Handler};
use crate::sessions::LiveSession;

/// Maximum length of REASON in bytes of JSON. Bounds the size of audit rows, which contain REASON.
const REASON_MAX: usize = 512;

/// Checks that the session may send this message.
pub(super) fn authorize(
    gateway: &Gateway,
    handler: &Handler,
    envelope: &Envelope<'_>,
    session: &Result<Arc<LiveSession>, Nack>,
) -> Result<(), Nack> {
    if envelope.validate && !handler.record_event {
        let text = "VALIDATE is supported only by events that change records";
        return Err(Nack::new(NackCode::InvalidParameter, text));
    }
    if envelope.reason.as_deref().is_some_and(is_too_long) {
        let text = format!("REASON must have at most {REASON_MAX} bytes as JSON");
        return Err(Nack::new(NackCode::ValidationError, text));
    }
    if let (Ok(session), Some(name)) = (session, &envelope.user_name)
        && !handler.any_root_user
        && !session.user_name.is(name)
    {
        let text = "USER_NAME at the root is not the user of the session; leave it out";
        return Err(Nack::new(NackCode::NotAuthorised, text));
    }
    match handler.access {
        // The handler itself checks session and right of `RightUnlessOpen`.
        Access::Anyone | Access::RightUnlessOpen(_) => return Ok(()),
        // The handler itself checks the token of the pending login.
        Access::PendingLogin if session.is_err() => return Ok(()),
        Access::PendingLogin | Access::Session | Access::Right(_) | Access::RightOrSelf(_) => {}
    }
    let session = session.as_ref().map_err(Nack::clone)?;
    match handler.access {
        Access::Right(right) => {
            if gateway.replica.read(|realm, _| realm.holds_code(session.user, right)) {
                Ok(())
            } else {
                Err(Nack::not_authorised(right))
            }
        }
        // The handler itself checks the right if the message concerns another user.
        Access::RightOrSelf(_) => Ok(()),
        Access::Anyone | Access::PendingLogin | Access::Session | Access::RightUnlessOpen(_) => {
            Ok(())
        }
    }
}

fn is_too_long(reason: &str) -> bool {
    // Encoding a string cannot fail; if it did, refusing would be safe.
    serde_json::to_string(reason).map_or(true, |json| json.len() > REASON_MAX)
}
