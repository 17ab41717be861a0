//! Tests of start and shutdown: first start, second process, exit codes, open connections.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::harness::gateway::shell;
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, signals};

/// Starts a gateway that generates the password of its administrator. Returns the gateway and the
/// text that it printed.
fn first_start(home: &Home) -> (GatewayProcess, String) {
    let printed = home.path().join("printed");
    let file = std::fs::File::create(&printed).unwrap();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env_remove("TOLLGATE_ADMIN_PASSWORD");
    let gateway = GatewayProcess::spawn_to(&mut command, Stdio::from(file))
        .expect("the gateway did not start");
    // The gateway logs `listening` shortly before its output is complete.
    let text = || std::fs::read_to_string(&printed).unwrap();
    while !text().contains("log in:") {
        std::thread::yield_now();
    }
    (gateway, text())
}

#[test]
fn the_printed_command_logs_in() {
    let home = Home::new(QUICK);
    let (gateway, printed) = first_start(&home);
    let file = home.data().join("admin-password");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let password = std::fs::read_to_string(&file).unwrap();
    assert!(
        !printed.contains(password.trim()),
        "the password was printed although the output is not a terminal"
    );
    let line = printed.lines().find_map(|line| line.strip_prefix("log in:")).unwrap();
    let answers = shell(line, home.path());
    assert_eq!(answers[0]["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{answers:?}");
    let (code, log) = gateway.signal("-INT");
    assert_eq!(code, Some(0));
    assert!(!log.iter().any(|line| line.contains(password.trim())));
}

#[tokio::test]
async fn the_first_start_creates_an_administrator_who_can_log_in() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let details = admin.ask(json!({"MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 1})).await;
    assert_eq!(details["PROFILE"], json!(["USER_ADMIN"]));
    assert!(details["PERMISSION"].as_array().unwrap().contains(&json!("AMEND_USER")));
}

#[tokio::test]
async fn sessions_survive_a_restart_and_clients_are_notified() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::connect(gateway.address).await;
    let login = json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": {"USER_NAME": "ADMIN", "PASSWORD": PASSWORD}});
    let token = admin.ask(login).await["SESSION_AUTH_TOKEN"].clone();
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0), "{log:?}");
    let ended = admin.receive().await.unwrap();
    assert_eq!(ended["DETAILS"]["REASON"], "SHUTDOWN");
    assert_eq!(ended["DETAILS"]["RETRY"], "RECONNECT");
    let gateway = home.start();
    let mut admin = Client::connect(gateway.address).await;
    let heartbeat =
        json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 2, "SESSION_AUTH_TOKEN": token});
    assert_eq!(admin.ask(heartbeat).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
}

#[test]
fn a_second_process_with_the_same_store_is_refused() {
    let home = Home::new(QUICK);
    let first = home.start();
    let second = home.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(4), "{second:?}");
    assert_eq!(first.signal("-TERM").0, Some(0));
}

#[tokio::test]
async fn a_first_start_that_cannot_listen_creates_no_administrator() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Home::new(QUICK);
    let address = taken.local_addr().unwrap().to_string();
    let mut command = home.command(&["serve", "--listen", &address]);
    let refused = command.env_remove("TOLLGATE_ADMIN_PASSWORD").output().unwrap();
    assert_eq!(refused.status.code(), Some(7), "{refused:?}");
    let list = home.command(&["user", "list"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "");
    let off_loopback = home.command(&["serve", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(off_loopback.status.code(), Some(6), "{off_loopback:?}");
}

#[tokio::test]
async fn a_shutdown_ends_in_time_despite_silent_clients() {
    let grace = QUICK.replace("[server]", "[server]\nshutdown_grace_secs = 5");
    let gateway = Home::new(&grace).start();
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::login(gateway.address, "admin", PASSWORD).await);
    }
    // SIGHUP does not end the process.
    signals::send(&gateway.child, "-HUP");
    // The clients neither read nor send. `_silent` has not even sent an HTTP request.
    let _silent = TcpStream::connect(gateway.address).await.unwrap();
    let ended = tokio::task::spawn_blocking(move || gateway.signal("-TERM"));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), ended).await;
    assert_eq!(ended.expect("the gateway did not exit within 15 s").unwrap().0, Some(0));
    for client in &mut clients {
        assert_eq!(client.receive().await.unwrap()["DETAILS"]["REASON"], "SHUTDOWN");
    }
}
