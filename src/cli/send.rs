//! `send`: logs in over a WebSocket, sends messages and prints every reply.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::Value;

use super::remote::RemoteArgs;
use super::terminal::escaped;
use super::time_argument::parse_time;

/// Log in to a running gateway, send messages and print the replies.
///
/// Each received frame is printed as one line of JSON. Fails if a message is refused (NACK). A
/// subscription (DATA_LOGON) must be the last message: a push that arrives before the reply to a
/// message is taken for that reply.
#[derive(Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    remote: RemoteArgs,
    /// User to log in as; the password is read from the first line of standard input (default: no
    /// login)
    #[arg(long, value_name = "USER")]
    login: Option<String>,
    /// Time during which pushed messages are printed after the last reply, such as 1s
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    listen_for: Duration,
    /// Messages to send after the login, each a JSON object
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
            println!("{}", escaped(&answer));
            refused += usize::from(is_refusal(&answer));
        }
        let listen = async {
            while let Ok(text) = client.receive().await {
                println!("{}", escaped(&text));
            }
        };
        // The timeout is the normal end.
        let _ = tokio::time::timeout(self.listen_for, listen).await;
        if refused > 0 {
            bail!("messages refused: {refused}");
        }
        Ok(())
    }
}

fn is_refusal(answer: &str) -> bool {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    answer["MESSAGE_TYPE"].as_str().is_some_and(|name| name.ends_with("_NACK"))
}
