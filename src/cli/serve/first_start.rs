//! The first start: creates the first administrator and prints how to log in.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use protocol::{Password, UserName};

use super::announcement::{ADMIN, quoted};
use crate::cli::offline_store;
use crate::gateway::{ADMIN_PROFILE, Started};
use crate::platform::private_file;
use crate::realm::{AMEND_USER, NewUser};
use crate::settings::Settings;

/// Name of the file that gets a generated password if standard output is not a terminal. The file
/// is in the data directory.
const PASSWORD_FILE: &str = "admin-password";

/// The administrator that a first start creates.
pub(super) struct FirstAdmin {
    pub(super) user: NewUser,
    /// The generated password; `None` if TOLLGATE_ADMIN_PASSWORD sets the password.
    generated: Option<Password>,
}

/// Returns the first administrator to create; `None` if a user can amend users, whatever the status
/// of the user, or is named `admin`.
pub(super) fn first_admin(settings: &Settings, started: &Started) -> Result<Option<FirstAdmin>> {
    let name = UserName::parse(ADMIN)?;
    let needed = started
        .replica
        .read(|realm, _| !realm.has_holder(AMEND_USER) && realm.user_by_name(&name).is_none());
    if !needed {
        return Ok(None);
    }
    let configured =
        std::env::var("TOLLGATE_ADMIN_PASSWORD").ok().filter(|configured| !configured.is_empty());
    if let Some(Err(error)) = configured.as_ref().map(|configured| {
        offline_store::check_password(settings, &name, &Password::new(configured.as_str()))
    }) {
        // A warning only: a refusal would leave the new store without an administrator.
        tracing::warn!(%error, "TOLLGATE_ADMIN_PASSWORD was accepted despite the password rules");
    }
    let generated =
        configured.is_none().then(|| Password::new(crate::auth::session_token().expose()));
    let configured = configured.map(Password::new);
    let chosen =
        configured.as_ref().or(generated.as_ref()).context("no password was set or generated")?;
    let credential = Some(offline_store::hash_password(settings, chosen)?.into());
    let user = NewUser { credential, ..NewUser::named(name) };
    Ok(Some(FirstAdmin { user, generated }))
}

impl FirstAdmin {
    /// Prints a generated password (on a terminal) or writes it to a file. Returns a shell command
    /// that prints the password.
    pub(super) fn announce(&self, data_dir: &Path) -> Result<String> {
        let Some(generated) = &self.generated else {
            return Ok("echo \"$TOLLGATE_ADMIN_PASSWORD\"".to_owned());
        };
        if std::io::stdout().is_terminal() {
            println!("administrator {ADMIN} ({ADMIN_PROFILE}), password {}", generated.expose());
            println!("the password is not shown again; change it with EVENT_CHANGE_USER_PASSWORD");
            return Ok(format!("echo {}", generated.expose()));
        }
        let file = data_dir.join(PASSWORD_FILE);
        write_private(&file, generated.expose())?;
        println!("administrator {ADMIN} ({ADMIN_PROFILE}), password in {}", file.display());
        Ok(format!("cat {}", quoted(&file)))
    }
}

/// Writes a line to a new file with mode 0600.
fn write_private(file: &Path, line: &str) -> Result<()> {
    // An old file is removed, not overwritten, because other users may be able to read it.
    let _ = std::fs::remove_file(file);
    let written = private_file::create(file).and_then(|mut file| writeln!(file, "{line}"));
    written.with_context(|| format!("cannot write {}", file.display()))
}
