//! Secrets of second factors that this gateway cannot open: told at the start, before anybody needs
//! his code.

use crate::gateway::state::Gateway;

/// Says how many there are.
pub fn check_keys(gateway: &Gateway) {
    let Some(keys) = &gateway.keys else { return };
    let undecryptable = gateway.replica.read(|realm, _| {
        let is_undecryptable = |(no, own): &(crate::realm::UserNo, &_)| {
            let own: &crate::realm::SecondFactor = own;
            let user = realm.user(*no);
            let encrypted = own.confirmed.as_ref();
            let decrypted = user.zip(encrypted).map(|(user, encrypted)| {
                keys.decrypt(user.name.as_str(), no.0, encrypted).is_some()
            });
            decrypted == Some(false)
        };
        realm.second_factors().filter(is_undecryptable).count()
    });
    if undecryptable > 0 {
        tracing::error!(
            users = undecryptable,
            "secrets of second factors were sealed with another key: these users cannot log in; \
             add it to security.mfa.qr_code.old_secret_encrypt_keys"
        );
    }
}
