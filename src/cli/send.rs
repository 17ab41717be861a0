//! `send`: logs in over a WebSocket, sends messages and prints every reply.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::remote::RemoteArgs;
use super::time_argument::parse_time;

/// Send messages to a running gateway, one JSON line for each frame.
#[derive(Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Log in as this user first; the password is the first line of standard input
    #[arg(long, value_name = "USER")]
    login: Option<String>,
    /// After the last reply, print what the gateway pushes for this long, such as 1s
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    listen_for: Duration,
    /// Messages to send after the login, as JSON
    messages: Vec<String>,
}

impl SendArgs {
    pub(super) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.send_all())
    }

    async fn send_all(self) -> Result<()> {
        let mut client = self.remote.connect().await?;
        let login = self.login.as_deref().map(crate::cli::remote::login_from_stdin).transpose()?;
        let mut refused = 0;
        for message in login.into_iter().chain(self.messages) {
            client.send(message).await?;
            let answer = client.receive_reply().await?;
            println!("{answer}");
            refused += usize::from(is_refusal(&answer));
        }
        let listen = async {
            while let Ok(text) = client.receive().await {
                println!("{text}");
            }
        };
        // The end of the time is how listening is meant to end.
        let _ = tokio::time::timeout(self.listen_for, listen).await;
        if refused > 0 {
            bail!("{refused} messages were refused");
        }
        Ok(())
    }
}

fn is_refusal(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["MESSAGE_TYPE"].as_str().is_some_and(|name| name.ends_with("_NACK"))
}
