//! `[security.mfa]`: second factors (Genesis authentication, "mfa").

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::templates;
use crate::auth::{KeyError, Keyring, TotpAlgorithm, TotpConfig};
use crate::realm::{DAY_MS, DAY_SECS};
use crate::settings::duration::Duration;
use crate::settings::range::RangeCheck;
use crate::settings::secret::Secret;

/// Second factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MfaSettings {
    /// Profiles whose users must have a secret for codes; `["*"]`: all users.
    pub required_for: Vec<String>,
    /// Wrong codes that end a login whose password was right.
    pub max_attempts: u32,
    /// Codes of an authenticator app; absent: off.
    #[schemars(extend("x-genesis-key" = "qrCode"))]
    pub qr_code: Option<QrCode>,
    /// Links by mail; absent: off.
    #[schemars(extend("x-genesis-key" = "notify"))]
    pub notify: Option<Notify>,
}

/// Codes of an authenticator app (RFC 6238).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QrCode {
    /// Seconds for which a code is shown.
    #[schemars(extend("x-genesis-key" = "codePeriodSeconds"))]
    pub code_period_seconds: u64,
    /// Periods before and after the current one whose codes are accepted, too.
    #[schemars(extend("x-genesis-key" = "codePeriodDiscrepancy"))]
    pub code_period_discrepancy: u16,
    /// Digits of a code.
    #[schemars(extend("x-genesis-key" = "codeDigits"))]
    pub code_digits: u8,
    /// "SHA1", "SHA256" or "SHA512".
    #[schemars(extend("x-genesis-key" = "hashingAlgorithm"))]
    pub hashing_algorithm: HashingAlgorithm,
    /// Who issues the codes, as the app shows it.
    #[schemars(extend("x-genesis-key" = "issuer"))]
    pub issuer: String,
    /// Text before the user name in the app.
    #[schemars(extend("x-genesis-key" = "label"))]
    pub label: String,
    /// Seconds within which a new secret must be confirmed.
    #[schemars(extend("x-genesis-key" = "confirmWaitPeriodSecs"))]
    pub confirm_wait_period_secs: u64,
    /// Key that encrypts secrets; empty: a key file beside the store, created at first use.
    #[schemars(extend("x-genesis-key" = "secretEncryptKey"))]
    pub secret_encrypt_key: Secret,
    /// Earlier keys: what they encrypted can be read; a login or `rekey` encrypts it again.
    pub old_secret_encrypt_keys: Vec<Secret>,
    /// A secret that goes into the name that a sealed secret is bound to; another one makes all
    /// secrets useless.
    #[schemars(extend("x-genesis-key" = "usernameTableLookUpSalt"))]
    pub username_table_look_up_salt: Secret,
}

/// What codes are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub enum HashingAlgorithm {
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

/// Links by mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// The page that a link opens.
    #[schemars(extend("x-genesis-key" = "loginUrl"))]
    pub login_url: String,
    /// Profiles whose users are mailed a link; `["*"]`: all users.
    pub required_for: Vec<String>,
    /// For how long the code of a link is good.
    #[schemars(extend("x-genesis-key" = "tempCodeExpiryDuration"))]
    pub temp_code_expiry_duration: Duration,
    /// For how long the code is good that a login by link gives.
    #[schemars(extend("x-genesis-key" = "activeCodeExpiryDuration"))]
    pub active_code_expiry_duration: Duration,
    /// The topic of the mails.
    #[schemars(extend("x-genesis-key" = "notifyTopic"))]
    pub notify_topic: String,
    /// The subject, a template.
    #[schemars(extend("x-genesis-key" = "messageHeader"))]
    pub message_header: String,
    /// What the mail says, a template.
    #[schemars(extend("x-genesis-key" = "messageBody"))]
    pub message_body: String,
}

impl Default for MfaSettings {
    fn default() -> Self {
        Self { required_for: Vec::new(), max_attempts: 5, qr_code: None, notify: None }
    }
}

impl Default for QrCode {
    fn default() -> Self {
        Self {
            code_period_seconds: 30,
            code_period_discrepancy: 1,
            code_digits: 6,
            hashing_algorithm: HashingAlgorithm::Sha1,
            issuer: "Genesis".to_owned(),
            label: "genesis.global".to_owned(),
            confirm_wait_period_secs: 300,
            secret_encrypt_key: Secret::default(),
            old_secret_encrypt_keys: Vec::new(),
            username_table_look_up_salt: Secret::default(),
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            login_url: "https://localhost/login".to_owned(),
            required_for: vec!["*".to_owned()],
            temp_code_expiry_duration: Duration::minutes(15),
            active_code_expiry_duration: Duration::minutes(30 * 24 * 60),
            notify_topic: "MFA".to_owned(),
            message_header: "Your login link".to_owned(),
            message_body: "{{ LOGIN_URL }} (code {{ MFA_CODE }})".to_owned(),
        }
    }
}

impl MfaSettings {
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        wrong.above_zero("security.mfa.max_attempts", self.max_attempts as usize);
        if !self.required_for.is_empty() && self.qr_code.is_none() {
            let text =
                "security.mfa.required_for needs [security.mfa.qr_code], even if it is empty";
            wrong.push(text.to_owned());
        }
        self.qr_code.iter().for_each(|it| it.check(wrong));
        self.notify.iter().for_each(|it| it.check(wrong));
    }
}

impl QrCode {
    /// What codes are made with, as the outside takes it.
    pub fn totp_config(&self) -> TotpConfig {
        TotpConfig {
            period_secs: self.code_period_seconds,
            discrepancy: self.code_period_discrepancy,
            digits: self.code_digits,
            algorithm: match self.hashing_algorithm {
                HashingAlgorithm::Sha1 => TotpAlgorithm::Sha1,
                HashingAlgorithm::Sha256 => TotpAlgorithm::Sha256,
                HashingAlgorithm::Sha512 => TotpAlgorithm::Sha512,
            },
            issuer: self.issuer.clone(),
            label: self.label.clone(),
        }
    }

    /// The keys that secrets are sealed with.
    pub fn keyring(&self, dir: Option<&Path>) -> Result<Keyring, KeyError> {
        let earlier: Vec<_> = self.old_secret_encrypt_keys.iter().map(Secret::expose).collect();
        let salt = self.username_table_look_up_salt.expose();
        Keyring::open(self.secret_encrypt_key.expose(), &earlier, salt, dir)
    }

    fn check(&self, wrong: &mut Vec<String>) {
        let bounds = [
            ("code_period_seconds", self.code_period_seconds, 1..=3_600),
            ("code_period_discrepancy", self.code_period_discrepancy.into(), 0..=20),
            ("code_digits", self.code_digits.into(), 6..=8),
            ("confirm_wait_period_secs", self.confirm_wait_period_secs, 1..=DAY_SECS),
        ];
        for (key, value, range) in bounds {
            wrong.range(format!("security.mfa.qr_code.{key}"), value, range);
        }
        for (key, text) in [("issuer", &self.issuer), ("label", &self.label)] {
            // The app's link is made of them, and a picture holds that link.
            if text.contains(':') || text.len() > 100 {
                wrong
                    .push(format!("security.mfa.qr_code.{key} has at most 100 bytes and no colon"));
            }
        }
    }
}

impl Notify {
    fn check(&self, wrong: &mut Vec<String>) {
        templates::check_url("security.mfa.notify.login_url", &self.login_url, wrong);
        let durations = [
            ("temp_code_expiry_duration", self.temp_code_expiry_duration, 1),
            ("active_code_expiry_duration", self.active_code_expiry_duration, 3_650),
        ];
        for (key, duration, days) in durations {
            if !(1..=days * DAY_MS).contains(&duration.millis()) {
                wrong.push(format!("security.mfa.notify.{key} is 1ms to {days}d"));
            }
        }
    }
}
