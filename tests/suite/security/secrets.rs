//! Test that neither the store nor the log contains secrets.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

/// Searches the files of a folder and its subfolders for `words`. Each result names a file and a
/// word that the file contains.
fn holding(folder: &Path, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, words));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for word in words {
            if bytes.windows(word.len()).any(|it| it == word.as_bytes()) {
                found.push(format!("{} contains {word}", path.display()));
            }
        }
    }
    found
}

/// Logs in and refreshes over the token API, and creates a one-time token. Returns all tokens.
async fn token_api_secrets(gateway: &GatewayProcess, admin: &mut Client) -> Vec<String> {
    let json = ["-s", "-H", "Content-Type: application/json", "-d"];
    let call = |path: &str, words: &[&str]| -> Value {
        let url = format!("http://{}{path}", gateway.address);
        let out = Command::new("curl").args(words).arg(url).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let tokens = |pair: &Value| {
        ["accessToken", "refreshToken"].map(|it| pair[it].as_str().unwrap().to_owned())
    };
    let body = r#"{"login":"admin","password":"Canary-New-2"}"#;
    let [access, refresh] = tokens(&call("/auth/token", &[&json[..], &[body]].concat()));
    let create = json!({"MESSAGE_TYPE": "EVENT_CREATE_ONE_TIME_TOKEN", "SOURCE_REF": 3,
        "SESSION_AUTH_TOKEN": access});
    let one_time = admin.ask(create).await["DETAILS"]["TOKEN"].as_str().unwrap().to_owned();
    let renewed = call("/auth/token/refresh", &["-s", "-H", &format!("token: {refresh}")]);
    [access, refresh, one_time].into_iter().chain(tokens(&renewed)).collect()
}

#[tokio::test]
async fn no_secret_is_in_the_store_or_the_log() {
    let home = Home::new(QUICK);
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let gateway = GatewayProcess::spawn(command.env("TOLLGATE_LOG", "trace")).unwrap();
    let mut admin = Client::connect(gateway.address).await;
    let mut login = json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1});
    let mut login = |details: Value| {
        login["DETAILS"] = details;
        login.clone()
    };
    let first = admin.ask(login(json!({"USER_NAME": "admin", "PASSWORD": PASSWORD}))).await;
    let refresh = login(json!({"REFRESH_AUTH_TOKEN": first["REFRESH_AUTH_TOKEN"]}));
    let second = admin.ask(refresh.clone()).await;
    // Within the grace period a racing refresh gets the same pair, which is stored encrypted.
    assert_eq!(admin.ask(refresh).await["SESSION_AUTH_TOKEN"], second["SESSION_AUTH_TOKEN"]);
    admin.ask(login(json!({"USER_NAME": "admin", "PASSWORD": "Canary-Wrong-1"}))).await;
    let change = json!({"MESSAGE_TYPE": "EVENT_CHANGE_USER_PASSWORD", "SOURCE_REF": 2,
        "DETAILS": {"USER_NAME": "admin", "OLD_PASSWORD": PASSWORD,
            "NEW_PASSWORD": "Canary-New-2"}});
    let changed = admin.ask(change).await;
    assert_eq!(changed["MESSAGE_TYPE"], "EVENT_CHANGE_USER_PASSWORD_ACK", "{changed}");
    admin.send(json!({"MESSAGE_TYPE": "Canary-Broken-3", "DETAILS": "Canary-Broken-3"})).await;
    admin.receive().await;
    let mut secrets = vec![PASSWORD.to_owned()];
    secrets.extend(["Canary-Wrong-1", "Canary-New-2", "Canary-Broken-3"].map(str::to_owned));
    secrets.extend(token_api_secrets(&gateway, &mut admin).await);
    for ack in [&first, &second] {
        for token in ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN"] {
            secrets.push(ack[token].as_str().unwrap().to_owned());
        }
    }
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    for secret in &secrets {
        let leaked = log.iter().find(|line| line.contains(secret.as_str()));
        assert_eq!(leaked, None, "{secret} is in the log");
    }
    assert_eq!(holding(&home.data(), &secrets), Vec::<String>::new());
}
