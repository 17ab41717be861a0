//! The first start: the administrator that it makes, and what it tells whoever started it.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use protocol::{Password, UserName};

use crate::cli::offline_store;
use crate::gateway::{ADMIN_PROFILE, Started};
use crate::realm::NewUser;
use crate::settings::Settings;
/// The name of the first administrator.
const ADMIN: &str = "admin";
/// Where a generated password goes when nobody watches the start.
const PASSWORD_FILE: &str = "admin-password";

/// The administrator that a first start makes, with the password if nobody chose it.
pub(super) struct FirstAdmin {
    pub(super) user: NewUser,
    generated: Option<Password>,
}

pub(super) fn first_admin(settings: &Settings, started: &Started) -> Result<Option<FirstAdmin>> {
    let name = UserName::parse(ADMIN)?;
    let needed = started
        .replica
        .read(|realm, _| !realm.has_administrator() && realm.user_by_name(&name).is_none());
    if !needed {
        return Ok(None);
    }
    let configured =
        std::env::var("TOLLGATE_ADMIN_PASSWORD").ok().filter(|configured| !configured.is_empty());
    if let Some(Err(broken)) = configured.as_ref().map(|configured| {
        offline_store::check_password(settings, &name, &Password::new(configured.as_str()))
    }) {
        // The operator chose it for a gateway that is not there yet: he is told, not locked out.
        tracing::warn!(%broken, "TOLLGATE_ADMIN_PASSWORD");
    }
    let generated =
        configured.is_none().then(|| Password::new(crate::auth::session_token().expose()));
    let configured = configured.map(Password::new);
    let chosen = configured.as_ref().or(generated.as_ref()).context("no password")?;
    let credential = Some(offline_store::hash_password(settings, chosen)?.into());
    let user = NewUser { credential, ..NewUser::named(name) };
    Ok(Some(FirstAdmin { user, generated }))
}

impl FirstAdmin {
    /// Tells the password to whoever started the gateway, and gives the command that says it again.
    pub(super) fn announce(&self, data_dir: &Path) -> Result<String> {
        let Some(generated) = &self.generated else {
            return Ok("echo \"$TOLLGATE_ADMIN_PASSWORD\"".to_owned());
        };
        if std::io::stdout().is_terminal() {
            println!("the user {ADMIN} of {ADMIN_PROFILE} has the password {}", generated.expose());
            println!("it is shown this once; EVENT_CHANGE_USER_PASSWORD changes it");
            return Ok(format!("echo {}", generated.expose()));
        }
        let file = data_dir.join(PASSWORD_FILE);
        write_private(&file, generated.expose())?;
        println!("the password of the user {ADMIN} is in {}", file.display());
        Ok(format!("cat {}", quoted(&file)))
    }
}

/// Tells whoever started the gateway where it is, and one command that logs in.
pub(super) fn announce(
    address: SocketAddr,
    tls: bool,
    data_dir: &Path,
    password: Option<String>,
) -> Result<()> {
    let password = password.unwrap_or_else(|| "echo YOUR-PASSWORD".to_owned());
    let program = std::env::current_exe().unwrap_or_else(|_| "tollgate".into());
    let mut out = std::io::stdout().lock();
    let data = data_dir.display();
    let scheme = if tls { "wss" } else { "ws" };
    let written =
        writeln!(out, "tollgate listens on {scheme}://{address}/ and keeps its data in {data}")
            .and_then(|()| {
                let program = quoted(&program);
                writeln!(
                    out,
                    "log in:  {password} | {program} send --to {scheme}://{address} --login {ADMIN}"
                )
            })
            .and_then(|()| out.flush());
    // Nobody has to read it: the log says where the gateway listens, too.
    written.or_else(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error.into()),
    })
}

/// A path as a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Writes a line into a file that only its owner reads.
fn write_private(file: &Path, line: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    // An old file may be readable by others.
    let _ = std::fs::remove_file(file);
    let written = options.open(file).and_then(|mut file| writeln!(file, "{line}"));
    written.with_context(|| format!("{} cannot be written", file.display()))
}
