//! Start-up check for secrets of second factors that this gateway cannot decrypt.

use crate::gateway::state::Gateway;

/// Logs an error with the number of users whose secret cannot be decrypted: the codes of their
/// authenticator apps are refused.
pub fn check_keys(gateway: &Gateway) {
    let Some(keys) = &gateway.keys else { return };
    let undecryptable = gateway.replica.read(|realm, _| {
        let is_undecryptable = |(no, factor): &(crate::realm::UserNo, &_)| {
            let factor: &crate::realm::SecondFactor = factor;
            let user = realm.user(*no);
            let encrypted = factor.confirmed.as_ref();
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
            "secrets of second factors were encrypted with another key or salt, so codes of \
             authenticator apps are refused; restore mfa.key or the former \
             username_table_look_up_salt, or add the other key to \
             security.mfa.qr_code.old_secret_encrypt_keys"
        );
    }
}
