//! Codes of a real authenticator (oathtool), and what stands in mails.

use std::process::Command;

/// A mail without its transfer encoding.
pub fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// The value of a parameter of the link in a mail.
pub fn parameter(mail: &str, name: &str) -> String {
    let found = mail.split(['?', '&']).find_map(|it| it.strip_prefix(&format!("{name}=")));
    let value = found.unwrap_or_else(|| panic!("no {name} in {mail}"));
    value.chars().take_while(|c| c.is_ascii_alphanumeric() || "._@-".contains(*c)).collect()
}

/// A code as a real authenticator shows it.
pub fn totp(secret: &str, seconds: i64) -> String {
    let now = format!("now {seconds:+} seconds");
    let words = ["--totp", "--base32", "--now", &now, secret];
    let done = Command::new("oathtool").args(words).output().expect("tests/run installs oathtool");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
