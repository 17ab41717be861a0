//! `[security]` and below: sessions, hashes, retry (S2, "The security function").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::Secret;
use crate::outside::passwords::Cost;
use crate::realm::Millis;

/// Sessions and passwords.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Minutes without use that end a session; decimals allowed (S2: sessionTimeoutMins).
    pub session_timeout_mins: f64,
    /// Minutes for which a refresh token is good (S2: refreshTokenExpirationMins).
    pub refresh_token_expiration_mins: f64,
    /// Minutes between two sweeps for idle sessions (S2: expiryCheckMins).
    pub expiry_check_mins: f64,
    /// Live sessions of one user; not positive: any number (S2: maxSimultaneousUserLogins).
    pub max_simultaneous_user_logins: i64,
    /// At that limit a login is refused ("refuse") or ends the oldest session ("evict_oldest").
    pub when_sessions_are_full: WhenSessionsAreFull,
    /// Whether a refresh gives a new refresh token; false: the same one, as in S0's sample.
    pub refresh_rotation: bool,
    /// Seconds for which the old pair is still answered after a refresh.
    pub refresh_grace_secs: u64,
    /// "specific": UNKNOWN_ACCOUNT is told (S2); "uniform": unknown names look like wrong
    /// passwords.
    pub login_errors: LoginErrors,
    /// What EVENT_RESET_USER_PASSWORD leaves behind: "blank", a password that is empty until it is
    /// changed (S2), "one_time_password", one that is told once, to whoever resets, or "email", one
    /// that is mailed to the user.
    pub reset_mode: ResetMode,
    /// Minutes after a reset in which the password must be changed; decimals allowed.
    pub reset_window_mins: f64,
    /// Whether the login ack keeps product versions to itself.
    pub hide_versions: bool,
    /// Whether MAX_ACTIVE_SESSIONS_REACHED keeps the hosts of sessions to itself.
    pub hide_hosts: bool,
    /// Whether an absent list of an amend means an empty one (S2 to the letter); false: it stays.
    pub strict_amend: bool,
    /// What one password hash costs.
    pub scrypt: Scrypt,
    /// Users whose passwords are kept here (S2: genesisPassword).
    pub genesis_password: GenesisPassword,
}

/// What a login finds at the session limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum WhenSessionsAreFull {
    Refuse,
    EvictOldest,
}

/// What a reset leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
pub enum ResetMode {
    Blank,
    OneTimePassword,
    Email,
}

/// What a failed login tells.
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
            when_sessions_are_full: WhenSessionsAreFull::Refuse,
            refresh_rotation: true,
            refresh_grace_secs: 10,
            login_errors: LoginErrors::Specific,
            reset_mode: ResetMode::Blank,
            reset_window_mins: 15.0,
            hide_versions: false,
            hide_hosts: false,
            strict_amend: false,
            scrypt: Scrypt::default(),
            genesis_password: GenesisPassword::default(),
        }
    }
}

/// What one password hash costs (RFC 7914).
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

/// Users whose passwords are kept here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GenesisPassword {
    /// What passwords must be like.
    pub validation: Validation,
    /// What happens after wrong passwords.
    pub retry: Retry,
}

/// What passwords must be like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// A secret of this system that goes into every hash (S2: passwordSalt); empty: none.
    pub password_salt: Secret,
}

/// What happens after wrong passwords (S2, "retry").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Wrong passwords that lock the account (S2: maxAttempts).
    pub max_attempts: u32,
    /// Minutes for which it stays locked; decimals allowed (S2: waitTimeMins).
    pub wait_time_mins: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, wait_time_mins: 5.0 }
    }
}

impl Retry {
    /// The lock in milliseconds.
    pub fn wait_time_ms(&self) -> Millis {
        millis(self.wait_time_mins)
    }
}

impl Security {
    /// The idle time in milliseconds.
    pub fn session_timeout_ms(&self) -> Millis {
        millis(self.session_timeout_mins)
    }

    /// The life of a refresh token in milliseconds.
    pub fn refresh_token_expiration_ms(&self) -> Millis {
        millis(self.refresh_token_expiration_mins)
    }

    /// The window of a reset in milliseconds.
    pub fn reset_window_ms(&self) -> Millis {
        millis(self.reset_window_mins)
    }

    /// The distance of sweeps in milliseconds.
    pub fn expiry_check_ms(&self) -> Millis {
        millis(self.expiry_check_mins)
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
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
            if !(1..=millis(MINUTES_MAX)).contains(&millis(value)) {
                wrong.push(format!("{key} is a millisecond to {MINUTES_MAX} minutes"));
            }
        }
        if self.refresh_token_expiration_mins <= self.session_timeout_mins {
            let text = "security.refresh_token_expiration_mins is above session_timeout_mins";
            wrong.push(text.to_owned());
        }
        if retry.max_attempts == 0 {
            wrong.push("security.genesis_password.retry.max_attempts is above 0".to_owned());
        }
        if !self.scrypt.cost().is_possible() {
            let bounds = "log_n is 1 to 22, r and p are above 0; with N = 2^log_n a hash takes \
                          128 N r bytes, at most 1 GiB, and N r p is at most 2^26";
            wrong.push(format!("security.scrypt: {bounds}"));
        }
        if self.scrypt.threads > THREADS_MAX {
            wrong.push(format!("security.scrypt.threads is 0 to {THREADS_MAX}"));
        }
        if !(1..=DAY_SECS * 1_000).contains(&self.scrypt.queue_wait_max_ms) {
            wrong.push("security.scrypt.queue_wait_max_ms is 1 to 86400000".to_owned());
        }
        if self.refresh_grace_secs > DAY_SECS {
            wrong.push(format!("security.refresh_grace_secs is 0 to {DAY_SECS}"));
        }
    }
}

const DAY_SECS: u64 = 86_400;
const THREADS_MAX: usize = 1_024;
/// Ten years.
const MINUTES_MAX: f64 = 5_256_000.0;

fn millis(minutes: f64) -> Millis {
    (minutes * 60_000.0).round() as Millis
}
