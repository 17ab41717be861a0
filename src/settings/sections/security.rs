//! `[security]` and below: sessions, hashes, retry (Genesis authentication, "The security
//! function").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::authentication::Authentication;
use super::genesis_password::GenesisPassword;
use super::login_ack::LoginAckSettings;
use super::mfa::MfaSettings;
use crate::auth::Cost;
use crate::realm::{DAY_SECS, Millis};
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;
/// Sessions and passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Minutes without use after which a session ends; decimals allowed.
    #[schemars(extend("x-genesis-key" = "sessionTimeoutMins"))]
    pub session_timeout_mins: f64,
    /// Minutes for which a refresh token is valid.
    #[schemars(extend("x-genesis-key" = "refreshTokenExpirationMins"))]
    pub refresh_token_expiration_mins: f64,
    /// Minutes between two sweeps for idle sessions.
    #[schemars(extend("x-genesis-key" = "expiryCheckMins"))]
    pub expiry_check_mins: f64,
    /// Live sessions of one user; 0 or below: any number.
    #[schemars(extend("x-genesis-key" = "maxSimultaneousUserLogins"))]
    pub max_simultaneous_user_logins: i64,
    /// At that limit a login is refused ("refuse") or ends the oldest session ("evict_oldest").
    pub session_limit_action: SessionLimitAction,
    /// Whether a refresh issues a new refresh token; false: the same one, as in the sample of the
    /// Genesis REST API.
    pub refresh_rotation: bool,
    /// Seconds for which the old pair of tokens is still accepted after a refresh.
    pub refresh_grace_secs: u64,
    /// "specific": an unknown name is refused with UNKNOWN_ACCOUNT, as in Genesis authentication;
    /// "uniform": like a wrong password.
    pub login_errors: LoginErrors,
    /// What EVENT_RESET_USER_PASSWORD sets: "blank", an empty password until it is changed, as in
    /// Genesis authentication; "one_time_password", one that only the reply contains; "email", one
    /// that is mailed to the user.
    pub reset_mode: ResetMode,
    /// Minutes after a reset in which the password must be changed; decimals allowed.
    pub reset_window_mins: f64,
    /// Whether the login ack leaves product versions out.
    pub hide_versions: bool,
    /// Whether MAX_ACTIVE_SESSIONS_REACHED leaves the hosts of sessions out.
    pub hide_hosts: bool,
    /// Seconds for which an access token of /auth/token is valid; use does not extend them.
    pub access_token_life_secs: u64,
    /// Seconds for which a one-time token can be verified.
    pub one_time_token_secs: u64,
    /// Who may verify one-time tokens: "right", users with VERIFY_OTT, or "open", everyone.
    pub one_time_token_verify_by: OneTimeTokenVerify,
    /// Whether an absent list in an amend means an empty one, as Genesis authentication says;
    /// false: the list stays as it is.
    pub absent_list_clears: bool,
    /// Cost of one password hash.
    pub scrypt: Scrypt,
    /// Where passwords are checked.
    #[schemars(extend("x-genesis-key" = "authentication"))]
    pub authentication: Authentication,
    /// Users whose passwords are kept here.
    #[schemars(extend("x-genesis-key" = "genesisPassword"))]
    pub genesis_password: GenesisPassword,
    /// Second factors.
    #[schemars(extend("x-genesis-key" = "mfa"))]
    pub mfa: MfaSettings,
    /// Additional contents of the login ack.
    #[schemars(extend("x-genesis-key" = "loginAck"))]
    pub login_ack: LoginAckSettings,
    /// Single sign-on.
    #[schemars(extend("x-genesis-key" = "sso"))]
    pub sso: Sso,
}

/// Single sign-on: not built in yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sso {
    /// True stops the start: single sign-on is not built in yet.
    #[schemars(extend("x-genesis-key" = "enabled"))]
    pub enabled: bool,
}

/// Who may verify one-time tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum OneTimeTokenVerify {
    Right,
    Open,
}

/// What happens to a login at the session limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum SessionLimitAction {
    Refuse,
    EvictOldest,
}

/// What a reset sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum ResetMode {
    Blank,
    OneTimePassword,
    Email,
}

/// Code of a login that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum LoginErrors {
    Specific,
    Uniform,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            session_timeout_mins: 30.0,
            refresh_token_expiration_mins: 7_200.0,
            expiry_check_mins: 5.0,
            max_simultaneous_user_logins: 0,
            session_limit_action: SessionLimitAction::Refuse,
            refresh_rotation: true,
            refresh_grace_secs: 10,
            login_errors: LoginErrors::Specific,
            reset_mode: ResetMode::Blank,
            reset_window_mins: 15.0,
            hide_versions: false,
            hide_hosts: false,
            access_token_life_secs: 1_800,
            one_time_token_secs: 60,
            one_time_token_verify_by: OneTimeTokenVerify::Right,
            absent_list_clears: false,
            scrypt: Scrypt::default(),
            authentication: Authentication::default(),
            genesis_password: GenesisPassword::default(),
            mfa: MfaSettings::default(),
            login_ack: LoginAckSettings::default(),
            sso: Sso::default(),
        }
    }
}

/// Cost of one password hash (RFC 7914).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scrypt {
    /// The logarithm of the cost; 14 with r 8 takes 16 MiB a hash.
    pub log_n: u8,
    /// Block size.
    pub r: u32,
    /// Repetitions.
    pub p: u32,
    /// Threads that hash; 0: one less than there are cores, at least one.
    pub threads: usize,
    /// A login that would wait longer for its hash is refused at once; milliseconds.
    pub queue_wait_max_ms: u64,
}

impl Default for Scrypt {
    fn default() -> Self {
        Self { log_n: 14, r: 8, p: 5, threads: 0, queue_wait_max_ms: 5_000 }
    }
}

impl Scrypt {
    /// The cost of new hashes.
    pub fn cost(&self) -> Cost {
        Cost { log_n: self.log_n, r: self.r, p: self.p }
    }
}

impl Security {
    /// The idle time in milliseconds.
    pub fn session_timeout_ms(&self) -> Millis {
        minutes_to_millis(self.session_timeout_mins)
    }

    /// The life of a refresh token in milliseconds.
    pub fn refresh_token_expiration_ms(&self) -> Millis {
        minutes_to_millis(self.refresh_token_expiration_mins)
    }

    /// The window of a reset in milliseconds.
    pub fn reset_window_ms(&self) -> Millis {
        minutes_to_millis(self.reset_window_mins)
    }

    /// The distance of sweeps in milliseconds.
    pub fn expiry_check_ms(&self) -> Millis {
        minutes_to_millis(self.expiry_check_mins)
    }

    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        let retry = &self.genesis_password.retry;
        let minutes = [
            ("security.session_timeout_mins", self.session_timeout_mins),
            ("security.refresh_token_expiration_mins", self.refresh_token_expiration_mins),
            ("security.expiry_check_mins", self.expiry_check_mins),
            ("security.reset_window_mins", self.reset_window_mins),
            ("security.genesis_password.retry.wait_time_mins", retry.wait_time_mins),
        ];
        for (key, value) in minutes {
            // What is not a number or below zero counts as 0 here.
            if !(1..=minutes_to_millis(MINUTES_MAX)).contains(&minutes_to_millis(value)) {
                wrong.push(format!("{key} is a millisecond to {MINUTES_MAX} minutes"));
            }
        }
        if self.refresh_token_expiration_mins <= self.session_timeout_mins {
            let text = "security.refresh_token_expiration_mins is above session_timeout_mins";
            wrong.push(text.to_owned());
        }
        if !self.scrypt.cost().is_possible() {
            let bounds = "log_n is 1 to 22, r and p are above 0; with N = 2^log_n a hash takes \
                          128 N r bytes, at most 1 GiB, and N r p is at most 2^26";
            wrong.push(format!("security.scrypt: {bounds}"));
        }
        wrong.range("security.scrypt.threads", self.scrypt.threads, 0..=THREADS_MAX);
        let wait_ms = self.scrypt.queue_wait_max_ms;
        wrong.range("security.scrypt.queue_wait_max_ms", wait_ms, 1..=DAY_SECS * 1_000);
        let access_secs = self.access_token_life_secs;
        wrong.range("security.access_token_life_secs", access_secs, 1..=DAY_SECS);
        wrong.range("security.one_time_token_secs", self.one_time_token_secs, 1..=HOUR_SECS);
        if self.sso.enabled {
            let text = "security.sso.enabled is false: single sign-on is not built in yet";
            wrong.push(text.to_owned());
        }
        self.authentication.check(wrong);
        self.genesis_password.check(wrong);
        self.mfa.check(wrong);
        self.login_ack.check(wrong);
        wrong.range("security.refresh_grace_secs", self.refresh_grace_secs, 0..=DAY_SECS);
    }
}

const HOUR_SECS: u64 = 3_600;
const THREADS_MAX: usize = 1_024;
/// Ten years.
const MINUTES_MAX: f64 = 5_256_000.0;
