//! The section `[security.genesis_password]` (Genesis authentication, "genesisPassword").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::password_strength::PasswordStrength;
use super::self_service_reset::SelfServiceReset;
use crate::realm::Millis;
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;
use crate::settings::secret::Secret;

/// Passwords that the gateway stores.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GenesisPassword {
    /// Pepper and rules of passwords.
    #[schemars(extend("x-genesis-key" = "validation"))]
    pub validation: Validation,
    /// Locks after wrong passwords.
    #[schemars(extend("x-genesis-key" = "retry"))]
    pub retry: Retry,
    /// Self-service reset: users who forgot their password request a mail with a link that sets a
    /// new one. Absent: off. The transport of these mails, in `mail.transport` or for their topic
    /// in `mail.topics`, must not be "off".
    #[schemars(extend("x-genesis-key" = "selfServiceReset"))]
    pub self_service_reset: Option<SelfServiceReset>,
}

/// Pepper and rules of passwords.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// Pepper: a secret that is mixed into every password hash that tollgate makes; empty: no
    /// pepper. Hashes that were imported from another system have none. After a change, no password
    /// matches a hash that tollgate made: set the pepper before the first user exists. A change
    /// takes effect at the next start.
    #[schemars(extend("x-genesis-key" = "passwordSalt"))]
    pub password_salt: Secret,
    /// Whether ILLEGAL_MATCH replaces each rule violation code that the document "Genesis
    /// authentication" does not list, for clients that support only the listed codes.
    pub legacy_codes_only: bool,
    /// Password rules, which a new password must satisfy. A rule with a number is off if the number
    /// is not set or 0.
    #[schemars(extend("x-genesis-key" = "passwordStrength"))]
    pub password_strength: PasswordStrength,
}

/// Locks after wrong passwords (Genesis authentication, "retry").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Number of wrong passwords, above 0, after which logins are locked. A successful login resets
    /// the count; with `scope` "user_and_address", only the count of its own address or network.
    #[schemars(extend("x-genesis-key" = "maxAttempts"))]
    pub max_attempts: u32,
    /// Minutes for which logins stay locked, from one millisecond to 5256000 minutes; decimals are
    /// allowed.
    #[schemars(extend("x-genesis-key" = "waitTimeMins"))]
    pub wait_time_mins: f64,
    /// What is locked: "user", the user for all addresses, as in Genesis authentication;
    /// "user_and_address", the user only for the address (IPv4) or /64 network (IPv6) that sent the
    /// wrong passwords. "user_and_address" has a second limit: 100 wrong passwords in a day (UTC),
    /// counted over all addresses, make the user wait for `wait_time_mins`, and each further one
    /// twice as long, up to 60 minutes. Addresses and networks where the user logged in within 30
    /// days are exempt from this wait.
    pub scope: LockScopeSetting,
}

/// The scope of a lock after wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum LockScopeSetting {
    User,
    UserAndAddress,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, wait_time_mins: 5.0, scope: LockScopeSetting::User }
    }
}

impl Retry {
    /// Returns the duration of a lock in milliseconds.
    pub fn wait_time_ms(&self) -> Millis {
        minutes_to_millis(self.wait_time_mins)
    }
}

impl GenesisPassword {
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let attempts = self.retry.max_attempts as usize;
        wrong.above_zero("security.genesis_password.retry.max_attempts", attempts);
        self.validation.password_strength.check(wrong);
        self.self_service_reset.iter().for_each(|it| it.check(wrong));
    }
}
