//! TOTP codes from oathtool, an authenticator independent of the gateway.

use std::process::Command;

/// The TOTP code of a secret at the current time plus `seconds`.
pub fn totp(secret: &str, seconds: i64) -> String {
    let now = format!("now {seconds:+} seconds");
    oathtool(&["--totp", "--base32", "--now", &now, secret])
}

/// Runs oathtool and returns its output.
pub fn oathtool(words: &[&str]) -> String {
    let done = Command::new("oathtool")
        .args(words)
        .output()
        .expect("oathtool cannot be run: tests/run installs it");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
