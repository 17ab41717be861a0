//! What a start prints on standard output: addresses and commands to paste.

use std::io::{self, StdoutLock, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

/// The name of the first administrator.
pub(super) const ADMIN: &str = "admin";

/// Prints the address, the data directory, and a shell command that logs in. `password` is the
/// shell command that prints the password; `None` if the password is unknown.
pub(super) fn print(
    address: SocketAddr,
    tls: bool,
    data_dir: &Path,
    password: Option<String>,
) -> Result<()> {
    let password = password.unwrap_or_else(|| "echo YOUR-PASSWORD".to_owned());
    let (url, send) = (url(address, tls), send_command(address, tls));
    write(|out| {
        writeln!(out, "tollgate listens on {url}, data directory {}", data_dir.display())?;
        writeln!(out, "log in:  {password} | {send} --login {ADMIN}")
    })
}

/// Writes to standard output. A closed pipe is no error: the log contains the address, too.
pub(super) fn write(text: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> Result<()> {
    let mut out = io::stdout().lock();
    match text(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns the URL of the gateway.
pub(super) fn url(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}/", if tls { "wss" } else { "ws" })
}

/// Returns the shell command that sends messages to the gateway, without the messages.
pub(super) fn send_command(address: SocketAddr, tls: bool) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "tollgate".into());
    let url = url(address, tls);
    format!("{} send --to {}", quoted(&program), url.trim_end_matches('/'))
}

/// Quotes a path for a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
