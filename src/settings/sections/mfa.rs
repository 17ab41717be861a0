//! The section `[security.mfa]`: second factors (Genesis authentication, "mfa").

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::templates;
use crate::auth::{KeyError, Keyring, TotpAlgorithm, TotpConfig};
use crate::realm::{DAY_MS, DAY_SECS};
use crate::settings::duration::Duration;
use crate::settings::range::RangeCheck;
use crate::settings::secret::Secret;

/// Second factors of logins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MfaSettings {
    /// Names of profiles whose users must enrol an authenticator app at their next login; `["*"]`:
    /// all users; empty: no users. Users who must log in with a mailed link (`notify.required_for`)
    /// are excepted. Requires `qr_code`.
    pub required_for: Vec<String>,
    /// Number of wrong codes, above 0, after which a login that waits for its code is discarded:
    /// the client must send the password again. The same number of wrong codes discards a new
    /// secret that is being confirmed.
    pub max_attempts: u32,
    /// Codes of an authenticator app; absent: off. A change between on and off takes effect at the
    /// next start.
    #[schemars(extend("x-genesis-key" = "qrCode"))]
    pub qr_code: Option<QrCode>,
    /// Login links by mail; absent: off. The transport of these mails, in `mail.transport` or for
    /// their topic in `mail.topics`, must not be "off".
    #[schemars(extend("x-genesis-key" = "notify"))]
    pub notify: Option<Notify>,
}

/// Codes of an authenticator app (RFC 6238).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QrCode {
    /// Seconds for which the app displays a code, 1 to 3600.
    #[schemars(extend("x-genesis-key" = "codePeriodSeconds"))]
    pub code_period_seconds: u64,
    /// Number of periods before and after the current one whose codes are also accepted, 0 to 20;
    /// 0: only codes of the current period.
    #[schemars(extend("x-genesis-key" = "codePeriodDiscrepancy"))]
    pub code_period_discrepancy: u16,
    /// Number of digits of a code, 6 to 8.
    #[schemars(extend("x-genesis-key" = "codeDigits"))]
    pub code_digits: u8,
    /// Hash function of codes: "SHA1", "SHA256" or "SHA512". Many apps support only "SHA1".
    #[schemars(extend("x-genesis-key" = "hashingAlgorithm"))]
    pub hashing_algorithm: HashingAlgorithm,
    /// Issuer of the codes as the app displays it; at most 100 bytes, without a colon.
    #[schemars(extend("x-genesis-key" = "issuer"))]
    pub issuer: String,
    /// Text before the user name in the app; at most 100 bytes, without a colon. Empty: only the
    /// user name.
    #[schemars(extend("x-genesis-key" = "label"))]
    pub label: String,
    /// Seconds in which a new secret must be confirmed by a code, 1 to 86400.
    #[schemars(extend("x-genesis-key" = "confirmWaitPeriodSecs"))]
    pub confirm_wait_period_secs: u64,
    /// Key that encrypts the secrets of authenticator apps, a long random text; empty: the key in
    /// the file `mfa.key` in the directory of the store, which the next start creates if it is
    /// missing. If this key is set, an existing `mfa.key` can still decrypt older secrets. A change
    /// takes effect at the next start.
    #[schemars(extend("x-genesis-key" = "secretEncryptKey"))]
    pub secret_encrypt_key: Secret,
    /// Earlier values of `secret_encrypt_key`, which can still decrypt older secrets; empty: no
    /// earlier keys. The next login of a user with a code of the app, or `tollgate rekey`, encrypts
    /// the secret with the current key. A change takes effect at the next start.
    pub old_secret_encrypt_keys: Vec<Secret>,
    /// Key of the hash that binds each encrypted secret to the name of its user; empty: no key.
    /// After a change, no stored secret can be decrypted. A change takes effect at the next start.
    #[schemars(extend("x-genesis-key" = "usernameTableLookUpSalt"))]
    pub username_table_look_up_salt: Secret,
}

/// The hash function of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum HashingAlgorithm {
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

/// Login links by mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// URL of the page that a link opens: http or https, without a fragment. The mailed link is
    /// this URL with the query parameters `MFA_CODE` and `USER_NAME`.
    #[schemars(extend("x-genesis-key" = "loginUrl"))]
    pub login_url: String,
    /// Names of profiles whose users must log in with a mailed link; `["*"]`: all users; empty: no
    /// users. With `["*"]`, `security.mfa.required_for` has no effect, because users of mailed
    /// links need not enrol. Users with an authenticator app are excepted. Users of these profiles
    /// who have neither an app nor an EMAIL_ADDRESS cannot log in.
    pub required_for: Vec<String>,
    /// Time for which the code of a link is valid, 1ms to 1d: a whole number with the unit ms, s, m
    /// (minutes), h or d, such as "15m".
    #[schemars(extend("x-genesis-key" = "tempCodeExpiryDuration"))]
    pub temp_code_expiry_duration: Duration,
    /// Time for which an active code is valid, 1ms to 3650d, such as "30d", with the units of
    /// `temp_code_expiry_duration`. A login with a link issues an active code; with this code, the
    /// client can log in again without a link.
    #[schemars(extend("x-genesis-key" = "activeCodeExpiryDuration"))]
    pub active_code_expiry_duration: Duration,
    /// Topic of the mails, for `mail.topics`.
    #[schemars(extend("x-genesis-key" = "notifyTopic"))]
    pub notify_topic: String,
    /// Subject of the mails. A template with the variables LOGIN_URL (the link), MFA_CODE, TIMEOUT
    /// (the validity of the code, such as "15 minutes"), USER (its fields are in camel case: `{{
    /// USER.firstName }}`) and those of `templates.variables`.
    #[schemars(extend("x-genesis-key" = "messageHeader"))]
    pub message_header: String,
    /// Text of the mails. A template with the same variables as `message_header`.
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
            let text = "security.mfa.required_for requires the section [security.mfa.qr_code]; \
                        the section may be empty";
            wrong.push(text.to_owned());
        }
        self.qr_code.iter().for_each(|it| it.check(wrong));
        self.notify.iter().for_each(|it| it.check(wrong));
    }
}

impl QrCode {
    /// Returns the parameters of codes.
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

    /// Opens the key ring that encrypts secrets. `dir` is the directory of the key file; `None` if
    /// no key file is used.
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
            // Both are part of the link in a QR code, and the size of a QR code is limited.
            if text.contains(':') || text.len() > 100 {
                let error = "must have at most 100 bytes and no colon";
                wrong.push(format!("security.mfa.qr_code.{key} {error}"));
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
                wrong.push(format!("security.mfa.notify.{key} must be 1ms to {days}d"));
            }
        }
    }
}
