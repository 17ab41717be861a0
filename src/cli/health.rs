//! `health`: checks that a running gateway is ready, for containers without curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::terminal::escaped;

/// The gateway to check.
#[derive(Args)]
pub(super) struct HealthArgs {
    /// Management address of the gateway (server.management_listen)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9065")]
    management: SocketAddr,
}

/// Timeout of the connection and of the reply.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest reply that is read; a gateway sends less.
const ANSWER_BYTES: u64 = 64 * 1024;

impl HealthArgs {
    pub(super) fn run(&self) -> Result<()> {
        let at = self.management;
        let cannot = || format!("cannot reach the management address {at} of the gateway");
        let mut stream = TcpStream::connect_timeout(&at, TIMEOUT).with_context(cannot)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(stream, "GET /health/ready HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES).read_to_string(&mut answer).with_context(cannot)?;
        let text = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body.trim());
        if !answer.starts_with("HTTP/1.1 200 ") {
            bail!("the gateway is not ready: {}", text.trim_start_matches("not ready: "));
        }
        println!("{}", escaped(text));
        Ok(())
    }
}
