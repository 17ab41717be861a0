//! The check and hash of a new password from a change or reset.

use std::sync::Arc;

use protocol::{Nack, Password, UserName};

use super::rules::check;
use crate::auth::NewHash;
use crate::messages::context::MessageContext;

/// Checks a password against the password rules and hashes it. A password that matches one of the
/// `previous` hashes is refused. This is checked last, because each comparison costs a hash.
pub(super) async fn new_hash(
    context: &MessageContext,
    name: &UserName,
    password: &Password,
    previous: Vec<Arc<str>>,
) -> Result<Arc<str>, Nack> {
    let rules = context.gateway.settings().security.genesis_password.validation.clone();
    check::check(&rules, name, password)?;
    let (hasher, address) = (&context.gateway.passwords, context.client.address);
    let hash = hasher.hash_unless_used(address, password.clone(), name.as_str(), previous);
    match hash.await.map_err(|error| context.hash_unavailable(error))? {
        NewHash::Hash(hash) => Ok(hash.into()),
        NewHash::UsedBefore => Err(check::used_before(&rules)),
    }
}
