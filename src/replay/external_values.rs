//! External values of scripts (`= name: …`): TOTP codes, and parameters of links in mails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auth::totp;

/// Interval between two checks for a new mail.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The external values of one client.
#[derive(Default)]
pub(super) struct ExternalValues {
    /// Mails that this client has read.
    read_mails: BTreeSet<PathBuf>,
}

impl ExternalValues {
    /// Returns the value that `arguments` describe:
    ///
    /// * `totp SECRET [SECONDS]`: the code of a secret, SECONDS from now.
    /// * `mail PARAMETER`: a parameter of the link in a mail that this client has not read yet.
    ///   Waits until `mail_folder` contains such a mail.
    pub async fn resolve(
        &mut self,
        mail_folder: Option<&Path>,
        arguments: &[String],
    ) -> Result<String, String> {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        match (&arguments[..], mail_folder) {
            (["totp", secret], _) => code(secret, 0),
            (["totp", secret, seconds], _) => {
                let seconds = seconds.parse().map_err(|_| "SECONDS must be a whole number")?;
                code(secret, seconds)
            }
            (["mail", name], Some(mail_folder)) => {
                let mail = self.mail(mail_folder).await;
                let none = || format!("the mail has no link with the parameter {name}");
                parameter(&mail, name).ok_or_else(none)
            }
            (["mail", _], None) => Err("reading a mail requires --outbox".to_owned()),
            _ => Err("unknown value: use totp SECRET [SECONDS] or mail PARAMETER".to_owned()),
        }
    }

    async fn mail(&mut self, mail_folder: &Path) -> String {
        loop {
            let files = std::fs::read_dir(mail_folder).into_iter().flatten();
            let files = files.filter_map(|file| Some(file.ok()?.path()));
            let mut new = files.filter(|it| it.extension().is_some_and(|it| it == "eml"));
            if let Some(path) = new.find(|path| !self.read_mails.contains(path)) {
                let mail = decode_mail(&std::fs::read_to_string(&path).unwrap_or_default());
                // The user is the last parameter of a link. A file without this parameter is still
                // being written.
                if mail.contains("USER_NAME") || mail.contains("user=") {
                    self.read_mails.insert(path);
                    return mail;
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn code(secret: &str, seconds: i64) -> Result<String, String> {
    totp::code_at(secret, seconds).ok_or_else(|| "the secret must be base32".to_owned())
}

/// Decodes the quoted-printable text of a mail, as far as links need it.
fn decode_mail(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// Returns the decoded value of a parameter of the link in a mail.
fn parameter(mail: &str, name: &str) -> Option<String> {
    let value = mail.split(['?', '&']).find_map(|it| it.strip_prefix(&format!("{name}=")))?;
    let is_end = |c: char| !c.is_ascii_alphanumeric() && !"._@-%".contains(c);
    let encoded = value.split(is_end).next()?;
    form_urlencoded::parse(encoded.as_bytes()).next().map(|(decoded, _)| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_mails_are_read() {
        let mail = decode_mail("go to https://desk/login?token=3DAb=\r\nC1&USER_NAME=3Djane\r\n");
        assert_eq!(parameter(&mail, "token").as_deref(), Some("AbC1"));
        assert_eq!(parameter(&mail, "USER_NAME").as_deref(), Some("jane"));
        assert_eq!(parameter(&mail, "code"), None);
        for user in ["jane%40desk", "jane@desk"] {
            let link = format!("https://desk/reset?token=T&user={user} within 10 minutes");
            assert_eq!(parameter(&link, "user").as_deref(), Some("jane@desk"));
        }
    }
}
