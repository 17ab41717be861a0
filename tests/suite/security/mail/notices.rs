//! Tests of notices, the mails about changes of an account.

use serde_json::{Value, json};

use super::delivery::{message, prepare};
use crate::harness::smtp::Sink;
use crate::harness::{Client, Home, PASSWORD, QUICK, authenticator};

fn configuration(port: u16, more: &str) -> String {
    format!(
        "{QUICK}[mail]\ntransport = 'smtp'\nfrom = 'desk@tollgate.example'\n[mail.smtp]\n\
         port = {port}\n{more}\n"
    )
}

async fn done(client: &mut Client, name: &str, details: Value) -> Value {
    let answer = client.ask(message(name, details)).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    answer
}

#[tokio::test]
async fn users_learn_of_changes_of_their_accounts() {
    let sink = Sink::start(&[]);
    let more = "[security]\nreset_mode = 'one_time_password'\n[security.mfa.qr_code]\n\
        [security.notices]\n";
    let home = Home::new(&configuration(sink.port, more));
    let gateway = home.start();
    let mut admin = prepare(&gateway).await;
    let mut jane = Client::login(gateway.address, "jane", PASSWORD).await;
    let change = json!({ "OLD_PASSWORD": PASSWORD, "NEW_PASSWORD": "Another-1" });
    done(&mut jane, "EVENT_CHANGE_USER_PASSWORD", change).await;
    let mails = sink.wait_for(1).await;
    assert!(mails[0].contains("Subject: Your password for"), "{}", mails[0]);
    assert!(mails[0].contains("was changed"), "{}", mails[0]);

    let shown = done(&mut jane, "EVENT_MFA_CREATE_SECRET", json!({})).await;
    let secret = shown["DETAILS"]["SECRET"].as_str().unwrap();
    let confirm = json!({ "MFA_CODE": authenticator::totp(secret, 0) });
    done(&mut jane, "EVENT_MFA_CONFIRM_SECRET", confirm).await;
    assert!(sink.wait_for(2).await[1].contains("was added"));
    let user = json!({ "USER_NAME": "jane" });
    done(&mut admin, "EVENT_DISABLE_MFA_FOR_USER", user.clone()).await;
    assert!(sink.wait_for(3).await[2].contains("was removed"));
    let reset = done(&mut admin, "EVENT_RESET_USER_PASSWORD", user).await;
    assert!(sink.wait_for(4).await[3].contains("was reset"));
    // A new address does not get the notice.
    let amend = json!({ "USER_NAME": "jane", "EMAIL_ADDRESS": "other@genesis.global" });
    done(&mut admin, "EVENT_AMEND_USER", amend).await;
    let mails = sink.wait_for(5).await;
    assert!(mails[4].contains("Subject: Your mail address for"), "{}", mails[4]);
    for mail in &mails {
        assert!(mail.contains("To: jane.doe@genesis.global"), "{mail}");
        assert!(mail.contains("jane"), "{mail}");
        assert!(mail.contains("Time (UTC): 20"), "{mail}");
        assert!(mail.contains("Address of the client: 127.0.0.1"), "{mail}");
        assert!(!mail.contains("http"), "a notice has a link: {mail}");
        let once = reset["DETAILS"]["ONE_TIME_PASSWORD"].as_str().unwrap();
        for secret in [once, secret, PASSWORD, "Another-1"] {
            assert!(!mail.contains(secret), "a notice has a secret: {mail}");
        }
    }
    // A user without an address gets no notice.
    done(&mut admin, "EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "joe" })).await;
    sink.stays_at(5).await;
}

#[tokio::test]
async fn without_the_section_or_the_topic_no_notice_is_sent() {
    for more in ["", "[security.notices]\ntopics = ['new_place', 'factor_changed']"] {
        let sink = Sink::start(&[]);
        let home = Home::new(&configuration(sink.port, more));
        let gateway = home.start();
        prepare(&gateway).await;
        let mut jane = Client::login(gateway.address, "jane", PASSWORD).await;
        let change = json!({ "OLD_PASSWORD": PASSWORD, "NEW_PASSWORD": "Another-1" });
        done(&mut jane, "EVENT_CHANGE_USER_PASSWORD", change).await;
        // The queue is checked at least every five seconds.
        tokio::time::sleep(std::time::Duration::from_millis(5_500)).await;
        assert_eq!(sink.mails(), "", "{more}");
    }
}

#[test]
fn notices_need_a_mail_transport_and_known_topics() {
    for (more, text) in [
        ("[security.notices]\n", "security.notices sends mails of the topic NOTICE"),
        ("[security.notices]\ntopics = ['password_lost']\n", "security.notices.topics"),
    ] {
        let output = Home::new(&format!("{QUICK}{more}")).command(&["serve"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains(text), "{stderr}");
    }
}
