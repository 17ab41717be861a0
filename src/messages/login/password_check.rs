//! The check of a password outside the realm.

use std::net::IpAddr;
use std::sync::Arc;

use protocol::{Nack, Password, UserName};

use crate::auth::password_hasher::hasher::{Checked, Stored};
use crate::messages::context::Call;
use crate::messages::errors;
use crate::messages::login::directory_check;
use crate::platform::client_network::Source;
use crate::realm::model::credential_check::{Fingerprint, Peer, Verdict};
use crate::realm::model::user::User;
use crate::realm::outcome::Refusal;
use crate::realm::state::Realm;
use crate::settings::sections::authentication::AuthType;

/// A password that was checked outside the realm, and against what.
pub struct CheckedPassword {
    /// What the check said.
    pub verdict: Verdict,
    /// The credential it was checked against; none: there is none, and the work was done for show.
    pub checked: Option<Fingerprint>,
    /// Its hash by the cost of today, if it matched one by another.
    pub renewed: Option<Arc<str>>,
    /// From where, as locks count it.
    pub peer: Peer,
    /// Whether a directory checked it, and nothing else did.
    pub directory: bool,
    /// Whether that directory alone decides about locks and the age of passwords.
    pub bypass: bool,
}

/// Checks a password against the hash that is kept here. An unknown name costs what a known one
/// costs; a locked one costs nothing.
pub async fn check(
    call: &Call,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let (locked, stored, peer) = call.read(|realm| {
        let user = realm.user_by_name(name);
        let peer = peer(realm, user, call.caller.address);
        let stored = user.and_then(|user| {
            Some(Stored { phc: user.credential.clone()?, user_name: user.name.as_str().into() })
        });
        (realm.locked_until(call.now, name, &peer), stored, peer)
    });
    if let Some(until) = locked {
        return Err(errors::nack(&call.node, call.now, Refusal::Locked { until: Some(until) }));
    }
    let checked = stored.as_ref().map(|stored| Fingerprint::of(&stored.phc));
    let verify = call.node.passwords.verify(call.caller.address, password.clone(), stored);
    let (verdict, renewed) = match verify.await.map_err(|busy| call.busy(busy))? {
        // A hash of the empty text is none that a password has: the realm knows what it may open.
        _ if password.expose().is_empty() => (Verdict::Blank, None),
        Checked::Matched { renewed } => (Verdict::Matched, renewed.map(Into::into)),
        Checked::Wrong => (Verdict::Wrong, None),
    };
    Ok(CheckedPassword { verdict, checked, renewed, peer, directory: false, bypass: false })
}

/// Checks the password of a login by whoever checks passwords of this user.
pub async fn authenticate(
    call: &Call,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let kind = {
        let settings = call.node.settings();
        let authentication = &settings.security.authentication;
        let internal = authentication.internal_users.iter().any(|it| name.is(it));
        if internal { AuthType::Internal } else { authentication.kind }
    };
    match kind {
        AuthType::Internal => check(call, name, password).await,
        AuthType::Ldap => directory_check::check(call, name, password).await,
        AuthType::Hybrid => {
            let mut checked = check(call, name, password).await?;
            if checked.verdict == Verdict::Matched {
                checked.verdict = directory_check::confirm(call, name, password).await?;
            }
            Ok(checked)
        }
    }
}

/// Where somebody comes from who says to be this user.
pub fn peer(realm: &Realm, user: Option<&User>, address: IpAddr) -> Peer {
    let source = Source::from(address);
    let here = |host: &str| host.parse().is_ok_and(|host: IpAddr| Source::from(host) == source);
    let familiar =
        user.is_some_and(|user| realm.sessions_of(user.no).any(|session| here(&session.host)));
    Peer { source: source.to_string().into(), familiar }
}
