//! `[security.genesis_password]`: users whose passwords are kept here (Genesis
//! authentication, "genesisPassword").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::password_strength::PasswordStrength;
use super::self_service_reset::SelfServiceReset;
use crate::realm::Millis;
use crate::settings::duration::minutes_to_millis;
use crate::settings::range::RangeCheck;
use crate::settings::secret::Secret;
/// Users whose passwords are kept here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GenesisPassword {
    /// What passwords must be like.
    #[schemars(extend("x-genesis-key" = "validation"))]
    pub validation: Validation,
    /// What happens after wrong passwords.
    #[schemars(extend("x-genesis-key" = "retry"))]
    pub retry: Retry,
    /// Resets that users ask for themselves, by mail; absent: off.
    #[schemars(extend("x-genesis-key" = "selfServiceReset"))]
    pub self_service_reset: Option<SelfServiceReset>,
}

/// What passwords must be like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// Pepper: a secret of this system that is part of every hash; empty: none.
    #[schemars(extend("x-genesis-key" = "passwordSalt"))]
    pub password_salt: Secret,
    /// Whether codes that Genesis authentication does not list are sent as ILLEGAL_MATCH.
    pub legacy_codes_only: bool,
    /// The rules.
    #[schemars(extend("x-genesis-key" = "passwordStrength"))]
    pub password_strength: PasswordStrength,
}

/// What happens after wrong passwords (Genesis authentication, "retry").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Wrong passwords that lock the account.
    #[schemars(extend("x-genesis-key" = "maxAttempts"))]
    pub max_attempts: u32,
    /// Minutes for which it stays locked; decimals allowed.
    #[schemars(extend("x-genesis-key" = "waitTimeMins"))]
    pub wait_time_mins: f64,
    /// What is locked: "user", from every address, as in Genesis authentication, or
    /// "user_and_address", only from where the wrong passwords came, so that an attacker elsewhere
    /// cannot lock the owner out.
    pub scope: LockScopeSetting,
}

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
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
    /// The lock in milliseconds.
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
