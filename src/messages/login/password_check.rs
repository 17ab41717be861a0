//! The check of a password outside the realm.

use protocol::{Nack, Password, UserName};

use super::checked_password::{CheckedPassword, client_of};
use crate::auth::{PasswordMatch, StoredHash};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{Fingerprint, Refusal, Verdict};

/// Checks a password against the hash that is kept here. An unknown name costs what a known one
/// costs; a locked one costs nothing.
pub async fn check_local_password(
    call: &MessageContext,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let (locked, stored, peer) = call.read(|realm| {
        let user = realm.user_by_name(name);
        let peer = client_of(realm, user, call.caller.address);
        let stored = user.and_then(|user| {
            Some(StoredHash { phc: user.credential.clone()?, user_name: user.name.as_str().into() })
        });
        (realm.locked_until(call.now, name, &peer), stored, peer)
    });
    if let Some(until) = locked {
        return Err(errors::nack(&call.node, call.now, Refusal::Locked { until: Some(until) }));
    }
    let checked = stored.as_ref().map(|stored| Fingerprint::of(&stored.phc));
    let verify = call.node.passwords.verify(call.caller.address, password.clone(), stored);
    let (verdict, renewed) = match verify.await.map_err(|busy| call.hash_queue_full(busy))? {
        // A hash of the empty text is none that a password has: the realm knows what it may open.
        _ if password.expose().is_empty() => (Verdict::Blank, None),
        PasswordMatch::Matched { renewed } => (Verdict::Matched, renewed.map(Into::into)),
        PasswordMatch::Wrong => (Verdict::Wrong, None),
    };
    Ok(CheckedPassword { verdict, checked, renewed, peer, directory: false, bypass: false })
}
