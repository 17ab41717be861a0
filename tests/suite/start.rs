//! Starting and ending: first start, second process, exit codes, drain.

use serde_json::json;

use crate::gateway::{Client, Home, PASSWORD, QUICK};

#[tokio::test]
async fn the_first_start_makes_an_administrator_who_can_log_in() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let details = admin.ask(json!({"MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 1})).await;
    assert_eq!(details["PROFILE"], json!(["USER_ADMIN"]));
    assert!(details["PERMISSION"].as_array().unwrap().contains(&json!("AMEND_USER")));
}

#[tokio::test]
async fn sessions_survive_a_drained_restart_and_sockets_are_told() {
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
fn a_second_process_on_one_store_is_refused_with_its_code() {
    let home = Home::new(QUICK);
    let first = home.start();
    let second = home.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(4), "{second:?}");
    assert_eq!(first.signal("-TERM").0, Some(0));
}

#[test]
fn users_are_added_changed_and_listed_on_a_stopped_store() {
    let home = Home::new(QUICK);
    let add = home.command(&["user", "add", "u0", "--profile", "USER_ADMIN"]).output().unwrap();
    assert!(add.status.success(), "{add:?}");
    let again = home.command(&["user", "add", "U0"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let list = home.command(&["user", "list"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&list.stdout), "u0\tENABLED\tUSER_ADMIN\n");
    let wrong = Home::new("[server]\nlistne = 1").command(&["serve"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(6), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean server.listen"));
}

#[test]
fn populate_gives_the_same_users_for_the_same_seed() {
    let list = || {
        let home = Home::new(QUICK);
        let words = ["populate", "--users", "300", "--profiles", "7", "--seed", "5"];
        let populate = home.command(&words).output().unwrap();
        assert!(populate.status.success(), "{populate:?}");
        home.command(&["user", "list"]).output().unwrap().stdout
    };
    let first = list();
    assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 300);
    assert_eq!(first, list());
}
