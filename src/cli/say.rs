//! `say`: logs in over a WebSocket, says a few messages and prints every answer.

use std::io::BufRead;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Talk to a running gateway, one JSON line a frame.
#[derive(Args)]
pub(super) struct Say {
    /// Where the gateway listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9064")]
    to: String,
    /// Log in as this user first; the password is the first line of standard input
    #[arg(long, value_name = "USER")]
    login: Option<String>,
    /// Go on printing what is pushed for this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    listen_secs: u64,
    /// Messages to send after the login, as JSON
    messages: Vec<String>,
}

/// An answer that takes longer is not coming.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

impl Say {
    pub(super) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.talk())
    }

    async fn talk(self) -> Result<()> {
        let address = self.to.trim_start_matches("ws://").trim_end_matches('/');
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
        let (mut socket, _) =
            tokio_tungstenite::client_async(format!("ws://{address}/"), stream).await?;
        let login = self.login.as_deref().map(login).transpose()?;
        let mut refused = 0;
        for message in login.into_iter().chain(self.messages) {
            socket.send(Message::text(message)).await?;
            let answer = tokio::time::timeout(ANSWER_WAIT, socket.next()).await;
            match answer.context("no answer in time")? {
                Some(Ok(Message::Text(answer))) => {
                    println!("{answer}");
                    refused += usize::from(is_refusal(&answer));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the gateway closed the connection"),
            }
        }
        let listen = async {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message {
                    println!("{text}");
                }
            }
        };
        // The end of the time is how listening is meant to end.
        let _ = tokio::time::timeout(Duration::from_secs(self.listen_secs), listen).await;
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

fn login(user: &str) -> Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password).context("standard input cannot be read")?;
    let message: Value = json!({
        "MESSAGE_TYPE": "EVENT_LOGIN_AUTH",
        "SOURCE_REF": "login",
        "DETAILS": { "USER_NAME": user, "PASSWORD": password.trim_end_matches(['\r', '\n']) },
    });
    Ok(message.to_string())
}
