//! `say`: logs in over a WebSocket, says a few messages and prints every answer.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::remote::RemoteArgs;

/// Talk to a running gateway, one JSON line a frame.
#[derive(Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// Log in as this user first; the password is the first line of standard input
    #[arg(long, value_name = "USER")]
    login: Option<String>,
    /// Go on printing what is pushed for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    listen_for: u64,
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
        let _ = tokio::time::timeout(Duration::from_secs(self.listen_for), listen).await;
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
