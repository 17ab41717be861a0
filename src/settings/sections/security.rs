//! The section `[security]` (Genesis authentication, "The security function").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::authentication::Authentication;
use super::genesis_password::GenesisPassword;
use super::login_ack::LoginAckSettings;
use super::mfa::MfaSettings;
use super::notices::Notices;
use crate::auth::Cost;
use crate::realm::{DAY_SECS, Millis};
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;

/// Sessions, passwords and second factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// Minutes without use after which a session ends, from one millisecond to 5256000 minutes (ten
    /// years). Heartbeats, metadata requests and polls do not count as use. Sessions of the token
    /// API end after `access_token_life_secs` instead. Decimals are allowed in all keys in minutes.
    #[schemars(extend("x-genesis-key" = "sessionTimeoutMins"))]
    pub session_timeout_mins: f64,
    /// Minutes for which a refresh token is valid, also to resume a session that timed out; more
    /// than `session_timeout_mins` and at most 5256000. Users with the right CONNECTOR_SETTINGS can
    /// override the value for the token API at run time.
    #[schemars(extend("x-genesis-key" = "refreshTokenExpirationMins"))]
    pub refresh_token_expiration_mins: f64,
    /// Minutes between two sweeps, from one millisecond to 5256000 minutes. A sweep ends sessions
    /// that timed out and deletes expired tokens and codes. Only sessions that never had a
    /// WebSocket connection wait for a sweep, and their messages are refused from the timeout on.
    /// All other sessions end without a sweep, at the moment of their timeout.
    #[schemars(extend("x-genesis-key" = "expiryCheckMins"))]
    pub expiry_check_mins: f64,
    /// Maximum number of live sessions of one user; 0 or negative: no limit.
    #[schemars(extend("x-genesis-key" = "maxSimultaneousUserLogins"))]
    pub max_simultaneous_user_logins: i64,
    /// What happens to a login at the limit `max_simultaneous_user_logins`: "refuse" refuses it;
    /// "evict_oldest" accepts it and ends the oldest session of the user.
    pub session_limit_action: SessionLimitAction,
    /// Whether a refresh issues a new refresh token; false: the refresh token stays the same, as in
    /// the sample of the Genesis REST API. The default is true also in compatible mode.
    pub refresh_rotation: bool,
    /// Seconds for which the replaced tokens are still accepted after a refresh, 0 to 86400; 0:
    /// they are refused at once. With `refresh_rotation`, a later use of the replaced refresh token
    /// ends the session.
    pub refresh_grace_secs: u64,
    /// How a login with an unknown user name is refused: "specific", with UNKNOWN_ACCOUNT, as in
    /// Genesis authentication; "uniform", like a login with a wrong password, so that clients
    /// cannot find out which users exist.
    pub login_errors: LoginErrors,
    /// How the user gets a new password after EVENT_RESET_USER_PASSWORD, the reset by an
    /// administrator: "blank", any client that sends the user name and an empty OLD_PASSWORD can
    /// set it, once, within `reset_window_mins`, as in Genesis authentication; "one_time_password",
    /// the reply to the administrator contains a generated password; "email", a generated password
    /// is mailed to the user. "email" requires a transport other than "off" for the topic
    /// PASSWORD_RESET, by `mail.transport` or `mail.topics`.
    pub reset_mode: ResetMode,
    /// Minutes after a reset by an administrator with `reset_mode` "blank" in which the password
    /// can be set, from one millisecond to 5256000 minutes. Later, another reset is necessary.
    pub reset_window_mins: f64,
    /// Rights that only a holder may grant, and whose holders only a holder may change: "all", all
    /// rights; "administration", the administration rights; a list of codes, these rights and the
    /// administration rights. Rights that are marked as GUARDED are always among them. With
    /// "administration", a help desk without business rights can administer users who trade.
    pub guarded_rights: GuardedRightsSetting,
    /// Hours after its login after which a session ends, whatever its use; a refresh does not
    /// extend them. Up to 87600 hours (ten years), decimals allowed; 0: no limit. For users of a
    /// directory connection without `bind_dn`, the limit is at most 24 hours.
    pub max_session_hours: f64,
    /// Minutes after a login or EVENT_REAUTHENTICATE in which a session may create, replace,
    /// disable or remove second factors, from one millisecond to 5256000 minutes. In hardened mode,
    /// also in which it may take backups, grant administration rights and change the lifetimes of
    /// tokens.
    pub reauthentication_mins: f64,
    /// Hours for which a one-time password, also an initial one, can be used, up to 87600, decimals
    /// allowed; 0: no limit. Later, another reset is necessary.
    pub one_time_password_hours: f64,
    /// Whether the login ack omits the version of the gateway (PRODUCT.VERSION).
    pub hide_versions: bool,
    /// Whether the NACK MAX_ACTIVE_SESSIONS_REACHED, which lists the sessions of the user, omits
    /// the addresses of their clients.
    pub hide_hosts: bool,
    /// Seconds for which an access token of the token API is valid, 1 to 86400; use does not extend
    /// this time. Users with the right CONNECTOR_SETTINGS can override the value at run time.
    pub access_token_life_secs: u64,
    /// Seconds for which a one-time token can be verified, 1 to 3600. A GUI passes such a token to
    /// another web application, which learns from it who the user is. Users with the right
    /// CONNECTOR_SETTINGS can override the value at run time.
    pub one_time_token_secs: u64,
    /// Clients that may verify one-time tokens: "right", users with the right VERIFY_OTT; "open",
    /// all clients, without a login.
    pub one_time_token_verify_by: OneTimeTokenVerify,
    /// Whether an amend of a user or profile clears the lists that are absent from the message, as
    /// in Genesis authentication; false: they stay unchanged. The default is false also in
    /// compatible mode.
    pub absent_list_clears: bool,
    /// Cost and threads of password hashing. Changes take effect at the next start. After a change
    /// of the cost, the next login of each user replaces the stored hash.
    pub scrypt: Scrypt,
    /// The system that checks passwords: the gateway, a directory, or both.
    #[schemars(extend("x-genesis-key" = "authentication"))]
    pub authentication: Authentication,
    /// Passwords that the gateway stores.
    #[schemars(extend("x-genesis-key" = "genesisPassword"))]
    pub genesis_password: GenesisPassword,
    /// Second factors of logins.
    #[schemars(extend("x-genesis-key" = "mfa"))]
    pub mfa: MfaSettings,
    /// Notices by mail about changes of an account; absent: off.
    pub notices: Option<Notices>,
    /// Changes of the contents of the login ack. They do not change what a user may do.
    #[schemars(extend("x-genesis-key" = "loginAck"))]
    pub login_ack: LoginAckSettings,
    /// Single sign-on.
    #[schemars(extend("x-genesis-key" = "sso"))]
    pub sso: Sso,
}

/// Single sign-on, which is not built in yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sso {
    /// Must be false: with true the gateway does not start, because single sign-on is not built in
    /// yet.
    #[schemars(extend("x-genesis-key" = "enabled"))]
    pub enabled: bool,
}

/// Clients that may verify one-time tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum OneTimeTokenVerify {
    Right,
    Open,
}

/// The rights that only a holder may grant, and whose holders only a holder may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GuardedRightsSetting {
    /// A group of rights.
    Group(GuardedGroup),
    /// The administration rights, and the rights with these codes.
    Codes(Vec<String>),
}

/// A group of guarded rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum GuardedGroup {
    All,
    Administration,
}

impl Default for GuardedRightsSetting {
    fn default() -> Self {
        Self::Group(GuardedGroup::All)
    }
}

/// Maximum of a setting in hours: ten years.
const HOURS_MAX: f64 = 87_600.0;

/// Converts hours to milliseconds; `None` for 0.
fn hours_to_millis(hours: f64) -> Option<Millis> {
    (hours > 0.0).then(|| minutes_to_millis(hours * 60.0))
}

/// The treatment of a login at the session limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum SessionLimitAction {
    Refuse,
    EvictOldest,
}

/// The effect of a reset by an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum ResetMode {
    Blank,
    OneTimePassword,
    Email,
}

/// The refusal of a login with an unknown user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
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
            guarded_rights: GuardedRightsSetting::default(),
            max_session_hours: 0.0,
            reauthentication_mins: 15.0,
            one_time_password_hours: 72.0,
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
            notices: None,
            login_ack: LoginAckSettings::default(),
            sso: Sso::default(),
        }
    }
}

/// Cost and threads of password hashing (scrypt, RFC 7914).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scrypt {
    /// Base-2 logarithm of the scrypt cost N, 1 to 22. A hash takes 128 N r bytes of memory, at
    /// most 1 GiB: 16 MiB with `log_n` 14 and `r` 8.
    pub log_n: u8,
    /// Block size of scrypt, above 0.
    pub r: u32,
    /// Number of repetitions of scrypt, above 0; N r p must be at most 2^26.
    pub p: u32,
    /// Number of threads that hash passwords, 0 to 1024; 0: one less than the number of processor
    /// cores, but at least 1.
    pub threads: usize,
    /// Maximum time in milliseconds that a login waits for its hash, 1 to 86400000. A login that
    /// would wait longer is refused immediately with TOO_MANY_REQUESTS.
    pub queue_wait_max_ms: u64,
}

impl Default for Scrypt {
    fn default() -> Self {
        Self { log_n: 14, r: 8, p: 5, threads: 0, queue_wait_max_ms: 5_000 }
    }
}

impl Scrypt {
    /// Returns the cost of new hashes.
    pub fn cost(&self) -> Cost {
        Cost { log_n: self.log_n, r: self.r, p: self.p }
    }
}

impl Security {
    /// Returns the session timeout in milliseconds.
    pub fn session_timeout_ms(&self) -> Millis {
        minutes_to_millis(self.session_timeout_mins)
    }

    /// Returns the lifetime of a refresh token in milliseconds.
    pub fn refresh_token_expiration_ms(&self) -> Millis {
        minutes_to_millis(self.refresh_token_expiration_mins)
    }

    /// Returns the time after a reset in which the password can be changed, in milliseconds.
    pub fn reset_window_ms(&self) -> Millis {
        minutes_to_millis(self.reset_window_mins)
    }

    /// Returns the time after which a session ends whatever its use; `None` without limit.
    pub fn max_session_ms(&self) -> Option<Millis> {
        hours_to_millis(self.max_session_hours)
    }

    /// Returns the time in which a one-time password can be used; `None` without limit.
    pub fn one_time_password_ms(&self) -> Option<Millis> {
        hours_to_millis(self.one_time_password_hours)
    }

    /// Returns how long a login or a reauthentication counts as recent, in milliseconds.
    pub fn reauthentication_ms(&self) -> Millis {
        minutes_to_millis(self.reauthentication_mins)
    }

    /// Returns the interval between two sweeps in milliseconds.
    pub fn expiry_check_ms(&self) -> Millis {
        minutes_to_millis(self.expiry_check_mins)
    }

    fn check_durations(&self, wrong: &mut Vec<String>) {
        let retry = &self.genesis_password.retry;
        let minutes = [
            ("security.session_timeout_mins", self.session_timeout_mins),
            ("security.refresh_token_expiration_mins", self.refresh_token_expiration_mins),
            ("security.expiry_check_mins", self.expiry_check_mins),
            ("security.reset_window_mins", self.reset_window_mins),
            ("security.reauthentication_mins", self.reauthentication_mins),
            ("security.genesis_password.retry.wait_time_mins", retry.wait_time_mins),
        ];
        for (key, value) in minutes {
            // A value that is negative or not a number is converted to 0.
            if !(1..=minutes_to_millis(MINUTES_MAX)).contains(&minutes_to_millis(value)) {
                let bounds = format!("from one millisecond to {MINUTES_MAX} minutes");
                wrong.push(format!("{key} (in minutes, decimals allowed) must be {bounds}"));
            }
        }
        let hours = [
            ("security.max_session_hours", self.max_session_hours),
            ("security.one_time_password_hours", self.one_time_password_hours),
        ];
        for (key, value) in hours {
            if !(value == 0.0 || (value > 0.0 && value <= HOURS_MAX)) {
                let bounds = format!("0 or a positive number up to {HOURS_MAX}");
                wrong.push(format!("{key} (in hours, decimals allowed) must be {bounds}"));
            }
        }
    }

    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        self.check_durations(wrong);
        if self.refresh_token_expiration_mins <= self.session_timeout_mins {
            let text = "security.refresh_token_expiration_mins must be above \
                        security.session_timeout_mins";
            wrong.push(text.to_owned());
        }
        if !self.scrypt.cost().is_possible() {
            let bounds = "log_n must be 1 to 22; r and p must be above 0; the memory of a hash, \
                          128 * r * 2^log_n bytes, must be at most 1 GiB; r * p * 2^log_n must be \
                          at most 2^26";
            wrong.push(format!("security.scrypt: {bounds}"));
        }
        wrong.range("security.scrypt.threads", self.scrypt.threads, 0..=THREADS_MAX);
        let wait_ms = self.scrypt.queue_wait_max_ms;
        wrong.range("security.scrypt.queue_wait_max_ms", wait_ms, 1..=DAY_SECS * 1_000);
        let access_secs = self.access_token_life_secs;
        wrong.range("security.access_token_life_secs", access_secs, 1..=DAY_SECS);
        wrong.range("security.one_time_token_secs", self.one_time_token_secs, 1..=HOUR_SECS);
        if self.sso.enabled {
            let text = "security.sso.enabled must be false: single sign-on is not built in yet";
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
