//! Second factors, directories and mails: what is weak in how they are configured.

use super::finding::Severity::{Advice, Weak};
use super::finding::{Finding, push_if};
use crate::settings::{
    AuthType, HashingAlgorithm, LdapTls, MailTransportKind, QrCode, Settings, SmtpTls,
};
/// A key that people can guess opens every secret.
const KEY_LENGTH_MIN: usize = 16;

pub(super) fn check(settings: &Settings, found: &mut Vec<Finding>) {
    second_factors(settings, found);
    directories(settings, found);
    mails(settings, found);
}

fn second_factors(settings: &Settings, found: &mut Vec<Finding>) {
    let mfa = &settings.security.mfa;
    push_if(
        mfa.qr_code.is_none() && mfa.notify.is_none(),
        found,
        Advice,
        "security.mfa",
        "a password is all that is asked for: whoever has it is its user",
        "add [security.mfa.qr_code], and required_for = [\"USER_ADMIN\"] at least",
    );
    push_if(
        mfa.qr_code.is_none() && mfa.notify.is_some(),
        found,
        Advice,
        "security.mfa.notify",
        "a link by mail proves no more than the mailbox, which also resets passwords",
        "add [security.mfa.qr_code] for those who can use an app",
    );
    if let Some(codes) = &mfa.qr_code {
        app(codes, found);
    }
}

fn app(codes: &QrCode, found: &mut Vec<Finding>) {
    let key = codes.secret_encrypt_key.expose();
    push_if(
        !key.is_empty() && key.len() < KEY_LENGTH_MIN,
        found,
        Weak,
        "security.mfa.qr_code.secret_encrypt_key",
        "whoever has a copy of the store can guess so short a key, and then knows all codes",
        "use 32 random signs; the old key goes into old_secret_encrypt_keys, then `rekey`",
    );
    push_if(
        !codes.old_secret_encrypt_keys.is_empty(),
        found,
        Advice,
        "security.mfa.qr_code.old_secret_encrypt_keys",
        "earlier keys are still good",
        "run `tollgate rekey` on the stopped store and take them out",
    );
    push_if(
        codes.code_period_discrepancy > 2,
        found,
        Weak,
        "security.mfa.qr_code.code_period_discrepancy",
        "so many codes are good at a time that guessing one is easier",
        "set it to 1",
    );
    push_if(
        codes.hashing_algorithm != HashingAlgorithm::Sha1
            || codes.code_digits != 6
            || codes.code_period_seconds != 30,
        found,
        Advice,
        "security.mfa.qr_code",
        "some authenticator apps read no other form than SHA1, 6 digits, 30 seconds",
        "try the app of your users before you ask them to enrol",
    );
}

fn directories(settings: &Settings, found: &mut Vec<Finding>) {
    let authentication = &settings.security.authentication;
    if authentication.kind == AuthType::Internal {
        return;
    }
    let local = |host: &str| host == "localhost" || host.starts_with("127.") || host == "::1";
    let open =
        |it: &&crate::settings::LdapConnection| it.use_tls == LdapTls::None && !local(&it.url);
    push_if(
        authentication.ldap.connection.iter().any(|it| open(&it)),
        found,
        Weak,
        "security.authentication.ldap.connection.use_tls",
        "passwords leave this machine in clear",
        "set it to \"start_tls\" or \"ldaps\", with ca_file where the authority is your own",
    );
    push_if(
        authentication.ldap.connection.len() == 1,
        found,
        Advice,
        "security.authentication.ldap.connection",
        "while the only server is away nobody but internal_users logs in",
        "name a second server",
    );
    push_if(
        authentication.kind == AuthType::Ldap && authentication.internal_users.is_empty(),
        found,
        Advice,
        "security.authentication.internal_users",
        "nobody can log in without the directory, not even to repair",
        "name one administrator with a password of the gateway",
    );
}

fn mails(settings: &Settings, found: &mut Vec<Finding>) {
    let reset = settings.security.genesis_password.self_service_reset.as_ref();
    push_if(
        reset.is_some_and(|it| it.accept_client_url),
        found,
        Weak,
        "security.genesis_password.self_service_reset.accept_client_url",
        "whoever asks for a reset chooses the page that its token goes to",
        "set it to false everywhere but on a developer's machine",
    );
    let plain = |url: &str| url.starts_with("http://");
    let links = settings.security.mfa.notify.as_ref();
    push_if(
        reset.is_some_and(|it| plain(&it.redirect_url))
            || links.is_some_and(|it| plain(&it.login_url)),
        found,
        Weak,
        "security",
        "the page of a mailed link is opened without TLS, and its token with it",
        "begin redirect_url and login_url with https://",
    );
    let smtp = &settings.mail.smtp;
    let away = !(smtp.host == "localhost" || smtp.host.starts_with("127."));
    push_if(
        settings.mail.transport == MailTransportKind::Smtp && smtp.tls == SmtpTls::None && away,
        found,
        Weak,
        "mail.smtp.tls",
        "links that log in and reset passwords leave this machine in clear",
        "set it to \"start_tls\" or \"tls\"",
    );
}
