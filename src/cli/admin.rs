//! `admin recover`: gives a user all administration rights again, in a stopped store.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use protocol::{Password, UserName};

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::gateway::{ADMIN_PROFILE, startup};
use crate::realm::{Command, RecoverAdministrator, RequiredFactor};
use crate::settings::{AuthType, Settings};

/// Sub-commands of `admin`.
#[derive(Subcommand)]
pub(super) enum AdminCommand {
    /// Give a user all administration rights again, with a one-time password, while the gateway is
    /// stopped
    ///
    /// The profile USER_ADMIN is created or enabled and gets all administration rights. The user is
    /// created or enabled, becomes a local user and is added to this profile. The user's sessions
    /// and lock end. The one-time password is printed; it must be changed at the first login.
    Recover(RecoverArgs),
}

#[derive(Args)]
pub(super) struct RecoverArgs {
    /// Name of the user
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Keep the second factor of the user; by default it is removed
    #[arg(long)]
    keep_factor: bool,
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

impl AdminCommand {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Recover(recover) => recover.run(),
        }
    }
}

impl RecoverArgs {
    fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let user_name = UserName::parse(&self.user)
            .with_context(|| format!("{:?} is not a valid user name", self.user))?;
        let generated = Password::new(crate::auth::one_time_password());
        let recovery = RecoverAdministrator {
            user_name: user_name.clone(),
            profile: startup::admin_profile(),
            rights: startup::administration_rights(),
            credential: offline_store::hash_password(&settings, &generated)?.into(),
            keep_factor: self.keep_factor,
        };
        let factor =
            offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
                started.prepare(&settings, None).await?;
                offline_store::submit(started, Command::RecoverAdministrator(recovery)).await?;
                Ok(started.replica.read(|realm, _| {
                    realm.user_by_name(&user_name).and_then(|user| realm.required_factor(user))
                }))
            })?;
        println!(
            "{} is in {ADMIN_PROFILE} with all administration rights, one-time password {}",
            self.user,
            generated.expose()
        );
        obstacles(&settings, &user_name, factor).iter().for_each(|it| println!("note: {it}"));
        Ok(())
    }
}

/// Returns what the user needs for a login besides the one-time password.
fn obstacles(settings: &Settings, name: &UserName, factor: Option<RequiredFactor>) -> Vec<String> {
    let authentication = &settings.security.authentication;
    let is_listed = authentication.internal_users.iter().any(|it| name.is(it));
    let mut found = Vec::new();
    if authentication.kind != AuthType::Internal && !is_listed {
        found.push(format!(
            "security.authentication.internal_users does not list {name}: with type {}, a local \
             password alone does not log in; add the name before the start",
            authentication.kind.wire_name()
        ));
    }
    match factor {
        Some(RequiredFactor::Totp) => {
            found.push("the login requires a code of the second factor that was kept".to_owned());
        }
        Some(RequiredFactor::Enrol) => found.push(
            "security.mfa.required_for demands a second factor: the login requires its enrolment"
                .to_owned(),
        ),
        Some(RequiredFactor::Link) => found.push(
            "security.mfa.notify.required_for demands a mailed link: the user needs an \
             EMAIL_ADDRESS"
                .to_owned(),
        ),
        None => {}
    }
    found
}
