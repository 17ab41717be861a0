//! Which running gateway a command talks to, and as whom.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use protocol::Password;

use crate::net::{Client, Endpoint, TlsTrust};
/// Where a gateway listens.
#[derive(Args)]
pub(super) struct RemoteArgs {
    /// Where the gateway listens: ws://host:port, or wss://host:port through TLS;
    /// http:// or https:// where a command speaks REST
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9064")]
    to: String,
    /// A file with the certificates to trust (PEM) instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Where a gateway under test listens, whose certificate nobody need have signed.
#[derive(Args)]
pub(super) struct UnverifiedRemoteArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Believe any certificate, and talk in clear to other machines, too
    #[arg(long)]
    insecure: bool,
}

impl UnverifiedRemoteArgs {
    /// The address as it was written.
    pub(super) fn to(&self) -> &str {
        &self.remote.to
    }

    pub(super) fn endpoint(&self) -> Result<Endpoint> {
        let trust = TlsTrust { authority: self.remote.ca.clone(), insecure: self.insecure };
        Ok(Endpoint::parse(&self.remote.to, &trust)?)
    }
}

impl RemoteArgs {
    pub(super) async fn connect(&self) -> Result<Client> {
        Ok(Client::connect(&self.to, self.ca.as_deref()).await?)
    }
}

/// The message that logs a user in with the first line of standard input as the password.
pub(super) fn login_from_stdin(user: &str) -> Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).context("standard input cannot be read")?;
    password.truncate(password.trim_end_matches(['\r', '\n']).len());
    Ok(Client::login_message(user, &Password::new(&password)))
}
