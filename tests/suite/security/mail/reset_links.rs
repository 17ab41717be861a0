//! Tests of self-service password resets by a mailed link.

use std::process::Command;

use serde_json::{Value, json};

use super::delivery::{login, message, prepare};
use crate::harness::smtp::{Sink, parameter};
use crate::harness::{Client, Home, QUICK};

pub(super) fn by_reset(port: u16, more: &str) -> String {
    format!(
        "{QUICK}[mail]\ntransport = 'smtp'\nfrom = 'desk@tollgate.example'\n[mail.smtp]\n\
         port = {port}\n[security.genesis_password.self_service_reset]\n\
         redirect_url = 'https://desk.example/reset'\n{more}\n"
    )
}

pub(super) async fn request_reset(client: &mut Client, details: Value) {
    let answer = client.ask(message("EVENT_SELF_SERVICE_PASSWORD_RESET", details)).await;
    assert_eq!(answer["MESSAGE_TYPE"], "EVENT_SELF_SERVICE_PASSWORD_RESET_ACK", "{answer}");
}

async fn choose(client: &mut Client, token: &str, password: &str) -> Value {
    let details = json!({ "USER_NAME": "jane", "RESET_TOKEN": token, "NEW_PASSWORD": password });
    client.ask(message("EVENT_PASSWORD_RESET_ACTION", details)).await
}

#[tokio::test]
async fn the_newest_link_to_the_configured_page_resets_the_password() {
    let sink = Sink::start(&[]);
    let home = Home::new(&by_reset(sink.port, "cool_down_in_minutes = 0"));
    let gateway = home.start();
    prepare(&gateway).await;
    let mut client = Client::connect(gateway.address).await;
    // The replies are the same for a user without an address, for an unknown user, and with the
    // RETURN_URL of a foreign page.
    let jane = json!({ "USER_NAME": "jane", "RETURN_URL": "https://evil.example/" });
    for details in [json!({ "USER_NAME": "joe" }), json!({ "USER_NAME": "unknown" }), jane.clone()]
    {
        request_reset(&mut client, details).await;
    }
    let first = sink.wait_for(1).await.remove(0);
    request_reset(&mut client, jane).await;
    let second = sink.wait_for(2).await.remove(1);
    for mail in [&first, &second] {
        assert!(mail.contains("https://desk.example/reset?token="), "{mail}");
        assert!(!mail.contains("evil.example"), "{mail}");
        assert!(mail.contains("&user=jane within 10 minutes."), "{mail}");
    }
    let [old, new] = [&first, &second].map(|mail| parameter(mail, "token"));
    assert_eq!(choose(&mut client, &old, "Another-1").await["CODE"], "INVALID_TOKEN");
    let done = choose(&mut client, &new, "Another-1").await;
    assert_eq!(done["MESSAGE_TYPE"], "EVENT_PASSWORD_RESET_ACTION_ACK", "{done}");
    assert_eq!(choose(&mut client, &new, "Another-2").await["CODE"], "INVALID_TOKEN");
    assert_eq!(login(&gateway, "jane", "Another-1").await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    let (_, log) = gateway.signal("-TERM");
    let log = log.join("\n");
    for why in ["the user has no EMAIL_ADDRESS", "no user has this name"] {
        assert!(log.contains(why), "{why}: {log}");
    }
    for token in [&old, &new] {
        assert!(!log.contains(token.as_str()));
        let mut grep = Command::new("grep");
        let found = grep.args(["-r", "-a", "-l", token]).arg(home.data()).output().unwrap();
        assert!(found.stdout.is_empty(), "a reset token is in the store");
    }
}

#[tokio::test]
async fn many_requests_send_one_mail_and_its_token_works_once() {
    let sink = Sink::start(&[]);
    let limits = "[server.limits]\nunauthenticated_frames_per_sec = 1000";
    let configuration = by_reset(sink.port, "").replace("[server.limits]", limits);
    let home = Home::new(&configuration);
    let gateway = home.start();
    prepare(&gateway).await;
    let mut client = Client::connect(gateway.address).await;
    for _ in 0..400 {
        request_reset(&mut client, json!({ "USER_NAME": "jane" })).await;
    }
    let mail = sink.wait_for(1).await.remove(0);
    sink.stays_at(1).await;
    let token = parameter(&mail, "token");
    let attempts = (0..50).map(|number| {
        let (address, token) = (gateway.address, token.clone());
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            choose(&mut client, &token, &format!("Another-{number}")).await
        })
    });
    let mut done = 0;
    for answer in attempts.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        done += usize::from(answer["CODE"].is_null());
        assert!(answer["CODE"].is_null() || answer["CODE"] == "INVALID_TOKEN", "{answer}");
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn the_name_of_a_user_adds_neither_headers_nor_recipients() {
    let sink = Sink::start(&[]);
    let message = "cool_down_in_minutes = 0\n\
        [security.genesis_password.self_service_reset.reset_message]\n\
        subject = 'For {{ USER.firstName }}'\nbody = 'Dear {{ USER.firstName }}, {{ RESET_URL }}'\n\
        [templates.variables]\nDESK = 'Rates'\n";
    let home = Home::new(&by_reset(sink.port, message));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let mut client = Client::connect(gateway.address).await;
    let names =
        ["Jane\r\nBcc: eve@evil.example", "{{ DESK }} {{ RESET_URL }}", "Zo\u{eb} \u{2603}"];
    let mut taken = Vec::new();
    for name in names {
        let amend = json!({ "USER_NAME": "jane", "FIRST_NAME": name });
        let answer = admin.ask(self::message("EVENT_AMEND_USER", amend)).await;
        if answer["CODE"].is_null() {
            request_reset(&mut client, json!({ "USER_NAME": "jane" })).await;
            taken.push(sink.wait_for(taken.len() + 1).await.pop().unwrap());
        }
    }
    assert!(taken.len() >= 2, "{taken:#?}");
    for mail in &taken {
        let head = mail.trim_start().split("\n\n").next().unwrap();
        assert!(!head.to_lowercase().contains("\nbcc:"), "{head}");
        assert!(!mail.contains("Rates"), "a value was expanded as a template: {mail}");
    }
    // An EMAIL_ADDRESS cannot contain a second recipient.
    for address in ["eve@evil.example\r\nBcc: a@b.example", "a@b.example, c@d.example", "a@b>"] {
        let amend = json!({ "USER_NAME": "jane", "EMAIL_ADDRESS": address });
        let refused = admin.ask(self::message("EVENT_AMEND_USER", amend)).await;
        assert_eq!(refused["CODE"], "VALIDATION_ERROR", "{address}");
    }
}

/// Access to the mailbox resets the password, but not the second factor.
#[tokio::test]
async fn a_reset_does_not_bypass_the_second_factor() {
    let sink = Sink::start(&[]);
    let configuration = by_reset(sink.port, "cool_down_in_minutes = 0");
    let home = Home::new(&format!("{configuration}[security.mfa.qr_code]\n"));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let jane = json!({ "USER_NAME": "jane" });
    let shown = admin.ask(message("EVENT_MFA_CREATE_SECRET", jane.clone())).await;
    let secret = shown["DETAILS"]["SECRET"].as_str().unwrap();
    let code = crate::harness::authenticator::totp(secret, 0);
    let confirm = json!({ "USER_NAME": "jane", "MFA_CODE": code });
    let done = admin.ask(message("EVENT_MFA_CONFIRM_SECRET", confirm)).await;
    assert!(done["CODE"].is_null(), "{done}");
    let mut client = Client::connect(gateway.address).await;
    request_reset(&mut client, jane).await;
    let token = parameter(&sink.wait_for(1).await[0], "token");
    let chosen = choose(&mut client, &token, "Another-1").await;
    assert!(chosen["CODE"].is_null(), "{chosen}");
    assert_eq!(login(&gateway, "jane", "Another-1").await["CODE"], "MFA_FAILED");
}

#[tokio::test]
async fn a_client_chooses_the_page_only_below_the_configured_ones() {
    let home = Home::new(&format!(
        "{QUICK}[mail]\ntransport = 'file'\nfile = {{ folder = 'outbox' }}\n\
         [security.genesis_password.self_service_reset]\naccept_client_url = true\n\
         return_urls = ['https://dev.example/new']\n"
    ));
    let gateway = home.start();
    prepare(&gateway).await;
    let mut client = Client::connect(gateway.address).await;
    for foreign in [
        "javascript:alert(1)",
        "https://evil.example/new",
        "https://dev.example/newer",
        "https://dev.example/new/../other",
        "https://dev.example@evil.example/new",
        "https://jane@dev.example/new",
        "http://dev.example/new",
    ] {
        let wrong = json!({ "USER_NAME": "jane", "RETURN_URL": foreign });
        request_reset(&mut client, wrong).await;
    }
    let own = json!({ "USER_NAME": "jane", "RETURN_URL": "https://dev.example/new?a=b" });
    request_reset(&mut client, own).await;
    let folder = home.path().join("outbox");
    let files = || std::fs::read_dir(&folder).into_iter().flatten().flatten();
    while !files().any(|file| file.metadata().unwrap().len() > 0) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mails: Vec<_> = files().map(|file| std::fs::read_to_string(file.path()).unwrap()).collect();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    let mail = mail.replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("https://dev.example/new?a=b&token="), "{mail}");
}

#[test]
fn a_hardened_gateway_lets_no_client_choose_the_page() {
    let hardened = "mode = 'hardened'\n[mail]\ntransport = 'file'\n\
        [security.genesis_password.self_service_reset]\naccept_client_url = true\n\
        return_urls = ['https://dev.example/new']\n";
    let refused = Home::new(hardened).command(&["serve"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && stderr.contains("accept_client_url"), "{stderr}");
}
