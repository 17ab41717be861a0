//! `user`: adds and lists users and sets passwords in a stopped store.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use protocol::{Password, ProfileName, UserName};

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::realm::{Command, NewUser, SetCredential};

/// Sub-commands of `user`.
#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; create the store if it is missing
    Add(AddUserArgs),
    /// Set a user's password and end the user's sessions
    Passwd(PasswdArgs),
    /// Record the configured password_salt as that of this store, so that the gateway no longer
    /// reports a change
    ///
    /// Passwords that were hashed with the previous password_salt never match and must be reset.
    #[command(name = "accept-salt")]
    AcceptPepper(StoreArgs),
    /// List users: name, status and profiles, separated by tabs; profiles are separated by commas
    List(StoreArgs),
}

#[derive(Args)]
pub(super) struct StoreArgs {
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Args)]
pub(super) struct AddUserArgs {
    /// Name of the new user
    name: String,
    /// Profile of the user; may be repeated
    #[arg(long, value_name = "PROFILE")]
    profile: Vec<String>,
    /// Read the password from the first line of standard input (default: prompt on a terminal;
    /// without a terminal, or if nothing is entered, generate and print a password)
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Args)]
pub(super) struct PasswdArgs {
    /// Name of the user
    name: String,
    /// Read the password from the first line of standard input (default: prompt on a terminal)
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    store: StoreArgs,
}

impl UserCommand {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Add(add) => add.run(),
            Self::Passwd(passwd) => passwd.run(),
            Self::AcceptPepper(store) => store.accept_pepper(),
            Self::List(store) => store.list(),
        }
    }
}

impl AddUserArgs {
    fn run(self) -> Result<()> {
        let settings = self.store.config.load()?;
        settings.validate()?;
        let name = parse_user_name(&self.name)?;
        let parse_profile = |name: &String| {
            let parsed = ProfileName::parse(name);
            parsed.with_context(|| format!("{name:?} is not a valid profile name"))
        };
        let profiles = self.profile.iter().map(parse_profile);
        let profiles = profiles.collect::<Result<Vec<_>, _>>()?;
        let input = password(self.password_stdin, "password (empty to generate one): ")?;
        input
            .as_ref()
            .map(|input| offline_store::check_password(&settings, &name, input))
            .transpose()?;
        let generated =
            input.is_none().then(|| Password::new(crate::auth::session_token().expose()));
        let chosen =
            input.as_ref().or(generated.as_ref()).context("no password was given or generated")?;
        let credential = Some(offline_store::hash_password(&settings, chosen)?.into());
        let new = NewUser { credential, profiles, ..NewUser::named(name) };
        offline_store::with_store(&settings, &self.store.data_dir, async |started| {
            offline_store::submit(started, Command::AddUsers(vec![new])).await
        })?;
        match generated {
            Some(generated) => {
                println!("added {}, password {}", self.name, generated.expose());
            }
            None => println!("added {}", self.name),
        }
        Ok(())
    }
}

impl PasswdArgs {
    fn run(self) -> Result<()> {
        let settings = self.store.config.load()?;
        settings.validate()?;
        let user_name = parse_user_name(&self.name)?;
        let Some(password) = password(self.password_stdin, "new password: ")? else {
            bail!("no password: pipe it with --password-stdin, or enter it on a terminal");
        };
        offline_store::check_password(&settings, &user_name, &password)?;
        let credential = offline_store::hash_password(&settings, &password)?.into();
        let set = SetCredential { user_name, credential };
        offline_store::with_existing_store(&settings, &self.store.data_dir, async |started| {
            offline_store::submit(started, Command::SetCredential(set)).await
        })?;
        println!("password of {} set, sessions ended", self.name);
        Ok(())
    }
}

impl StoreArgs {
    fn accept_pepper(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
            Ok(started.accept_pepper(&settings).await?)
        })?;
        println!("the configured password_salt was accepted");
        Ok(())
    }

    fn list(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
            let lines = started.replica.read(|realm, _| {
                let line = |user: &crate::realm::User| {
                    let name = |no| Some(protocol::escape_hidden(realm.profile(no)?.name.as_str()));
                    let profiles: Vec<_> = realm.profiles_of(user.no).filter_map(name).collect();
                    format!("{}\t{}\t{}", user.name, user.status.word(), profiles.join(","))
                };
                realm.users_after(None).map(line).collect::<Vec<_>>()
            });
            let mut out = std::io::stdout().lock();
            for line in lines {
                // The reader closed the pipe, as `head` does.
                if writeln!(out, "{line}").is_err() {
                    break;
                }
            }
            Ok(())
        })
    }
}

fn parse_user_name(name: &str) -> Result<UserName> {
    UserName::parse(name).with_context(|| format!("{name:?} is not a valid user name"))
}

/// Reads the password from standard input, or twice from a terminal. `None` means that a password
/// is to be generated (`add`) or is missing (`passwd`).
fn password(from_stdin: bool, prompt: &str) -> Result<Option<Password>> {
    if from_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            bail!("the password on standard input is empty");
        }
        return Ok(Some(Password::new(password)));
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    let first = typed(prompt)?;
    if first.expose().is_empty() {
        return Ok(None);
    }
    let second = typed("repeat the password: ")?;
    if first.expose() != second.expose() {
        bail!("the two passwords differ");
    }
    Ok(Some(first))
}

/// Reads a line from the terminal without echo.
fn typed(prompt: &str) -> Result<Password> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    eprint!("{prompt}");
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &hidden)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Now, &shown)?;
    eprintln!();
    read?;
    Ok(Password::new(line.trim_end_matches(['\r', '\n'])))
}
