//! Tests of authority over the wire: one right does not lead to others.

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK};

/// Sends an event and returns the answer.
async fn send(client: &mut Client, event: &str, details: Value) -> Value {
    client.ask(json!({ "MESSAGE_TYPE": event, "SOURCE_REF": event, "DETAILS": details })).await
}

async fn done(client: &mut Client, event: &str, details: Value) {
    let answer = send(client, event, details).await;
    assert_eq!(answer["MESSAGE_TYPE"], format!("{event}_ACK"), "{answer}");
}

/// Asserts that an event is refused, and returns DETAILS of the error.
async fn refused(client: &mut Client, event: &str, details: Value, code: &str) -> Value {
    let answer = send(client, event, details).await;
    assert_eq!(answer["CODE"], code, "{event}: {answer}");
    answer["ERROR"][0]["DETAILS"].clone()
}

/// Creates a user with these rights, and logs in.
async fn user(
    admin: &mut Client,
    address: std::net::SocketAddr,
    name: &str,
    rights: &[&str],
) -> Client {
    let user = json!({ "USER_NAME": name, "PASSWORD": PASSWORD, "RIGHT_CODES": rights });
    done(admin, "EVENT_INSERT_USER", user).await;
    Client::login(address, name, PASSWORD).await
}

#[tokio::test]
async fn one_right_on_profiles_does_not_reach_the_administration() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut clerk = user(&mut admin, gateway.address, "clerk", &["AMEND_PROFILE"]).await;
    let emptied = json!({ "NAME": "USER_ADMIN", "RIGHT_CODES": ["AMEND_USER"] });
    let details = refused(&mut clerk, "EVENT_AMEND_PROFILE", emptied, "NOT_AUTHORISED").await;
    assert_eq!(details["REASON"], "OUT_OF_REACH");
    let members = json!({ "NAME": "USER_ADMIN", "USER_NAMES": [] });
    let details = refused(&mut clerk, "EVENT_AMEND_PROFILE", members, "NOT_AUTHORISED").await;
    assert_eq!(details["REASON"], "OUT_OF_REACH");
    let disabled = json!({ "NAME": "USER_ADMIN", "STATUS": "DISABLED" });
    refused(&mut clerk, "EVENT_AMEND_PROFILE", disabled, "NOT_AUTHORISED").await;

    // Also if another user could amend users afterwards.
    let mut second = user(&mut admin, gateway.address, "second", &["DELETE_PROFILE"]).await;
    user(&mut admin, gateway.address, "third", &["AMEND_USER"]).await;
    let deleted = json!({ "NAME": "USER_ADMIN" });
    refused(&mut second, "EVENT_DELETE_PROFILE", deleted.clone(), "NOT_AUTHORISED").await;
    // A full administrator is not refused for the reach, but must remain.
    refused(&mut admin, "EVENT_DELETE_PROFILE", deleted, "LAST_ADMINISTRATOR").await;
    refused(
        &mut admin,
        "EVENT_DELETE_RIGHT",
        json!({ "CODE": "BACKUP" }),
        "DEPENDENT_RECORD_FOUND",
    )
    .await;

    // A right that is missing altogether is another reason.
    let details =
        refused(&mut clerk, "EVENT_INSERT_RIGHT", json!({ "CODE": "X" }), "NOT_AUTHORISED").await;
    assert_eq!((&details["REASON"], &details["RIGHT"]), (&json!("RIGHT"), &json!("INSERT_RIGHT")));
}

#[tokio::test]
async fn names_of_the_configuration_stay() {
    let home = Home::new(&format!(
        "{QUICK}[security.mfa]\nrequired_for = ['DEMANDING']\n[security.mfa.qr_code]\n"
    ));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut clerk =
        user(&mut admin, gateway.address, "clerk", &["AMEND_PROFILE", "INSERT_PROFILE"]).await;
    // Only a full administrator may use such a name.
    let new = json!({ "NAME": "DEMANDING" });
    let details = refused(&mut clerk, "EVENT_INSERT_PROFILE", new.clone(), "NOT_AUTHORISED").await;
    assert_eq!(details["REASON"], "GRANT");
    let inserted = send(&mut admin, "EVENT_INSERT_PROFILE", new).await;
    let id = &inserted["DETAILS"]["ID"];
    for sender in [&mut clerk, &mut admin] {
        let renamed = json!({ "ID": id, "NAME": "OTHER" });
        let details =
            refused(sender, "EVENT_AMEND_PROFILE", renamed, "DEPENDENT_RECORD_FOUND").await;
        assert_eq!(details["KEY"], "security.mfa.required_for");
    }
    // A member does not leave the profile by an own command.
    let member = json!({
        "USER_NAME": "member", "PASSWORD": PASSWORD, "RIGHT_CODES": ["USER_PROFILE_AMEND"],
    });
    done(&mut admin, "EVENT_INSERT_USER", member).await;
    let mut own = Client::login(gateway.address, "member", PASSWORD).await;
    let joined = json!({ "USER_NAME": "member", "USER_PROFILES": ["DEMANDING"] });
    done(&mut admin, "EVENT_USER_PROFILE_AMEND", joined).await;
    let left = json!({ "USER_NAME": "member", "USER_PROFILES": [] });
    let details =
        refused(&mut own, "EVENT_USER_PROFILE_AMEND", left.clone(), "NOT_AUTHORISED").await;
    assert_eq!(details["REASON"], "OUT_OF_REACH");
    done(&mut admin, "EVENT_USER_PROFILE_AMEND", left).await;
}

#[tokio::test]
async fn a_help_desk_does_not_reach_users_whose_profile_is_disabled() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    done(&mut admin, "EVENT_INSERT_RIGHT", json!({ "CODE": "RISK" })).await;
    let profile = json!({ "NAME": "RISK_MANAGER", "STATUS": "DISABLED", "RIGHT_CODES": ["RISK"] });
    done(&mut admin, "EVENT_INSERT_PROFILE", profile).await;
    let manager = json!({
        "USER_NAME": "manager", "PASSWORD": PASSWORD, "USER_PROFILES": ["RISK_MANAGER"],
    });
    done(&mut admin, "EVENT_INSERT_USER", manager).await;
    let rights = ["RESET_PWD", "EXPIRE_PWD", "RESET_ATTEMPTS", "LOGOUT_OTHERS", "CHANGE_PWD"];
    let mut help = user(&mut admin, gateway.address, "help", &rights).await;
    let target = json!({ "USER_NAME": "manager" });
    for event in ["EVENT_RESET_USER_PASSWORD", "EVENT_EXPIRE_USER_PASSWORD", "EVENT_END_SESSION"] {
        let details = refused(&mut help, event, target.clone(), "NOT_AUTHORISED").await;
        assert_eq!(
            (&details["REASON"], &details["RIGHT"]),
            (&json!("OUT_OF_REACH"), &json!("RISK")),
            "{event}"
        );
    }
    // The right is no administration right, so the refusal names the setting.
    let answer = send(&mut help, "EVENT_RESET_USER_PASSWORD", target.clone()).await;
    assert!(answer["TEXT"].as_str().unwrap().contains("security.guarded_rights"), "{answer}");
    // The own password is changed with the current one only.
    let own = json!({ "USER_NAME": "help" });
    refused(&mut help, "EVENT_RESET_USER_PASSWORD", own, "NOT_AUTHORISED").await;

    gateway.signal("-TERM");
    let narrow = QUICK.replacen('[', "[security]\nguarded_rights = 'administration'\n[", 1);
    std::fs::write(home.path().join("tollgate.toml"), narrow).unwrap();
    let gateway = home.start();
    let mut help = Client::login(gateway.address, "help", PASSWORD).await;
    done(&mut help, "EVENT_RESET_USER_PASSWORD", target).await;
}

/// Each change of STATUS needs the right of its own event.
#[tokio::test]
async fn a_status_needs_its_own_right() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut hr = user(&mut admin, gateway.address, "hr", &["AMEND_USER", "INSERT_USER"]).await;
    done(&mut admin, "EVENT_INSERT_USER", json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD }))
        .await;
    for (status, right) in [
        ("PASSWORD_RESET", "RESET_PWD"),
        ("PASSWORD_EXPIRED", "EXPIRE_PWD"),
        ("DISABLED", "DISABLE_USER"),
    ] {
        let amended = json!({ "USER_NAME": "jane", "STATUS": status });
        let details = refused(&mut hr, "EVENT_AMEND_USER", amended.clone(), "NOT_AUTHORISED").await;
        assert_eq!((&details["REASON"], &details["RIGHT"]), (&json!("RIGHT"), &json!(right)));
        let new = json!({ "USER_NAME": "new", "STATUS": status });
        refused(&mut hr, "EVENT_INSERT_USER", new, "NOT_AUTHORISED").await;
    }
    // The same status again is no change.
    done(&mut hr, "EVENT_AMEND_USER", json!({ "USER_NAME": "jane", "STATUS": "ENABLED" })).await;
    // A blank reset warns whichever event makes it.
    let reset = json!({ "USER_NAME": "jane", "STATUS": "PASSWORD_RESET" });
    let answer = send(&mut admin, "EVENT_AMEND_USER", reset).await;
    assert!(answer["DETAILS"]["WARNING"].is_string(), "{answer}");
}

#[tokio::test]
async fn the_administration_is_recovered_in_a_stopped_store() {
    let home = Home::new(QUICK);
    home.start().signal("-TERM");
    let recover = |name: &str| {
        let done = home.command(&["admin", "recover", "--user", name]).output().unwrap();
        let shown = String::from_utf8(done.stdout.clone()).unwrap();
        assert!(done.status.success(), "{done:?}");
        shown.trim().rsplit(' ').next().unwrap().to_owned()
    };
    let (once, again) = (recover("rescue"), recover("admin"));
    let gateway = home.start();
    for (name, password) in [("rescue", once), ("admin", again)] {
        let mut client = Client::connect(gateway.address).await;
        let change = json!({
            "USER_NAME": name, "OLD_PASSWORD": password, "NEW_PASSWORD": "Crescent-1",
        });
        done(&mut client, "EVENT_CHANGE_USER_PASSWORD", change).await;
        let mut client = Client::login(gateway.address, name, "Crescent-1").await;
        done(&mut client, "EVENT_INSERT_RIGHT", json!({ "CODE": name.to_uppercase() })).await;
    }
}
