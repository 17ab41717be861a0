//! The gateway as a process, with a free port and a temporary folder.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::signals;

/// The configuration of most tests: cheap hashes, no limits by address, no management port.
pub const QUICK: &str = "[server]\nmanagement_listen = ''\n[server.limits]\n\
    exempt_addresses = ['127.0.0.0/8']\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";
/// The password of the first administrator in tests.
pub const PASSWORD: &str = "Test-Password-7";

/// A running gateway process, which is killed on drop.
pub struct GatewayProcess {
    /// The child process.
    pub child: Child,
    /// The address on which the gateway listens.
    pub address: SocketAddr,
    /// The thread that reads the log of the gateway. It returns the lines when the process ends.
    pub log: std::thread::JoinHandle<Vec<String>>,
}

/// A temporary folder with the configuration and the data folder of a gateway.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("creating a temporary folder failed");
        std::fs::write(folder.path().join("tollgate.toml"), configuration)
            .expect("writing the configuration failed");
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command of the binary with this configuration and data folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(words).arg("--config").arg(self.folder.path().join("tollgate.toml"));
        command.arg("--data-dir").arg(self.data()).current_dir(self.folder.path());
        command.env("TOLLGATE_ADMIN_PASSWORD", PASSWORD);
        command
    }

    /// Starts the gateway and waits until it listens.
    pub fn start(&self) -> GatewayProcess {
        self.try_start().expect("the gateway did not start")
    }

    /// Starts the gateway; `None` if it exits before it listens.
    pub fn try_start(&self) -> Option<GatewayProcess> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        GatewayProcess::spawn(&mut command)
    }
}

impl GatewayProcess {
    /// Starts a gateway and waits until it logs `listening`; `None` if it exits earlier.
    pub fn spawn(command: &mut Command) -> Option<GatewayProcess> {
        Self::spawn_to(command, Stdio::null())
    }

    /// Same as [`Self::spawn`], with standard output redirected to `stdout`.
    pub fn spawn_to(command: &mut Command, stdout: Stdio) -> Option<GatewayProcess> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting the gateway failed");
        let mut lines =
            BufReader::new(child.stderr.take().expect("standard error is not piped")).lines();
        let mut seen = Vec::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                let _ = child.wait();
                eprintln!("{}", seen.join("\n"));
                return None;
            };
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let fields = &entry["fields"];
            seen.push(line);
            if fields["message"] == "listening" {
                break fields["address"]
                    .as_str()
                    .and_then(|it| it.parse().ok())
                    .expect("the log line `listening` has no address");
            }
        };
        let log = std::thread::spawn(move || {
            seen.extend(lines.map_while(Result::ok));
            seen
        });
        Some(GatewayProcess { child, address, log })
    }

    /// Sends a signal and waits for the exit. Returns the exit code (`None` if the signal killed
    /// the process) and the log.
    pub fn signal(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        signals::send(&self.child, signal);
        let code = self.child.wait().expect("waiting for the gateway failed").code();
        let log = std::mem::replace(&mut self.log, std::thread::spawn(Vec::new));
        (code, log.join().expect("reading the log failed"))
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// [`QUICK`] without the limit of messages per second of a connection.
pub fn unlimited() -> String {
    QUICK.replace("[security", "messages_per_sec_per_connection = 1000000\n[security")
}

/// Creates users u0, u1, … and profiles in the store of a stopped gateway.
pub fn populate(home: &Home, users: usize, profiles: usize) {
    let (users, profiles) = (users.to_string(), profiles.to_string());
    let words = ["populate", "--users", &users, "--profiles", &profiles];
    run(&mut home.command(&words));
}

/// The password hashes in the store of a stopped gateway.
pub fn credentials(home: &Home) -> Vec<String> {
    let file = home.path().join("credentials.export");
    let _ = std::fs::remove_file(&file);
    let out = home.command(&["export", file.to_str().unwrap()]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| Some(row["VALUE"]["credential"].as_str()?.to_owned())).collect()
}

/// Runs a program and checks that it succeeds.
pub fn run(command: &mut Command) {
    let output = command.output().expect("the program cannot be run");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A TCP port of 127.0.0.1 that is free at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a shell command and parses its output as lines of JSON.
pub fn shell(line: &str, folder: &Path) -> Vec<Value> {
    let output = Command::new("sh").arg("-c").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the binary without a configuration file.
pub fn tollgate(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(words)
        .output()
        .expect("running tollgate failed")
}

/// The standard output of a program.
pub fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is not UTF-8")
}

/// Standard output and standard error of a program.
pub fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}
