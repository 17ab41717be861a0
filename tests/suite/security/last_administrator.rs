//! Test of two administrators who remove each other at the same time: one remains.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK};

const ROUNDS: usize = 60;

/// The message with which one administrator removes the other; it differs by round.
fn attack(round: usize, other: &str) -> Value {
    let (name, details) = match round % 4 {
        0 => ("EVENT_DISABLE_USER", json!({ "USER_NAME": other })),
        1 => ("EVENT_DELETE_USER", json!({ "USER_NAME": other })),
        2 => ("EVENT_USER_PROFILE_AMEND", json!({ "USER_NAME": other, "USER_PROFILES": [] })),
        _ => ("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": other })),
    };
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": format!("attack-{round}"), "DETAILS": details })
}

/// Logs in; `None` if the login fails or the user has no right to amend users.
async fn administrator(address: SocketAddr, user: &str) -> Option<Client> {
    let mut client = Client::connect(address).await;
    let details = json!({ "USER_NAME": user, "PASSWORD": PASSWORD });
    let login =
        json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "l", "DETAILS": details });
    let ack = client.ask(login).await;
    let permissions = ack["PERMISSION"].as_array()?;
    permissions.contains(&json!("AMEND_USER")).then_some(client)
}

/// Deletes the other administrator, if they still exist, and creates them again.
async fn restore(survivor: &mut Client, other: &str) {
    let new = json!({ "USER_NAME": other, "PASSWORD": PASSWORD, "USER_PROFILES": ["USER_ADMIN"] });
    for (name, details) in
        [("EVENT_DELETE_USER", json!({ "USER_NAME": other })), ("EVENT_INSERT_USER", new)]
    {
        let message = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details });
        let answer = survivor.ask(message).await;
        let removed = answer["CODE"] == "RECORD_NOT_FOUND" && name == "EVENT_DELETE_USER";
        assert!(removed || answer["MESSAGE_TYPE"] == format!("{name}_ACK"), "{answer}");
    }
}

/// Sends a message and returns whether it succeeded. If the connection ends, the message did not
/// succeed: the other administrator was faster.
async fn strike(mut client: Client, message: Value) -> bool {
    let source_ref = message["SOURCE_REF"].clone();
    client.send(message).await;
    while let Some(answer) = client.receive().await {
        if answer["SOURCE_REF"] == source_ref {
            return answer["MESSAGE_TYPE"].as_str().is_some_and(|it| it.ends_with("_ACK"));
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_racing_administrators_remains() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let address = gateway.address;
    let names = ["admin", "second"];
    let mut first =
        administrator(address, names[0]).await.expect("the first administrator cannot log in");
    restore(&mut first, names[1]).await;
    let mut wins = [0; 2];
    for round in 0..ROUNDS {
        let both = names.map(|name| administrator(address, name));
        let [one, two] = futures_util::future::join_all(both).await.try_into().ok().expect("two");
        let (one, two) =
            (one.expect("the first cannot log in"), two.expect("the second cannot log in"));
        let mut strikes = [(0, one, names[1]), (1, two, names[0])];
        // The order in which the two administrators start changes every four rounds.
        strikes.rotate_left(round / 4 % 2);
        let strikes = strikes.map(|(at, client, other)| {
            let struck = tokio::spawn(strike(client, attack(round, other)));
            async move { (at, struck.await.unwrap()) }
        });
        let mut done = [false; 2];
        for (at, struck) in futures_util::future::join_all(strikes).await {
            done[at] = struck;
        }
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "round {round}: {done:?}");
        let winner = usize::from(done[1]);
        wins[winner] += 1;
        let loser = names[1 - winner];
        assert!(
            administrator(address, loser).await.is_none(),
            "round {round}: {loser} is still an administrator"
        );
        let survivor = administrator(address, names[winner]).await;
        let mut survivor =
            survivor.unwrap_or_else(|| panic!("round {round}: no administrator is left"));
        restore(&mut survivor, loser).await;
    }
    println!("{wins:?} wins");
    assert!(wins.iter().all(|won| *won > 0), "the same administrator won every round: {wins:?}");
}
