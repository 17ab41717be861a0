//! Command-line arguments for the address, trust and login of a running gateway.

use std::io::BufRead;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use protocol::Password;

use crate::net::{Client, Endpoint, TlsTrust};

/// The address of a gateway, and the certificates to trust.
#[derive(Args)]
pub(super) struct RemoteArgs {
    /// URL of the gateway: ws://HOST:PORT or wss://HOST:PORT (`replay` also accepts http:// and
    /// https://, to use REST)
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:9064")]
    to: String,
    /// PEM file of the CA certificates to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// The address of a gateway under test, whose certificate need not be trusted.
#[derive(Args)]
pub(super) struct UnverifiedRemoteArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Skip certificate verification and allow plaintext to remote hosts
    #[arg(long)]
    insecure: bool,
}

impl UnverifiedRemoteArgs {
    /// Returns the value of `--to` unchanged.
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

/// Returns the login message of a user. Reads the password from the first line of standard input.
pub(super) fn login_from_stdin(user: &str) -> Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).context("cannot read standard input")?;
    password.truncate(password.trim_end_matches(['\r', '\n']).len());
    Ok(Client::login_message(user, &Password::new(&password)))
}
