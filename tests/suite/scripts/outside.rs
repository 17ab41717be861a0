//! What scripts ask of the world: codes of an authenticator (oathtool), and what stands in mails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The world as one script sees it.
#[derive(Default)]
pub struct Outside {
    /// Mails that were read.
    read: BTreeSet<PathBuf>,
}

/// How long a mail may take.
const MAIL: Duration = Duration::from_secs(20);

impl Outside {
    /// `totp SECRET [SECONDS]`: the code of a secret, so many seconds from now; `mail NAME`: the
    /// value of a parameter of the link in the next mail.
    pub async fn ask(&mut self, outbox: &Path, words: &[String]) -> String {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["totp", secret] => totp(secret, 0),
            ["totp", secret, seconds] => totp(secret, seconds.parse().unwrap()),
            ["mail", name] => {
                let mail = tokio::time::timeout(MAIL, self.mail(outbox)).await;
                parameter(&mail.expect("no mail came"), name)
            }
            _ => panic!("nobody knows {words:?}"),
        }
    }

    async fn mail(&mut self, outbox: &Path) -> String {
        loop {
            let files = std::fs::read_dir(outbox).into_iter().flatten();
            let files = files.filter_map(|file| Some(file.ok()?.path()));
            let mut new = files.filter(|it| it.extension().is_some_and(|it| it == "eml"));
            if let Some(path) = new.find(|path| !self.read.contains(path)) {
                let mail = plain(&std::fs::read_to_string(&path).unwrap());
                // The transport writes it in one go; a link ends with its user.
                if mail.contains("USER_NAME") || mail.contains("user=") {
                    self.read.insert(path);
                    return mail;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

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
