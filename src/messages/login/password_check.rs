//! Password checks against the hash that the gateway stores.

use protocol::{Nack, Password};

use super::checked_password::CheckedPassword;
use super::snapshot::LoginSnapshot;
use crate::auth::{PasswordMatch, StoredHash};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{AuthenticatedBy, Fingerprint, Refusal, Verdict};

/// Checks a password against the credential of a snapshot. The check takes as long for an unknown
/// name as for a known name, so that the response time does not reveal which names are known. A
/// locked name is refused without hashing.
pub async fn check_local_password(
    context: &MessageContext,
    password: &Password,
    snapshot: &LoginSnapshot,
) -> Result<CheckedPassword, Nack> {
    if let Some(until) = snapshot.locked_until {
        let refusal = Refusal::Locked { until: Some(until) };
        return Err(errors::nack(&context.gateway, context.now, refusal));
    }
    let stored = snapshot
        .credential
        .clone()
        .map(|phc| StoredHash { phc, user_name: snapshot.name.as_str().into() });
    let verify = context.gateway.passwords.verify(context.client.address, password.clone(), stored);
    let (verdict, rehash) = match verify.await.map_err(|error| context.hash_unavailable(error))? {
        // No stored password is empty. The realm decides whether a password reset with
        // `reset_mode = "blank"` makes the empty password right.
        _ if password.expose().is_empty() => (Verdict::Blank, None),
        PasswordMatch::Matched { rehash } => (Verdict::Matched, rehash.map(Into::into)),
        PasswordMatch::Wrong => (Verdict::Wrong, None),
    };
    Ok(CheckedPassword {
        verdict,
        checked: snapshot.credential.as_deref().map(Fingerprint::new),
        rehash,
        authenticated_by: AuthenticatedBy::Password,
    })
}
