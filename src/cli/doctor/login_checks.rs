//! Checks of the configuration of second factors, directories and mails.

use super::finding::Severity::{Advice, Problem, Weak};
use super::finding::{Finding, push_if};
use crate::settings::{
    AuthType, HashingAlgorithm, LdapTls, MailTransportKind, QrCode, Settings, SmtpTls,
};

/// Length in bytes below which an encryption key is reported: a short key can be guessed.
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
        "no second factor is configured: a stolen password is enough to log in",
        "add [security.mfa.qr_code], and set security.mfa.required_for = [\"USER_ADMIN\"]",
    );
    push_if(
        mfa.qr_code.is_none() && mfa.notify.is_some(),
        found,
        Advice,
        "security.mfa.notify",
        "access to the mailbox is enough to log in: it receives login links and password resets",
        "add [security.mfa.qr_code] for users who have an authenticator app",
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
        "a copy of the store is enough to guess a key this short and to decrypt all TOTP secrets",
        "set 32 random characters, move the old key to old_secret_encrypt_keys, and run \
         `tollgate rekey` on the stopped store",
    );
    push_if(
        !codes.old_secret_encrypt_keys.is_empty(),
        found,
        Advice,
        "security.mfa.qr_code.old_secret_encrypt_keys",
        "secrets can still be decrypted with former keys",
        "run `tollgate rekey` on the stopped store, then remove the former keys",
    );
    push_if(
        codes.code_period_discrepancy > 2,
        found,
        Weak,
        "security.mfa.qr_code.code_period_discrepancy",
        "many codes are valid at the same time, so a guessed code is more often right",
        "set it to 1",
    );
    push_if(
        codes.hashing_algorithm != HashingAlgorithm::Sha1
            || codes.code_digits != 6
            || codes.code_period_seconds != 30,
        found,
        Advice,
        "security.mfa.qr_code",
        "some authenticator apps support only SHA1, 6 digits and 30 seconds",
        "test the users' authenticator app before they enrol",
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
        "passwords are sent to the directory without encryption",
        "set it to \"start_tls\" or \"ldaps\", with ca_file for a private CA",
    );
    push_if(
        authentication.ldap.connection.len() == 1,
        found,
        Advice,
        "security.authentication.ldap.connection",
        "if the only server is unreachable, only internal_users can log in",
        "add a second server",
    );
    push_if(
        authentication.kind == AuthType::Ldap && authentication.internal_users.is_empty(),
        found,
        Advice,
        "security.authentication.internal_users",
        "while the directory is down, no user can log in, not even an administrator",
        "add the name of an administrator who has a password in the gateway",
    );
}

fn mails(settings: &Settings, found: &mut Vec<Finding>) {
    let reset = settings.security.genesis_password.self_service_reset.as_ref();
    push_if(
        reset.is_some_and(|it| it.accept_client_url),
        found,
        Weak,
        "security.genesis_password.self_service_reset.accept_client_url",
        "the client that requests a reset chooses the page that receives the reset token",
        "set it to false, except on a developer's machine",
    );
    push_if(
        reset.is_some_and(|it| it.accept_client_url && it.return_urls.is_empty()),
        found,
        Problem,
        "security.genesis_password.self_service_reset.return_urls",
        "no page is listed, so every request with RETURN_URL is refused and no mail is sent",
        "list the pages that clients may choose, or set accept_client_url to false",
    );
    let plain = |url: &str| url.starts_with("http://");
    let links = settings.security.mfa.notify.as_ref();
    push_if(
        reset
            .is_some_and(|it| plain(&it.redirect_url) || it.return_urls.iter().any(|it| plain(it)))
            || links.is_some_and(|it| plain(&it.login_url)),
        found,
        Weak,
        "security",
        "mailed links open a page without TLS, so their tokens are sent unencrypted",
        "use https:// in redirect_url, return_urls and login_url",
    );
    let smtp = &settings.mail.smtp;
    let away = !(smtp.host == "localhost" || smtp.host.starts_with("127."));
    push_if(
        settings.mail.transport == MailTransportKind::Smtp && smtp.tls == SmtpTls::None && away,
        found,
        Weak,
        "mail.smtp.tls",
        "mails with links for logins and password resets are sent without encryption",
        "set it to \"start_tls\" or \"tls\"",
    );
}
