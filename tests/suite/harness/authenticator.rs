//! A real authenticator: oathtool.

use std::process::Command;

/// A code as a real authenticator shows it, some seconds from now.
pub fn totp(secret: &str, seconds: i64) -> String {
    let now = format!("now {seconds:+} seconds");
    oathtool(&["--totp", "--base32", "--now", &now, secret])
}

/// What oathtool prints.
pub fn oathtool(words: &[&str]) -> String {
    let done = Command::new("oathtool").args(words).output().expect("tests/run installs oathtool");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
