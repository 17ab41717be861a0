//! Tests of reload by SIGHUP: all or nothing, at once, with open connections.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::clients::get;
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, signals};

fn write(home: &Home, configuration: &str) {
    std::fs::write(home.path().join("tollgate.toml"), configuration).unwrap();
}

fn hang_up(gateway: &GatewayProcess) {
    signals::send(&gateway.child, "-HUP");
}

async fn heartbeat(client: &mut Client) -> Value {
    client.ask(json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": "beat" })).await
}

/// Logs in with a wrong password and returns the code of the NACK.
async fn wrong_login(gateway: &GatewayProcess) -> Value {
    let mut client = Client::connect(gateway.address).await;
    let details = json!({ "USER_NAME": "jane", "PASSWORD": "wrong" });
    let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1, "DETAILS": details });
    client.ask(login).await["CODE"].clone()
}

const ONE: &str = "[[services]]\nname = 'A'\nhosts = [{ name = 'one', port = 1 }]\n\
    [service_list]\nhealth_check_secs = 0\n";
const TWO: &str = "[security.genesis_password.retry]\nmax_attempts = 2\n\
    [[services]]\nname = 'A'\nhosts = [{ name = 'two', port = 2 }]\n\
    [service_list]\nhealth_check_secs = 0\n";

#[tokio::test]
async fn services_and_the_policy_change_with_open_connections() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let quick = QUICK.replace("management_listen = ''", &management);
    let home = Home::new(&format!("{quick}{ONE}"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": jane });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    assert_eq!(heartbeat(&mut admin).await["DETAILS"]["SERVICE"][0]["HOST"][0]["NAME"], "one");

    // If one part of the file is invalid, no part may be applied, not even the services.
    let wrong = [
        "[heartbeat]\ninterval_secs = 0\nmisses_allowed = 1\n",
        "[server.tls]\ncertificate = 'a'\n",
        "[heartbeat\n",
    ];
    for (at, wrong) in wrong.into_iter().enumerate() {
        write(&home, &format!("{quick}{TWO}{wrong}"));
        hang_up(&gateway);
        let refused = format!("tollgate_config_reloads_total{{result=\"refused\"}} {}", at + 1);
        let began = Instant::now();
        while !get(free, "/metrics").await.1.contains(&refused) {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "the reload was not refused within 10 s: {wrong}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let listed = heartbeat(&mut admin).await;
        assert_eq!(listed["DETAILS"]["SERVICE"][0]["HOST"][0]["NAME"], "one", "{wrong}");
    }

    let restart = quick.replace("log_n = 4", "log_n = 5");
    write(&home, &format!("{restart}{TWO}"));
    hang_up(&gateway);
    // The new services are pushed as a heartbeat reply without a request.
    let pushed = admin.receive().await.expect("the connection ended");
    assert_eq!(pushed["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK", "{pushed}");
    assert_eq!(pushed["DETAILS"]["PUSHED"], true, "{pushed}");
    assert_eq!(pushed["DETAILS"]["SERVICE"][0]["HOST"][0]["NAME"], "two");
    assert_eq!(heartbeat(&mut admin).await["DETAILS"]["SERVICE"][0]["HOST"][0]["PORT"], 2);
    assert_eq!(wrong_login(&gateway).await, "INCORRECT_CREDENTIALS");
    assert_eq!(wrong_login(&gateway).await, "LOCKED_ACCOUNT", "the new limit is two attempts");

    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    check_log(&log, wrong.len());
}

/// Checks that the log has the refused reloads, the changed settings, and those that need a
/// restart.
fn check_log(log: &[String], wrong: usize) {
    let refused = log.iter().filter(|line| line.contains("reload failed; the previous"));
    assert_eq!(refused.count(), wrong, "{log:#?}");
    let logged = |words: &[&str]| log.iter().any(|line| words.iter().all(|it| line.contains(it)));
    let attempts = "security.genesis_password.retry.max_attempts";
    assert!(logged(&["a setting changed", attempts, "\"old\":\"3\"", "\"new\":\"2\""]), "{log:#?}");
    assert!(logged(&["a setting changed", "\"services\"", "two"]), "{log:#?}");
    assert!(logged(&["needs a restart", "security.scrypt"]), "{log:#?}");
}

#[tokio::test]
async fn a_shorter_session_timeout_ends_idle_sessions() {
    let minutes = |idle: &str| format!("[security]\nsession_timeout_mins = {idle}\n");
    let home = Home::new(&format!("{QUICK}{}", minutes("30")));
    let gateway = home.start();
    let mut idle = Client::login(gateway.address, "admin", PASSWORD).await;
    write(&home, &format!("{QUICK}{}", minutes("0.01")));
    let began = Instant::now();
    hang_up(&gateway);
    let mut last = Value::Null;
    while let Some(message) = idle.receive().await {
        last = message;
    }
    assert_eq!(last["DETAILS"]["REASON"], "IDLE", "{last}");
    assert!(began.elapsed() < Duration::from_secs(10), "after {:?}", began.elapsed());
}
