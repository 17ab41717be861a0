//! Codes of authenticator apps (TOTP, RFC 6238): secrets, QR codes and the check.

use totp_rs::{Algorithm, Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::qr_code::{QrCodeError, qr_code_data_uri};
use crate::platform::{Clock, random};

/// The parameters of TOTP codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpConfig {
    /// Seconds for which an app shows one code.
    pub period_secs: u64,
    /// Number of periods before and after the current period whose codes are also accepted.
    pub discrepancy: u16,
    /// Digits of a code: 6 to 8.
    pub digits: u8,
    /// The hash function.
    pub algorithm: TotpAlgorithm,
    /// The issuer that apps show. If empty, apps show no issuer.
    pub issuer: String,
    /// Text before the user name in the account name that apps show. If empty, apps show only the
    /// user name.
    pub label: String,
}

/// The hash function of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum TotpAlgorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// A new secret in the forms that are shown to its user once.
pub struct ProvisioningInfo {
    /// The secret in base32.
    pub secret: String,
    /// The secret as an `otpauth` URI for authenticator apps.
    pub uri: String,
    /// A QR code of `uri`, as a data URI with a PNG.
    pub qr_code: String,
}

impl TotpConfig {
    /// Generates a secret as long as the output of the hash function (RFC 4226, R6; RFC 6238, 5.1).
    pub fn generate_secret(&self) -> Zeroizing<Vec<u8>> {
        let random = Zeroizing::new(random::random_bytes::<64>());
        let length = match self.algorithm {
            TotpAlgorithm::Sha1 => 20,
            TotpAlgorithm::Sha256 => 32,
            TotpAlgorithm::Sha512 => 64,
        };
        Zeroizing::new(random[..length].to_vec())
    }

    /// Returns the start of the period of this code, in seconds since the epoch; `None` if the code
    /// is wrong.
    pub fn check(&self, secret: &[u8], code: &str, now_secs: u64) -> Option<u64> {
        let codes = self.totp(secret, String::new());
        let step = codes.check(code, now_secs)?;
        Some(step.saturating_mul(self.period_secs.max(1)))
    }

    /// Whether a text has the format of a code.
    pub fn is_code(&self, text: &str) -> bool {
        text.len() == usize::from(self.digits) && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Returns a secret in the forms that are shown to its user.
    pub fn provisioning(&self, secret: &[u8], user: &str) -> Result<ProvisioningInfo, QrCodeError> {
        let account = match self.label.as_str() {
            "" => user.to_owned(),
            label => format!("{label} ({user})"),
        };
        let codes = self.totp(secret, account);
        let failed = |error: totp_rs::TotpError| QrCodeError(error.to_string());
        let uri = codes.to_url().map_err(failed)?;
        let qr_code = qr_code_data_uri(&uri)?;
        Ok(ProvisioningInfo { secret: codes.secret().to_base32(), uri, qr_code })
    }

    fn totp(&self, secret: &[u8], account: String) -> Totp {
        // The checks of the settings keep digits and period in the supported range.
        Builder::new()
            .with_algorithm(match self.algorithm {
                TotpAlgorithm::Sha1 => Algorithm::SHA1,
                TotpAlgorithm::Sha256 => Algorithm::SHA256,
                TotpAlgorithm::Sha512 => Algorithm::SHA512,
            })
            .with_digits(self.digits.clamp(6, 8))
            .with_step_duration(self.period_secs.max(1))
            .with_skew(self.discrepancy)
            .with_secret(Secret::new(secret.into()))
            .with_account_name(account)
            .with_issuer((!self.issuer.is_empty()).then(|| self.issuer.clone()))
            .build_noncompliant()
    }
}

/// Returns the code that an app with the usual parameters (SHA-1, 6 digits, 30 s) shows `seconds`
/// from now for a secret in base32; `None` if the secret is not valid base32.
pub fn code_at(secret: &str, seconds: i64) -> Option<String> {
    let secret = totp_rs::Secret::try_from_base32(secret).ok()?;
    let now = (Clock::system().now() / 1_000).saturating_add_signed(seconds);
    let codes = Builder::new().with_secret(secret).with_digits(6).with_skew(0);
    Some(codes.build_noncompliant().generate(now).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(hash: TotpAlgorithm, digits: u8, discrepancy: u16) -> TotpConfig {
        let [issuer, label] = ["Genesis", "genesis.global"].map(str::to_owned);
        TotpConfig { period_secs: 30, discrepancy, digits, algorithm: hash, issuer, label }
    }

    /// RFC 6238, appendix B.
    #[test]
    fn the_vectors_of_the_rfc_match() {
        let seed = |length: usize| b"1234567890".iter().copied().cycle().take(length).collect();
        let table: [(u64, [&str; 3]); 6] = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        let hashes =
            [(TotpAlgorithm::Sha1, 20), (TotpAlgorithm::Sha256, 32), (TotpAlgorithm::Sha512, 64)];
        for (at, row) in table {
            for ((hash, length), code) in hashes.into_iter().zip(row) {
                let secret: Vec<u8> = seed(length);
                let codes = codes(hash, 8, 0);
                assert_eq!(codes.check(&secret, code, at), Some(at / 30 * 30), "{hash:?} {at}");
                assert_eq!(codes.check(&secret, code, at + 30), None);
            }
        }
    }

    #[test]
    fn the_window_is_as_wide_as_configured() {
        let secret = b"12345678901234567890";
        for (late, wide) in [(0, 0), (30, 1), (60, 2), (90, 3)] {
            for discrepancy in 0..=3 {
                let matched =
                    codes(TotpAlgorithm::Sha1, 8, discrepancy).check(secret, "94287082", 59 + late);
                assert_eq!(matched.is_some(), discrepancy >= wide, "{late} {discrepancy}");
            }
        }
    }
}
