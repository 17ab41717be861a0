//! Tests of mail delivery: new passwords, TLS, unreachable servers.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::reset_links::{by_reset, request_reset};
use crate::harness::smtp::{LoginSink, Sink};
use crate::harness::{Authority, Client, GatewayProcess, Home, PASSWORD, QUICK};

fn configuration(mail: &str) -> String {
    format!(
        "{QUICK}[security]\nreset_mode = 'email'\n[mail]\nfrom = 'Desk <desk@tollgate.example>'\n\
         {mail}\n"
    )
}

fn by_smtp(port: u16, more: &str) -> String {
    configuration(&format!("transport = 'smtp'\n[mail.smtp]\nport = {port}\n{more}"))
}

pub fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

/// Creates users: jane with an EMAIL_ADDRESS, joe without. Returns the client of the administrator.
pub async fn prepare(gateway: &GatewayProcess) -> Client {
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

/// Logs in and returns the reply.
pub async fn login(gateway: &GatewayProcess, user: &str, password: &str) -> Value {
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
async fn a_reset_password_is_sent_by_mail_and_appears_nowhere_else() {
    let sink = Sink::start(&[]);
    let home = Home::new(&by_smtp(sink.port, ""));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let done = reset(&mut admin, "jane").await;
    assert_eq!(done["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK", "{done}");
    let mail = sink.wait_for(1).await.remove(0);
    for header in
        ["From: Desk <desk@tollgate.example>", "To: jane.doe@genesis.global", "Message-ID: <"]
    {
        assert!(mail.contains(header), "{header}: {mail}");
    }
    let generated = password_in(&mail);
    assert!(!done.to_string().contains(&generated), "{done}");
    assert_eq!(login(&gateway, "jane", PASSWORD).await["CODE"], "INCORRECT_CREDENTIALS");
    assert_eq!(login(&gateway, "jane", &generated).await["CODE"], "PASSWORD_EXPIRED");
    let change =
        json!({ "USER_NAME": "jane", "OLD_PASSWORD": generated, "NEW_PASSWORD": "Another-1" });
    let mut jane = Client::connect(gateway.address).await;
    let changed = jane.ask(message("EVENT_CHANGE_USER_PASSWORD", change)).await;
    assert!(changed["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{changed}");
    assert_eq!(login(&gateway, "jane", "Another-1").await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");

    // The password of a user without an address is not reset.
    let refused = reset(&mut admin, "joe").await;
    assert_eq!(refused["CODE"], "MISSING_FIELD", "{refused}");
    assert_eq!(refused["ERROR"][0]["DETAILS"]["FIELD"], "EMAIL_ADDRESS");
    assert_eq!(login(&gateway, "joe", PASSWORD).await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    let mut dry = message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "joe" }));
    dry["VALIDATE"] = true.into();
    assert_eq!(
        admin.ask(dry).await["CODE"],
        "MISSING_FIELD",
        "a dry run does not report the missing address"
    );
    assert_eq!(reset(&mut admin, "unknown").await["CODE"], "RECORD_NOT_FOUND");

    let (_, log) = gateway.signal("-TERM");
    assert!(!log.join("\n").contains(&generated), "the password is in the log");
    let shown = home.command(&["audit", "show", "--json"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(&generated));
}

#[tokio::test]
async fn no_mail_is_lost_by_an_unreachable_server_or_a_restart() {
    let sink = Sink::start(&[]);
    let port = sink.port;
    drop(sink);
    let home = Home::new(&by_smtp(port, ""));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let done = reset(&mut admin, "jane").await;
    assert_eq!(done["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK", "{done}");
    assert_eq!(login(&gateway, "jane", PASSWORD).await["CODE"], "INCORRECT_CREDENTIALS");
    // The first attempt has failed. The gateway is killed before the next one.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gateway.signal("-KILL");
    let gateway = home.start();
    let sink = Sink::start_at(port, &[]);
    let mail = sink.wait_for(1).await.remove(0);
    let answer = login(&gateway, "jane", &password_in(&mail)).await;
    assert_eq!(answer["CODE"], "PASSWORD_EXPIRED");
    sink.stays_at(1).await;
}

#[tokio::test]
async fn a_mail_keeps_its_message_id_in_every_attempt() {
    let home = Home::new("");
    let folder = home.path().join("nowhere");
    // The folder cannot be created, because a file has the same name.
    std::fs::write(&folder, "in the way").unwrap();
    let mail = format!("transport = 'file'\nfile = {{ folder = '{}' }}", folder.display());
    std::fs::write(home.path().join("tollgate.toml"), configuration(&mail)).unwrap();
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    reset(&mut admin, "jane").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::remove_file(&folder).unwrap();
    let began = Instant::now();
    let file = loop {
        let files = std::fs::read_dir(&folder).into_iter().flatten();
        if let Some(file) = files.filter_map(Result::ok).next() {
            break std::fs::read_to_string(file.path()).unwrap();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the mail was not sent again within 20 s"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let id = file
        .lines()
        .find(|line| line.starts_with("Message-ID: <"))
        .expect("the mail has no Message-ID");
    // The Message-ID has the time and number of the mail, which are the same in every attempt.
    assert!(id.ends_with(".1@tollgate.example>"), "{id}");
    let (_, log) = gateway.signal("-TERM");
    assert!(log.iter().any(|line| line.contains("mail delivery failed")), "{log:#?}");
}

#[tokio::test]
async fn mails_are_sent_over_tls_to_verified_servers() {
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
            assert_eq!(done["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK", "{done}");
            if taken {
                sink.wait_for(1).await;
            } else {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let (_, log) = gateway.0.signal("-TERM");
                assert!(log.join("\n").contains("mail delivery failed"), "{tls}: {log:#?}");
            }
        }
        assert_eq!(sink.mails().matches("One-time password").count(), 1, "{tls}");
    }
    // A server without STARTTLS gets no mail.
    let sink = Sink::start(&[]);
    let more = format!("host = 'localhost'\ntls = 'start_tls'\nca_file = '{ca}'");
    let home = Home::new(&by_smtp(sink.port, &more));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    reset(&mut admin, "jane").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sink.mails(), "");
}

#[tokio::test]
async fn mails_can_be_written_to_files() {
    let home = Home::new(&configuration("transport = 'file'\nfile = { folder = 'outbox' }"));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    assert_eq!(reset(&mut admin, "jane").await["MESSAGE_TYPE"], "EVENT_RESET_USER_PASSWORD_ACK");
    let folder = home.path().join("outbox");
    let began = Instant::now();
    while std::fs::read_dir(&folder).map_or(0, Iterator::count) == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "no mail was written within 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let file = file.as_ref().unwrap().path();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mail = std::fs::read_to_string(file).unwrap();
    let generated = password_in(&mail);
    assert_eq!(login(&gateway, "jane", &generated).await["CODE"], "PASSWORD_EXPIRED");
}

#[tokio::test]
async fn smtp_credentials_are_sent_over_tls_only() {
    let authority = Authority::new();
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| authority.file(name));
    let ca = ca.display();
    let sink = LoginSink::start(&certificate, &key, "desk", "mail-Secret-1");
    let port = sink.port();
    for (password, taken) in [("wrong", 0), ("mail-Secret-1", 1)] {
        let management = management();
        let more = format!(
            "host = 'localhost'\ntls = 'start_tls'\nca_file = '{ca}'\nuser_name = 'desk'\n\
             password = '{password}'"
        );
        let home = Home::new(&with_management(&by_smtp(port, &more), management));
        let gateway = home.start();
        let mut admin = prepare(&gateway).await;
        reset(&mut admin, "jane").await;
        let result = if taken == 1 { "sent" } else { "failed" };
        counted(management, result).await;
        let mails = sink.mails();
        assert_eq!(mails.len(), taken, "{password}");
        assert!(mails.iter().all(|mail| mail["to"] == json!(["jane.doe@genesis.global"])));
        let (_, log) = gateway.signal("-TERM");
        let log = log.join("\n");
        assert!(!log.contains("mail-Secret-1"));
    }
    // A configuration that would send the password in plaintext is refused.
    let clear = format!("{}user_name = 'desk'\npassword = 'mail-Secret-1'\n", by_smtp(port, ""));
    let refused = Home::new(&clear).command(&["serve"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("would be sent unencrypted"));
}

fn management() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn with_management(configuration: &str, management: std::net::SocketAddr) -> String {
    let listen = format!("management_listen = '{management}'");
    configuration.replace("management_listen = ''", &listen)
}

/// Waits until the metrics count one send attempt with this result, and returns them.
async fn counted(management: std::net::SocketAddr, result: &str) -> String {
    let line = format!("tollgate_mail_deliveries_total{{result=\"{result}\"}} 1");
    let began = Instant::now();
    loop {
        let mut curl = Command::new("curl");
        let metrics = curl.args(["-s", &format!("http://{management}/metrics")]).output().unwrap();
        let metrics = String::from_utf8(metrics.stdout).unwrap();
        if metrics.contains(&line) {
            return metrics;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{line}: {metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn topics_have_their_own_transport_and_all_mails_are_counted() {
    let sink = Sink::start(&[]);
    let management = management();
    let topic = "cool_down_in_minutes = 0\nnotify_topic = 'OWN'";
    let configuration = with_management(&by_reset(sink.port, topic), management);
    let home = Home::new(&format!("{configuration}[mail.topics]\nOWN = 'file'\n"));
    let gateway = home.start();
    prepare(&gateway).await;
    let mut client = Client::connect(gateway.address).await;
    request_reset(&mut client, json!({ "USER_NAME": "jane" })).await;
    let folder = home.path().join("outbox");
    let began = Instant::now();
    while std::fs::read_dir(&folder).map_or(0, Iterator::count) == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "no mail was written within 20 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sink.stays_at(0).await;
    let metrics = counted(management, "sent").await;
    assert!(metrics.contains("tollgate_mail_queue_length"), "{metrics}");
}
