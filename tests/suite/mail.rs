//! Passwords that are reset by mail, against a real mail server.
#![expect(clippy::disallowed_methods, reason = "these tests time a process that has its own clock")]

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{Client, Gateway, Home, PASSWORD, QUICK};
use crate::tls::Authority;

/// A mail server that writes what it gets into a file.
struct Sink {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Sink {
    fn start(words: &[&str]) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self::start_at(free.port(), words)
    }

    fn start_at(port: u16, words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = std::fs::File::create(folder.path().join("mails")).unwrap();
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators/bin/aiosmtpd");
        let mut command = Command::new(tools);
        command.args(["-n", "-l", &format!("127.0.0.1:{port}")]).args(words);
        command.env("PYTHONUNBUFFERED", "1").stdout(out).stderr(Stdio::null());
        let child = command.spawn().expect("tests/run installs the mail server");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the mail server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, port, folder }
    }

    fn mails(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("mails")).unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(mail: &str) -> String {
    format!(
        "{QUICK}[security]\nreset_mode = 'email'\n[mail]\nfrom = 'Desk <desk@tollgate.example>'\n\
         {mail}\n"
    )
}

fn by_smtp(port: u16, more: &str) -> String {
    configuration(&format!("transport = 'smtp'\n[mail.smtp]\nport = {port}\n{more}"))
}

fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

/// An administrator, and users jane with an address and joe without.
async fn prepare(gateway: &Gateway) -> Client {
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD,
        "EMAIL_ADDRESS": "jane.doe@genesis.global" });
    for user in [jane, json!({ "USER_NAME": "joe", "PASSWORD": PASSWORD })] {
        let answer = admin.ask(message("EVENT_INSERT_USER", user)).await;
        assert_eq!(answer["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK", "{answer}");
    }
    admin
}

async fn reset(admin: &mut Client, user: &str) -> Value {
    admin.ask(message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": user }))).await
}

/// The answer to a login.
async fn login(gateway: &Gateway, user: &str, password: &str) -> Value {
    let mut client = Client::connect(gateway.address).await;
    let details = json!({ "USER_NAME": user, "PASSWORD": password });
    client.ask(message("EVENT_LOGIN_AUTH", details)).await
}

/// The password in a mail.
fn password_in(mail: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix("One-time password: "));
    line.unwrap_or_else(|| panic!("no password in {mail}")).trim().to_owned()
}

#[tokio::test]
async fn a_password_that_is_reset_comes_by_mail_and_is_seen_nowhere_else() {
    let sink = Sink::start(&[]);
    let home = Home::new(&by_smtp(sink.port, ""));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let done = reset(&mut admin, "jane").await;
    assert_eq!(done["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK", "{done}");
    let mail = sink.mails();
    for header in
        ["From: Desk <desk@tollgate.example>", "To: jane.doe@genesis.global", "Message-ID: <"]
    {
        assert!(mail.contains(header), "{header}: {mail}");
    }
    let drawn = password_in(&mail);
    assert!(!done.to_string().contains(&drawn), "{done}");
    assert_eq!(login(&gateway, "jane", PASSWORD).await["CODE"], "INCORRECT_CREDENTIALS");
    assert_eq!(login(&gateway, "jane", &drawn).await["CODE"], "PASSWORD_EXPIRED");
    let change = json!({ "USER_NAME": "jane", "OLD_PASSWORD": drawn, "NEW_PASSWORD": "Another-1" });
    let mut jane = Client::connect(gateway.address).await;
    let changed = jane.ask(message("EVENT_CHANGE_USER_PASSWORD", change)).await;
    assert!(changed["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{changed}");
    assert_eq!(login(&gateway, "jane", "Another-1").await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");

    // Nobody can be told: nothing is reset.
    let refused = reset(&mut admin, "joe").await;
    assert_eq!(refused["CODE"], "MISSING_FIELD", "{refused}");
    assert_eq!(refused["ERROR"][0]["DETAILS"]["FIELD"], "EMAIL_ADDRESS");
    assert_eq!(login(&gateway, "joe", PASSWORD).await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    let mut dry = message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "joe" }));
    dry["VALIDATE"] = true.into();
    assert_eq!(admin.ask(dry).await["CODE"], "MISSING_FIELD", "a dry run says so, too");
    assert_eq!(reset(&mut admin, "nobody").await["CODE"], "RECORD_NOT_FOUND");

    let (_, log) = gateway.signal("-TERM");
    assert!(!log.join("\n").contains(&drawn), "the password is in the log");
    let shown = home.command(&["audit", "show", "--json"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(&drawn));
}

#[tokio::test]
async fn a_mail_server_that_is_gone_is_told_and_the_reset_holds() {
    let sink = Sink::start(&[]);
    let port = sink.port;
    drop(sink);
    let home = Home::new(&by_smtp(port, ""));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let refused = reset(&mut admin, "jane").await;
    assert_eq!(refused["CODE"], "UNAVAILABLE", "{refused}");
    assert_eq!(login(&gateway, "jane", PASSWORD).await["CODE"], "INCORRECT_CREDENTIALS");
    let sink = Sink::start_at(port, &[]);
    assert_eq!(reset(&mut admin, "jane").await["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK");
    let drawn = password_in(&sink.mails());
    assert_eq!(login(&gateway, "jane", &drawn).await["CODE"], "PASSWORD_EXPIRED");
}

#[tokio::test]
async fn mails_leave_through_tls_to_servers_that_are_known() {
    let authority = Authority::new();
    let [ca, certificate, key] =
        ["ca.pem", "cert.pem", "key.pem"].map(|it| authority.file(it).display().to_string());
    for (tls, options) in
        [("start_tls", ["--tlscert", "--tlskey"]), ("tls", ["--smtpscert", "--smtpskey"])]
    {
        let sink = Sink::start(&[options[0], &certificate, options[1], &key]);
        for (ca, taken) in [(ca.as_str(), true), ("", false)] {
            let more = format!("host = 'localhost'\ntls = '{tls}'\nca_file = '{ca}'");
            let gateway = Home::new(&by_smtp(sink.port, &more));
            let gateway = (gateway.start(), gateway);
            let mut admin = prepare(&gateway.0).await;
            let done = reset(&mut admin, "jane").await;
            let acknowledged = done["MESSAGE_TYPE"] == "EVENT_RESET_USER_PASSWORD_ACK";
            assert_eq!(acknowledged, taken, "{tls}, {ca:?}: {done}");
        }
        assert_eq!(sink.mails().matches("One-time password").count(), 1, "{tls}");
    }
    // A server that does not know STARTTLS is told nothing.
    let sink = Sink::start(&[]);
    let more = format!("host = 'localhost'\ntls = 'start_tls'\nca_file = '{ca}'");
    let home = Home::new(&by_smtp(sink.port, &more));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    assert_eq!(reset(&mut admin, "jane").await["CODE"], "UNAVAILABLE");
    assert_eq!(sink.mails(), "");
}

#[tokio::test]
async fn mails_may_be_files() {
    let home = Home::new(&configuration("transport = 'file'\nfile = { folder = 'outbox' }"));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    assert_eq!(reset(&mut admin, "jane").await["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK");
    let folder = home.path().join("outbox");
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let mail = std::fs::read_to_string(file.as_ref().unwrap().path()).unwrap();
    let drawn = password_in(&mail);
    assert_eq!(login(&gateway, "jane", &drawn).await["CODE"], "PASSWORD_EXPIRED");
}
