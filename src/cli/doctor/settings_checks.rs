//! The configuration: what is weak, and what contradicts itself without being wrong.

use super::finding::Severity::{Advice, Problem, Weak};
use super::finding::{Finding, push_if};
use crate::settings::{
    AddressRange, LockScopeSetting, LoginErrors, Mode, OneTimeTokenVerify, PasswordStrength,
    ResetMode, Settings,
};
/// A password that is the only factor should have as many characters (ASVS 6.2.1).
const PASSWORD_LENGTH_MIN: u32 = 8;

/// All that should be different in a valid configuration.
pub fn check(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, hard, own) in settings.hardened_overrides() {
        let why = format!("mode is hardened, and this is written as {own}, which wins");
        found.push(Finding::new(Weak, key, why, format!("take it out, or write {hard}")));
    }
    server(settings, &mut found);
    sessions(settings, &mut found);
    logins(settings, &mut found);
    passwords(settings, &mut found);
    crate::cli::doctor::login_checks::check(settings, &mut found);
    found
}

fn server(settings: &Settings, found: &mut Vec<Finding>) {
    let server = &settings.server;
    let off_loopback = |address: &str| {
        address.parse().is_ok_and(|at: std::net::SocketAddr| !at.ip().is_loopback())
    };
    let plain = off_loopback(&server.listen) && !server.tls.is_on();
    push_if(
        plain,
        found,
        Weak,
        "server.allow_plaintext",
        "passwords and tokens leave this machine in clear up to the TLS proxy",
        "set server.tls, or make sure that nobody else shares the network of the proxy",
    );
    push_if(
        plain && server.trusted_proxies.is_empty(),
        found,
        Weak,
        "server.trusted_proxies",
        "behind a proxy all clients have its address: one of them who fails locks the others out",
        "name the proxy, so that its X-Forwarded-For is believed",
    );
    push_if(
        off_loopback(&server.management_listen),
        found,
        Weak,
        "server.management_listen",
        "metrics and health are open to the network, without a login",
        "listen on 127.0.0.1, or let a firewall allow only the monitoring",
    );
    push_if(
        server.limits.exempt_addresses.iter().any(AddressRange::is_all_addresses),
        found,
        Weak,
        "server.limits.exempt_addresses",
        "everybody is exempt: no limit by address slows the guessing of passwords",
        "name the proxies and load testers only",
    );
    push_if(
        server.limits.failed_logins_per_min_per_address == 0,
        found,
        Weak,
        "server.limits.failed_logins_per_min_per_address",
        "one address may guess passwords of many users as fast as it likes",
        "set a limit such as 20",
    );
}

fn sessions(settings: &Settings, found: &mut Vec<Finding>) {
    let security = &settings.security;
    push_if(
        settings.heartbeat.misses_allowed == 0,
        found,
        Advice,
        "heartbeat.misses_allowed",
        "sessions of GUIs that are gone live on until they idle out",
        "set it to 3, unless this is a load test",
    );
    let refresh_secs = security.refresh_token_expiration_mins * 60.0;
    push_if(
        security.access_token_life_secs as f64 >= refresh_secs,
        found,
        Problem,
        "security.access_token_life_secs",
        "an access token outlives its refresh token, which then renews nothing",
        "make security.refresh_token_expiration_mins longer",
    );
    push_if(
        security.expiry_check_mins > security.session_timeout_mins,
        found,
        Advice,
        "security.expiry_check_mins",
        "idle sessions are looked for less often than they end: they hold their places longer",
        "make it shorter than session_timeout_mins",
    );
    push_if(
        !security.refresh_rotation,
        found,
        Weak,
        "security.refresh_rotation",
        "a stolen refresh token is as good as the owner's, and nobody notices",
        "set it to true",
    );
    push_if(
        security.one_time_token_verify_by == OneTimeTokenVerify::Open,
        found,
        Weak,
        "security.one_time_token_verify_by",
        "whoever finds a one-time token learns without a login whose it is",
        "set it to \"right\" and give VERIFY_OTT to those who verify",
    );
}

fn logins(settings: &Settings, found: &mut Vec<Finding>) {
    let (security, retry) = (&settings.security, &settings.security.genesis_password.retry);
    push_if(
        settings.mode == Mode::Compatible,
        found,
        Advice,
        "mode",
        "the defaults are those of the sources, made to be compatible",
        "set mode = \"hardened\" where GUIs do not depend on them",
    );
    push_if(
        settings.mode == Mode::Compatible && security.login_errors == LoginErrors::Specific,
        found,
        Weak,
        "security.login_errors",
        "a failed login tells strangers which user names exist",
        "set it to \"uniform\"",
    );
    push_if(
        settings.mode == Mode::Compatible && security.reset_mode == ResetMode::Blank,
        found,
        Weak,
        "security.reset_mode",
        "after a reset the first who sends a blank password sets the new one",
        "set it to \"one_time_password\" or \"email\"",
    );
    push_if(
        settings.mode == Mode::Compatible && retry.scope == LockScopeSetting::User,
        found,
        Advice,
        "security.genesis_password.retry.scope",
        "whoever knows a user name can lock its owner out from anywhere",
        "set it to \"user_and_address\"",
    );
    push_if(
        retry.max_attempts > 100,
        found,
        Weak,
        "security.genesis_password.retry.max_attempts",
        "so many guesses before a lock are more than NIST allows (100)",
        "set it to 3 to 10",
    );
    push_if(
        retry.wait_time_mins < 1.0,
        found,
        Weak,
        "security.genesis_password.retry.wait_time_mins",
        "a lock that ends at once hardly slows guessing",
        "set it to 5 or more",
    );
}

fn passwords(settings: &Settings, found: &mut Vec<Finding>) {
    let (scrypt, validation) =
        (&settings.security.scrypt, &settings.security.genesis_password.validation);
    let rules = &validation.password_strength;
    push_if(
        !scrypt.cost().is_recommended(),
        found,
        Weak,
        "security.scrypt",
        "a hash costs less than OWASP recommends: stolen ones are guessed quickly",
        "run `tollgate calibrate` and take what it proposes",
    );
    push_if(
        validation.password_salt.expose().is_empty(),
        found,
        Advice,
        "security.genesis_password.validation.password_salt",
        "hashes of a stolen store can be guessed without any other secret",
        "set a long random text before the first user, by \
         TOLLGATE_SECURITY__GENESIS_PASSWORD__VALIDATION__PASSWORD_SALT",
    );
    push_if(
        rules.minimum_length.unwrap_or(0) < PASSWORD_LENGTH_MIN,
        found,
        Weak,
        "security.genesis_password.validation.password_strength.minimum_length",
        "shorter passwords than 8 characters are guessed",
        "set it to 8 at least, better 15",
    );
    push_if(
        rules.maximum_length.is_some_and(|most| (1..64).contains(&most)),
        found,
        Advice,
        "security.genesis_password.validation.password_strength.maximum_length",
        "long passphrases are refused",
        "set it to 64 or more, or take it out",
    );
    push_if(
        !rules.restrict_password,
        found,
        Advice,
        "security.genesis_password.validation.password_strength.restrict_password",
        "passwords that are tried first are allowed",
        "set it to true",
    );
    contradictions(rules, found);
}

/// Rules that together refuse more than each of them says.
fn contradictions(rules: &PasswordStrength, found: &mut Vec<Finding>) {
    let key = "security.genesis_password.validation.password_strength.illegal_characters";
    let all_digits = ('0'..='9').all(|digit| rules.illegal_characters.contains(digit));
    push_if(
        all_digits && rules.min_digits.unwrap_or(0) > 0,
        found,
        Problem,
        key,
        "digits are asked for by min_digits, and none of them may be used",
        "allow some digits, or take min_digits out",
    );
    let (expiry, notice) =
        (rules.expiry_days(), rules.password_expiry_notification_days.unwrap_or(0));
    let key = "security.genesis_password.validation.password_strength.\
               password_expiry_notification_days";
    push_if(
        expiry.is_some_and(|days| notice >= days),
        found,
        Advice,
        key,
        "every login is told of an expiry to come, also right after a change",
        "make it shorter than password_expiry_days",
    );
    push_if(
        expiry.is_none() && notice > 0,
        found,
        Advice,
        key,
        "nothing is notified: passwords do not expire",
        "set password_expiry_days, or take this out",
    );
}
