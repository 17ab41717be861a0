//! What an operator and a newcomer meet: the printed command, the README, metrics, health, secrets
//! that are nowhere, an end in time.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::{Client, Gateway, Home, PASSWORD, QUICK};

/// Starts a gateway that draws its administrator's password; the answer is what it printed, too.
fn first_start(home: &Home) -> (Gateway, String) {
    let printed = home.path().join("printed");
    let file = std::fs::File::create(&printed).unwrap();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env_remove("TOLLGATE_ADMIN_PASSWORD");
    let gateway = Gateway::spawn_to(&mut command, Stdio::from(file)).expect("it starts");
    // The log says `listening` a moment before everything is printed.
    let text = || std::fs::read_to_string(&printed).unwrap();
    while !text().contains("log in:") {
        std::thread::yield_now();
    }
    (gateway, text())
}

fn shell(line: &str, folder: &Path) -> Vec<Value> {
    let output = Command::new("sh").arg("-c").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_printed_command_logs_in() {
    let home = Home::new(QUICK);
    let (gateway, printed) = first_start(&home);
    let file = home.data().join("admin-password");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let password = std::fs::read_to_string(&file).unwrap();
    assert!(!printed.contains(password.trim()), "it is shown on terminals only");
    let line = printed.lines().find_map(|line| line.strip_prefix("log in:")).unwrap();
    let answers = shell(line, home.path());
    assert_eq!(answers[0]["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{answers:?}");
    let (code, log) = gateway.signal("-INT");
    assert_eq!(code, Some(0));
    assert!(!log.iter().any(|line| line.contains(password.trim())));
}

/// The indented block of the README after a line that holds `words`.
pub fn block(readme: &str, words: &str) -> String {
    let after = readme.lines().skip_while(|line| !line.contains(words)).skip(1);
    let block = after.skip_while(|line| !line.starts_with("    "));
    let lines = block.take_while(|line| line.starts_with("    "));
    lines.map(|line| &line[4..]).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_conversation_of_the_readme_goes_as_it_says() {
    let readme = include_str!("../../README.md");
    let home = Home::new(QUICK);
    let gateway = home.start();
    let said = block(readme, "With any WebSocket client");
    let said = format!("PASSWORD='{PASSWORD}'\n{said}");
    let said = said
        .replace(
            "target/release/tollgate say",
            &format!("{} say --to {}", env!("CARGO_BIN_EXE_tollgate"), gateway.address),
        )
        .replace("tollgate-data", home.data().to_str().unwrap());
    let answers = shell(&said, home.path());
    let types: Vec<_> = answers.iter().map(|it| it["MESSAGE_TYPE"].as_str().unwrap()).collect();
    let shown = block(readme, "answers, shortened");
    let promised: Vec<_> =
        shown.lines().map(|line| line.split('"').nth(3).unwrap_or_default()).collect();
    assert_eq!(types, promised, "{answers:?}");
    // What the README shows of each answer is in it.
    for (line, answer) in shown.lines().zip(&answers) {
        let answer = answer.to_string();
        for word in line.split(['{', '}', ',', '…']).filter(|word| word.contains("\":")) {
            let mut drawn = ["TOKEN", "SESSION_ID", "RIGHTS_VERSION"].iter();
            let secret = drawn.any(|it| word.contains(it));
            let word = word.trim_end_matches('[');
            assert!(secret || answer.contains(word), "{word} is not in {answer}");
        }
    }
}

pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn metrics_and_health_are_served_and_name_nobody() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &management));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    admin.ask(json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1})).await;
    admin.ask(json!({"MESSAGE_TYPE": "NO_SUCH_MESSAGE", "SOURCE_REF": 2})).await;
    assert_eq!(get(free, "/health/live").await.0, 200);
    assert_eq!(get(free, "/health/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(get(free, "/elsewhere").await.0, 404);
    let (status, metrics) = get(free, "/metrics").await;
    assert_eq!(status, 200);
    for name in [
        "tollgate_message_seconds_bucket{message_type=\"EVENT_HEARTBEAT\",le=",
        "tollgate_message_seconds_count{message_type=\"EVENT_LOGIN_AUTH\"} 1",
        "tollgate_refused_total{message_type=\"?\",code=\"UNKNOWN_MESSAGE_TYPE\"} 1",
        "tollgate_connections 1",
        "tollgate_hash_queue_jobs",
        "tollgate_hash_wait_seconds_count 1",
        "tollgate_push_lag_seconds_count",
        "tollgate_commit_seconds_count",
        "tollgate_sessions 1",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    assert!(!metrics.contains("admin"), "no user has a metric");
    let (_, log) = gateway.signal("-TERM");
    let line = |word: &str| {
        let found = log.iter().find(|line| line.contains(word));
        serde_json::from_str::<Value>(found.unwrap()).unwrap()["fields"].clone()
    };
    assert_eq!(line("\"management\"")["address"], free.to_string());
    let login = line("EVENT_LOGIN_AUTH");
    assert_eq!((&login["user"], &login["code"]), (&json!("admin"), &json!("OK")));
    assert_eq!(login["address"], "127.0.0.1");
    let refused = line("UNKNOWN_MESSAGE_TYPE");
    assert_eq!((&refused["message"], &refused["user"]), (&json!("refused"), &json!("admin")));
}

/// Every file below a folder that holds one of the words.
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
                found.push(format!("{} holds {word}", path.display()));
            }
        }
    }
    found
}

/// The secrets that programs get and use.
async fn of_programs(gateway: &Gateway, admin: &mut Client) -> Vec<String> {
    let json = ["-s", "-H", "Content-Type: application/json", "-d"];
    let s1 = |path: &str, words: &[&str]| -> Value {
        let url = format!("http://{}{path}", gateway.address);
        let out = Command::new("curl").args(words).arg(url).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap()
    };
    let tokens = |pair: &Value| {
        ["accessToken", "refreshToken"].map(|it| pair[it].as_str().unwrap().to_owned())
    };
    let body = r#"{"login":"admin","password":"Canary-New-2"}"#;
    let [access, refresh] = tokens(&s1("/auth/token", &[&json[..], &[body]].concat()));
    let create = json!({"MESSAGE_TYPE": "EVENT_CREATE_ONE_TIME_TOKEN", "SOURCE_REF": 3,
        "SESSION_AUTH_TOKEN": access});
    let link = admin.ask(create).await["DETAILS"]["TOKEN"].as_str().unwrap().to_owned();
    let renewed = s1("/auth/token/refresh", &["-s", "-H", &format!("token: {refresh}")]);
    [access, refresh, link].into_iter().chain(tokens(&renewed)).collect()
}

#[tokio::test]
async fn no_secret_is_in_the_store_or_the_log() {
    let home = Home::new(QUICK);
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let gateway = Gateway::spawn(command.env("TOLLGATE_LOG", "trace")).unwrap();
    let mut admin = Client::connect(gateway.address).await;
    let mut login = json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1});
    let mut login = |details: Value| {
        login["DETAILS"] = details;
        login.clone()
    };
    let first = admin.ask(login(json!({"USER_NAME": "admin", "PASSWORD": PASSWORD}))).await;
    let refresh = login(json!({"REFRESH_AUTH_TOKEN": first["REFRESH_AUTH_TOKEN"]}));
    let second = admin.ask(refresh.clone()).await;
    // The grace: a racing tab gets the sealed pair.
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
    secrets.extend(of_programs(&gateway, &mut admin).await);
    for ack in [&first, &second] {
        for token in ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN"] {
            secrets.push(ack[token].as_str().unwrap().to_owned());
        }
    }
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    for secret in &secrets {
        let told = log.iter().find(|line| line.contains(secret.as_str()));
        assert_eq!(told, None, "{secret}");
    }
    assert_eq!(holding(&home.data(), &secrets), Vec::<String>::new());
}

#[tokio::test]
async fn a_first_start_that_cannot_listen_makes_no_administrator() {
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
async fn a_drain_ends_in_time_whoever_stays_silent() {
    let grace = QUICK.replace("[server]", "[server]\nshutdown_grace_secs = 5");
    let gateway = Home::new(&grace).start();
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(Client::login(gateway.address, "admin", PASSWORD).await);
    }
    // A hang-up ends nothing.
    let hung_up = Command::new("kill").args(["-HUP", &gateway.child.id().to_string()]).status();
    assert!(hung_up.unwrap().success());
    // They read nothing and answer nothing; one has not even spoken.
    let _silent = TcpStream::connect(gateway.address).await.unwrap();
    let ended = tokio::task::spawn_blocking(move || gateway.signal("-TERM"));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(15), ended).await;
    assert_eq!(ended.expect("it ends in time").unwrap().0, Some(0));
    for client in &mut clients {
        assert_eq!(client.receive().await.unwrap()["DETAILS"]["REASON"], "SHUTDOWN");
    }
}
