//! Secrets of second factors that this gateway cannot open: told at the start, before anybody needs
//! his code.

use crate::gateway::state::Gateway;

/// Says how many there are.
pub fn check_keys(gateway: &Gateway) {
    let Some(keys) = &gateway.keys else { return };
    let closed = gateway.replica.read(|realm, _| {
        let is_closed = |(no, own): &(crate::realm::UserNo, &_)| {
            let own: &crate::realm::SecondFactor = own;
            let user = realm.user(*no);
            let sealed = own.confirmed.as_ref();
            let opens = user
                .zip(sealed)
                .map(|(user, sealed)| keys.decrypt(user.name.as_str(), no.0, sealed).is_some());
            opens == Some(false)
        };
        realm.second_factors().filter(is_closed).count()
    });
    if closed > 0 {
        tracing::error!(
            users = closed,
            "secrets of second factors were sealed with another key: these users cannot log in; \
             add it to security.mfa.qr_code.old_secret_encrypt_keys"
        );
    }
}
