//! Tests of password hashes across restarts: cost, pepper, age, history.

use std::process::Stdio;

use serde_json::json;

use crate::harness::gateway::credentials;
use crate::harness::{Client, GatewayProcess, Home, MovedClock, PASSWORD, QUICK};

fn write(home: &Home, configuration: &str) {
    std::fs::write(home.path().join("tollgate.toml"), configuration).unwrap();
}

async fn login(gateway: &GatewayProcess, user: &str, password: &str) -> Option<String> {
    let message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": user, "PASSWORD": password } });
    let answer = Client::connect(gateway.address).await.ask(message).await;
    answer["CODE"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_login_rehashes_a_password_with_an_older_cost() {
    let home = Home::new(QUICK);
    home.start().signal("-TERM");
    assert!(credentials(&home)[0].starts_with("$scrypt$ln=4,r=8,p=1$"));
    write(&home, &QUICK.replace("log_n = 4", "log_n = 6"));
    let gateway = home.start();
    assert_eq!(login(&gateway, "admin", "wrong").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
    // One of several simultaneous logins rehashes the password. The others are checked again.
    let all = (0..8).map(|_| login(&gateway, "admin", PASSWORD));
    let codes = futures_util::future::join_all(all).await;
    assert!(codes.iter().all(Option::is_none), "{codes:?}");
    gateway.signal("-TERM");
    let renewed = credentials(&home);
    assert!(renewed[0].starts_with("$scrypt$ln=6,r=8,p=1$"), "{renewed:?}");
    let gateway = home.start();
    assert_eq!(login(&gateway, "admin", PASSWORD).await, None);
    gateway.signal("-TERM");
    assert_eq!(credentials(&home), renewed, "a hash with the current cost was replaced");
}

fn is_reported(log: &[String]) -> bool {
    log.iter().any(|line| {
        line.contains("password_salt differs from that of the store") && line.contains("ERROR")
    })
}

#[tokio::test]
async fn a_changed_pepper_is_reported_at_every_start_until_accepted() {
    let salted = |salt: &str| {
        format!("{QUICK}[security.genesis_password.validation]\npassword_salt = '{salt}'")
    };
    let home = Home::new(&salted("first"));
    let gateway = home.start();
    assert_eq!(login(&gateway, "admin", PASSWORD).await, None);
    assert!(!is_reported(&gateway.signal("-TERM").1));
    write(&home, &salted("second"));
    for _ in 0..2 {
        let gateway = home.start();
        let refused = login(&gateway, "admin", PASSWORD).await;
        assert_eq!(
            refused.as_deref(),
            Some("INCORRECT_CREDENTIALS"),
            "the password matched with a pepper that has changed"
        );
        let (_, log) = gateway.signal("-TERM");
        assert!(is_reported(&log));
        let secrets = ["first", "second"].map(|salt| format!("'{salt}'"));
        assert!(!log.iter().any(|line| secrets.iter().any(|secret| line.contains(secret))));
    }
    write(&home, &salted("first"));
    let gateway = home.start();
    assert_eq!(
        login(&gateway, "admin", PASSWORD).await,
        None,
        "the password does not match with the original pepper"
    );
    assert!(!is_reported(&gateway.signal("-TERM").1));

    write(&home, &salted("second"));
    let accepted = home.command(&["user", "accept-salt"]).output().unwrap();
    assert!(accepted.status.success(), "{accepted:?}");
    assert!(!is_reported(&home.start().signal("-TERM").1));
}

#[test]
fn the_command_line_checks_a_chosen_password() {
    use std::io::Write;
    let rules = "[security.genesis_password.validation.password_strength]\nminimum_length = 8";
    let home = Home::new(&format!("{QUICK}{rules}"));
    let add = |password: &str| {
        let mut command = home.command(&["user", "add", "jane", "--password-stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
        child.wait_with_output().unwrap()
    };
    let refused = add("a 12345");
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    for rule in ["minimumLength: at least 8", "restrictWhitespace", "restrictNumericalSequences"] {
        assert!(stderr.contains(rule), "{stderr}");
    }
    assert!(!stderr.contains("a 12345"), "{stderr}");
    assert!(add("Crescent-1").status.success());
}

/// The password is valid for thirty days. The test sets the clock ahead.
#[tokio::test]
async fn a_password_that_is_too_old_must_be_changed() {
    let rules = "[security.genesis_password.validation.password_strength]\n\
        password_expiry_days = 30\npassword_expiry_notification_days = 5";
    let home = Home::new(&format!("{QUICK}{rules}"));
    home.start().signal("-TERM");
    let offset = home.path().join("offset");
    let after = |days: u64| {
        std::fs::write(&offset, format!("+{}", days * 86_400)).unwrap();
        MovedClock::spawn(&home, &offset)
    };
    let log_in = async |gateway: &GatewayProcess| {
        let message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
            "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
        Client::connect(gateway.address).await.ask(message).await
    };
    for (days, left, notice) in [(1, 29, false), (26, 4, true), (29, 1, true)] {
        let gateway = after(days);
        let details = log_in(&gateway).await["DETAILS"].clone();
        assert_eq!(
            (&details["DAYS_TO_PASSWORD_EXPIRY"], &details["NOTIFY_EXPIRY"]),
            (&json!(left), &json!(notice)),
            "after {days} days"
        );
        gateway.signal("-TERM");
    }
    let gateway = after(30);
    let refused = log_in(&gateway).await;
    assert_eq!(refused["CODE"], "PASSWORD_EXPIRED");
    assert_eq!(refused["ERROR"][0]["DETAILS"]["STATUS"], "PASSWORD_EXPIRED");
    assert_eq!(login(&gateway, "admin", "wrong").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
    let change = json!({ "MESSAGE_TYPE": "EVENT_CHANGE_USER_PASSWORD", "SOURCE_REF": 2,
        "DETAILS": {
            "USER_NAME": "admin", "OLD_PASSWORD": PASSWORD, "NEW_PASSWORD": "Crescent-1" } });
    let changed = Client::connect(gateway.address).await.ask(change).await;
    assert_eq!(changed["MESSAGE_TYPE"], "EVENT_CHANGE_USER_PASSWORD_ACK");
    assert_eq!(login(&gateway, "admin", "Crescent-1").await, None);
}

/// Each of the last 24 passwords is refused; an older one is accepted.
#[tokio::test]
async fn none_of_the_recent_passwords_can_be_reused() {
    const COUNT: usize = 24;
    let rules = format!(
        "[security.genesis_password.validation.password_strength]\nhistorical_check = {COUNT}"
    );
    let home = Home::new(&format!("{QUICK}{rules}"));
    let gateway = home.start();
    let mut client = Client::connect(gateway.address).await;
    let password = |number: usize| match number {
        0 => PASSWORD.to_owned(),
        number => format!("Crescent-{number}"),
    };
    let mut change = async |old: String, new: String| {
        let message = json!({ "MESSAGE_TYPE": "EVENT_CHANGE_USER_PASSWORD", "SOURCE_REF": 1,
            "DETAILS": { "USER_NAME": "admin", "OLD_PASSWORD": old, "NEW_PASSWORD": new } });
        client.ask(message).await["CODE"].as_str().map(str::to_owned)
    };
    for number in 1..=COUNT {
        assert_eq!(change(password(number - 1), password(number)).await, None, "{number}");
    }
    for number in 1..=COUNT {
        let code = change(password(COUNT), password(number)).await;
        assert_eq!(code.as_deref(), Some("HISTORY_VIOLATION"), "{number}");
    }
    assert_eq!(change(password(COUNT), password(0)).await, None);
    // The history contains only hashes.
    gateway.signal("-TERM");
    let file = home.path().join("all.export");
    assert!(home.command(&["export", file.to_str().unwrap()]).output().unwrap().status.success());
    let text = std::fs::read_to_string(file).unwrap();
    let mut salts: Vec<_> =
        text.split("$scrypt$ln=4,r=8,p=1$").skip(1).map(|it| &it[..22]).collect();
    assert!(salts.len() > COUNT && !text.contains("Crescent-"), "{}", salts.len());
    salts.sort_unstable();
    let all = salts.len();
    salts.dedup();
    assert_eq!(salts.len(), all, "two hashes have the same salt");
}
