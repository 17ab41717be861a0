//! Checks of the configuration: weak settings, and valid settings that contradict each other.

use super::finding::Severity::{Advice, Problem, Weak};
use super::finding::{Finding, push_if};
use crate::settings::{
    AddressRange, LockScopeSetting, LoginErrors, Mode, OneTimeTokenVerify, PasswordStrength,
    ResetMode, Settings,
};

/// Shortest recommended password (ASVS 6.2.1).
const PASSWORD_LENGTH_MIN: u32 = 8;

/// Returns the findings about a valid configuration.
pub fn check(settings: &Settings) -> Vec<Finding> {
    let mut found = Vec::new();
    for (key, hard, own) in settings.hardened_overrides() {
        let why = format!("this value, {own}, overrides the default of hardened mode");
        found.push(Finding::new(Weak, key, why, format!("remove it, or set it to {hard}")));
    }
    server(settings, &mut found);
    browsers(settings, &mut found);
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
        "passwords and tokens are sent unencrypted between the TLS proxy and this host",
        "configure server.tls, or isolate the network between proxy and gateway",
    );
    push_if(
        plain && server.trusted_proxies.is_empty(),
        found,
        Weak,
        "server.trusted_proxies",
        "all clients have the address of the proxy, so failed logins of one client lock out all \
         clients",
        "add the address of the proxy, so that its X-Forwarded-For is trusted",
    );
    push_if(
        off_loopback(&server.management_listen),
        found,
        Weak,
        "server.management_listen",
        "metrics and health are open to the network without authentication",
        "listen on 127.0.0.1, or let a firewall admit only the monitoring system",
    );
    push_if(
        server.limits.exempt_addresses.iter().any(AddressRange::is_all_addresses),
        found,
        Weak,
        "server.limits.exempt_addresses",
        "every address is exempt, so no limit by address slows password guessing",
        "list only proxies and load testers",
    );
    push_if(
        server.limits.failed_logins_per_min_per_address == 0,
        found,
        Weak,
        "server.limits.failed_logins_per_min_per_address",
        "one address can guess the passwords of many users without a limit",
        "set a limit such as 20",
    );
}

fn browsers(settings: &Settings, found: &mut Vec<Finding>) {
    push_if(
        settings.server.lacks_hosts(),
        found,
        Problem,
        "server.hosts",
        "browsers that come through the proxy use a name that the gateway refuses with status 421",
        "add the name of the proxy, such as \"gateway.example\"",
    );
}

fn sessions(settings: &Settings, found: &mut Vec<Finding>) {
    let security = &settings.security;
    push_if(
        settings.heartbeat.misses_allowed == 0,
        found,
        Advice,
        "heartbeat.misses_allowed",
        "sessions of GUIs that have disconnected stay open until the idle timeout",
        "set it to 3, except for load tests",
    );
    let refresh_secs = security.refresh_token_expiration_mins * 60.0;
    push_if(
        security.access_token_life_secs as f64 >= refresh_secs,
        found,
        Problem,
        "security.access_token_life_secs",
        "refresh tokens expire before access tokens or together with them, so they renew nothing",
        "increase security.refresh_token_expiration_mins",
    );
    push_if(
        security.expiry_check_mins > security.session_timeout_mins,
        found,
        Advice,
        "security.expiry_check_mins",
        "expired sessions are ended late and count against the session limit until then",
        "set it below security.session_timeout_mins",
    );
    push_if(
        !security.refresh_rotation,
        found,
        Weak,
        "security.refresh_rotation",
        "a stolen refresh token can be used any number of times, and the theft is not detected",
        "set it to true",
    );
    push_if(
        security.one_time_token_verify_by == OneTimeTokenVerify::Open,
        found,
        Weak,
        "security.one_time_token_verify_by",
        "anyone who finds a one-time token can look up its user without a login",
        "set it to \"right\" and grant VERIFY_OTT to the services that verify tokens",
    );
}

fn logins(settings: &Settings, found: &mut Vec<Finding>) {
    let (security, retry) = (&settings.security, &settings.security.genesis_password.retry);
    push_if(
        settings.mode == Mode::Compatible,
        found,
        Advice,
        "mode",
        "the defaults favour compatibility with Genesis over security",
        "set it to \"hardened\" unless GUIs depend on the compatible defaults",
    );
    push_if(
        settings.mode == Mode::Compatible && security.login_errors == LoginErrors::Specific,
        found,
        Weak,
        "security.login_errors",
        "a failed login reveals whether a user name exists",
        "set it to \"uniform\"",
    );
    push_if(
        settings.mode == Mode::Compatible && security.reset_mode == ResetMode::Blank,
        found,
        Weak,
        "security.reset_mode",
        "after a reset, any client can set a new password for the user: the old one is blank",
        "set it to \"one_time_password\" or \"email\"",
    );
    push_if(
        settings.mode == Mode::Compatible && retry.scope == LockScopeSetting::User,
        found,
        Advice,
        "security.genesis_password.retry.scope",
        "anyone who knows a user name can lock out that user from any address",
        "set it to \"user_and_address\"",
    );
    push_if(
        retry.max_attempts > 100,
        found,
        Weak,
        "security.genesis_password.retry.max_attempts",
        "NIST allows at most 100 failed logins before a lock",
        "set it to a value from 3 to 10",
    );
    push_if(
        retry.wait_time_mins < 1.0,
        found,
        Weak,
        "security.genesis_password.retry.wait_time_mins",
        "a lock this short hardly slows password guessing",
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
        "the hash costs less than OWASP recommends, so stolen hashes are cracked quickly",
        "run `tollgate calibrate` and use the values that it suggests",
    );
    push_if(
        validation.password_salt.expose().is_empty(),
        found,
        Advice,
        "security.genesis_password.validation.password_salt",
        "without it, a stolen store contains all that is needed to guess passwords",
        "before the first user is created, set a long random value in the environment variable \
         TOLLGATE_SECURITY__GENESIS_PASSWORD__VALIDATION__PASSWORD_SALT",
    );
    push_if(
        rules.minimum_length.unwrap_or(0) < PASSWORD_LENGTH_MIN,
        found,
        Weak,
        "security.genesis_password.validation.password_strength.minimum_length",
        "passwords of fewer than 8 characters are allowed and easy to guess",
        "set it to at least 8, better 15",
    );
    push_if(
        rules.maximum_length.is_some_and(|most| (1..64).contains(&most)),
        found,
        Advice,
        "security.genesis_password.validation.password_strength.maximum_length",
        "long passphrases are refused",
        "set it to 64 or more, or remove it",
    );
    push_if(
        !rules.restrict_password,
        found,
        Advice,
        "security.genesis_password.validation.password_strength.restrict_password",
        "common passwords, which attackers try first, are allowed",
        "set it to true",
    );
    contradictions(rules, found);
}

/// Finds password rules that contradict each other.
fn contradictions(rules: &PasswordStrength, found: &mut Vec<Finding>) {
    let key = "security.genesis_password.validation.password_strength.illegal_characters";
    let all_digits = ('0'..='9').all(|digit| rules.illegal_characters.contains(digit));
    push_if(
        all_digits && rules.min_digits.unwrap_or(0) > 0,
        found,
        Problem,
        key,
        "min_digits requires digits, but all digits are illegal characters",
        "allow some digits, or remove min_digits",
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
        "every login announces the expiry of the password, even right after a change",
        "set it below password_expiry_days",
    );
    push_if(
        expiry.is_none() && notice > 0,
        found,
        Advice,
        key,
        "the key has no effect: passwords do not expire",
        "set password_expiry_days, or remove this key",
    );
}
