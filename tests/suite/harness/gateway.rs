//! The real binary, started on a free port with a throwaway folder.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
/// Cheap hashes, no limits by address, no management port: what most tests want.
pub const QUICK: &str = "[server]\nmanagement_listen = ''\n[server.limits]\n\
    exempt_addresses = ['127.0.0.0/8']\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";
/// The first administrator's password in tests.
pub const PASSWORD: &str = "Test-Password-7";

/// A running gateway; killed when it is dropped.
pub struct GatewayProcess {
    /// The process.
    pub child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The rest of its log.
    pub log: std::thread::JoinHandle<Vec<String>>,
}

/// A throwaway folder with a data folder and a configuration.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("tollgate.toml"), configuration).expect("a file");
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program with this home's configuration and data folder.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(words).arg("--config").arg(self.folder.path().join("tollgate.toml"));
        command.arg("--data-dir").arg(self.data()).current_dir(self.folder.path());
        command.env("TOLLGATE_ADMIN_PASSWORD", PASSWORD);
        command
    }

    /// Starts the gateway and waits until it listens.
    pub fn start(&self) -> GatewayProcess {
        self.try_start().expect("the gateway starts")
    }

    /// Starts the gateway; `None` if it ends before it listens.
    pub fn try_start(&self) -> Option<GatewayProcess> {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        GatewayProcess::spawn(&mut command)
    }
}

impl GatewayProcess {
    /// Starts a command and waits for its line with `listening`.
    pub fn spawn(command: &mut Command) -> Option<GatewayProcess> {
        Self::spawn_to(command, Stdio::null())
    }

    /// The same; what it prints goes to `stdout`.
    pub fn spawn_to(command: &mut Command, stdout: Stdio) -> Option<GatewayProcess> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
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
                    .expect("an address");
            }
        };
        let log = std::thread::spawn(move || {
            seen.extend(lines.map_while(Result::ok));
            seen
        });
        Some(GatewayProcess { child, address, log })
    }

    /// Ends it by a signal; returns its exit code (`None` if the signal killed it) and its log.
    pub fn signal(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "the process is there");
        let code = self.child.wait().expect("its end").code();
        let log = std::mem::replace(&mut self.log, std::thread::spawn(Vec::new));
        (code, log.join().expect("its log"))
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The quick configuration without a limit on how fast one connection may speak.
pub fn unlimited() -> String {
    QUICK.replace("[security", "messages_per_sec_per_connection = 1000000\n[security")
}

/// Makes users u0, u1, … in a stopped store.
pub fn populate(home: &Home, users: usize, profiles: usize) {
    let (users, profiles) = (users.to_string(), profiles.to_string());
    let words = ["populate", "--users", &users, "--profiles", &profiles];
    run(&mut home.command(&words));
}

/// The credentials of a stopped store.
pub fn credentials(home: &Home) -> Vec<String> {
    let file = home.path().join("credentials.export");
    let _ = std::fs::remove_file(&file);
    let out = home.command(&["export", file.to_str().unwrap()]).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| Some(row["VALUE"]["credential"].as_str()?.to_owned())).collect()
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().expect("the program is there");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A port of this machine that is free at the moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The lines of JSON that a shell command prints.
pub fn shell(line: &str, folder: &Path) -> Vec<Value> {
    let output = Command::new("sh").arg("-c").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs the program without a configuration.
pub fn tollgate(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(words).output().expect("the program runs")
}

/// The standard output of a program.
pub fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Everything that a program printed, errors included.
pub fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}
