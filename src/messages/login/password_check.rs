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
    context: &MessageContext,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let (locked, stored, client) = context.read(|realm| {
        let user = realm.user_by_name(name);
        let client = client_of(realm, user, context.client.address);
        let stored = user.and_then(|user| {
            Some(StoredHash { phc: user.credential.clone()?, user_name: user.name.as_str().into() })
        });
        (realm.locked_until(context.now, name, &client), stored, client)
    });
    if let Some(until) = locked {
        return Err(errors::nack(
            &context.gateway,
            context.now,
            Refusal::Locked { until: Some(until) },
        ));
    }
    let checked = stored.as_ref().map(|stored| Fingerprint::new(&stored.phc));
    let verify = context.gateway.passwords.verify(context.client.address, password.clone(), stored);
    let (verdict, renewed) = match verify.await.map_err(|busy| context.hash_queue_full(busy))? {
        // A hash of the empty text is none that a password has: the realm knows what it may open.
        _ if password.expose().is_empty() => (Verdict::Blank, None),
        PasswordMatch::Matched { rehash: renewed } => (Verdict::Matched, renewed.map(Into::into)),
        PasswordMatch::Wrong => (Verdict::Wrong, None),
    };
    Ok(CheckedPassword {
        verdict,
        checked,
        rehash: renewed,
        client,
        directory: false,
        bypass: false,
    })
}
