//! Tests of pushed updates: a client that applies them has the correct rows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::harness::clients::get;
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

/// The rows of one subscription as a client maintains them from its updates.
#[derive(Debug, Default, Clone)]
struct Model {
    rows: BTreeMap<String, Map<String, Value>>,
    sequence: u64,
    version: u64,
    received: usize,
    more: bool,
}

impl Model {
    /// Applies one update. Panics if it contradicts the rows or the sequence numbers.
    fn fold(&mut self, update: &Value) {
        assert_eq!(update["SEQUENCE_ID"], self.sequence, "{update}");
        self.sequence += 1;
        self.more = update["MORE_ROWS"] == true;
        let version = update["RIGHTS_VERSION"].as_u64().unwrap_or(self.version);
        assert!(version >= self.version, "{update}");
        self.version = version;
        for row in update["ROW"].as_array().unwrap() {
            self.received += 1;
            let mut row = row["DETAILS"].as_object().unwrap().clone();
            let operation = row.remove("OPERATION").unwrap();
            let name = row.remove("ROW_REF").unwrap().as_str().unwrap().to_owned();
            let existing = self.rows.get_mut(&name);
            match (operation.as_str().unwrap(), existing) {
                ("INSERT", None) => drop(self.rows.insert(name, row)),
                ("DELETE", Some(_)) => drop(self.rows.remove(&name)),
                ("MODIFY", Some(existing)) => existing.extend(row),
                (operation, existing) => {
                    panic!("{operation} of {name}, but the client has {existing:?}")
                }
            }
        }
    }
}

/// A client with several subscriptions and their models.
struct Subscriber {
    client: Client,
    models: BTreeMap<String, Model>,
}

impl Subscriber {
    async fn login(address: SocketAddr, user: &str, password: &str) -> Self {
        Self { client: Client::login(address, user, password).await, models: BTreeMap::new() }
    }

    /// Receives one frame. Applies it if it is an update, otherwise returns it.
    async fn take(&mut self) -> Option<Value> {
        let frame = self.client.receive().await.expect("the connection ended");
        if frame["MESSAGE_TYPE"] != "QUERY_UPDATE" {
            return Some(frame);
        }
        let name = frame["SOURCE_REF"].as_str().unwrap();
        self.models
            .get_mut(name)
            .expect("an update for a subscription that is not open")
            .fold(&frame);
        None
    }

    async fn request(&mut self, message: Value) -> Value {
        self.client.send(message).await;
        loop {
            if let Some(answer) = self.take().await {
                return answer;
            }
        }
    }

    /// Opens a subscription and reads all pages.
    async fn logon(&mut self, name: &str, mut details: Value) {
        details["MAX_ROWS"] = details.get("MAX_ROWS").cloned().unwrap_or(json!(5));
        self.models.insert(name.to_owned(), Model { more: true, ..Model::default() });
        let logon = json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": name, "DETAILS": details});
        let ack = self.request(logon).await;
        assert_eq!(ack["MESSAGE_TYPE"], "LOGON_ACK", "{ack}");
        while self.models[name].sequence == 0 {
            assert_eq!(self.take().await, None);
        }
        self.read_pages(name).await;
    }

    async fn read_pages(&mut self, name: &str) {
        while self.models[name].more {
            let more = json!({"MESSAGE_TYPE": "MORE_ROWS", "SOURCE_REF": "more",
                "DETAILS": {"SOURCE_REF": name}});
            assert_eq!(self.request(more).await["MESSAGE_TYPE"], "MORE_ROWS_ACK");
        }
    }

    async fn logoff(&mut self, name: &str) -> Model {
        let ack = self.request(json!({"MESSAGE_TYPE": "DATA_LOGOFF", "SOURCE_REF": name})).await;
        assert_eq!(ack["MESSAGE_TYPE"], "LOGOFF_ACK", "{ack}");
        self.models.remove(name).unwrap()
    }

    /// Checks that the rows of a subscription equal those of a new one.
    async fn compare(&mut self, name: &str, details: Value) {
        self.read_pages(name).await;
        self.logon("fresh", details).await;
        let fresh = self.logoff("fresh").await;
        assert_eq!(self.models[name].rows, fresh.rows, "the rows of {name} differ");
    }
}

async fn done(client: &mut Client, message: Value) -> Value {
    let answer = client.ask(message).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    answer
}

const RIGHTS: usize = 8;
const PROFILES: usize = 4;
const USERS: usize = 6;

/// Starts a gateway with users u0, u1, …, rights R0, R1, … and profiles P0, P1, ….
async fn desk(configuration: &str) -> (Home, GatewayProcess, Client) {
    desk_of(configuration, "a right").await
}

/// Same as [`desk`], with this description of each right.
async fn desk_of(configuration: &str, description: &str) -> (Home, GatewayProcess, Client) {
    let home = Home::new(configuration);
    let words = ["populate", "--users", "6", "--profiles", "0", "--password", PASSWORD];
    assert!(home.command(&words).output().unwrap().status.success());
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for number in 0..RIGHTS {
        let right = json!({"MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": 1,
            "DETAILS": {"CODE": format!("R{number}"), "DESCRIPTION": description}});
        done(&mut admin, right).await;
    }
    for number in 0..PROFILES {
        let profile = json!({"MESSAGE_TYPE": "EVENT_INSERT_PROFILE", "SOURCE_REF": 1,
            "DETAILS": {"NAME": format!("P{number}")}});
        done(&mut admin, profile).await;
    }
    (home, gateway, admin)
}

fn some(rng: &mut StdRng, prefix: &str, of: usize) -> Vec<String> {
    let count = rng.random_range(0..=of);
    (0..of).sample(rng, count).into_iter().map(|it| format!("{prefix}{it}")).collect()
}

/// A random change of a profile.
fn change(rng: &mut StdRng) -> Value {
    let name = format!("P{}", rng.random_range(0..PROFILES));
    let mut details = json!({"NAME": name});
    match rng.random_range(0..4) {
        0 => details["RIGHT_CODES"] = json!(some(rng, "R", RIGHTS)),
        1 => details["USER_NAMES"] = json!(some(rng, "u", USERS)),
        2 => details["STATUS"] = json!(["ENABLED", "DISABLED"].choose(rng)),
        _ => {
            details["RIGHT_CODES"] = json!(some(rng, "R", RIGHTS));
            details["USER_NAMES"] = json!(some(rng, "u", USERS));
            details["DESCRIPTION"] = json!(format!("{}", rng.random_range(0..3)));
        }
    }
    json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": "c", "DETAILS": details})
}

fn sources() -> [(&'static str, Value); 8] {
    [
        ("mine", json!({"DATASOURCE_NAME": "USER_RIGHTS"})),
        ("pages", json!({"DATASOURCE_NAME": "USER_RIGHTS", "MAX_ROWS": 2})),
        ("profiles", json!({"DATASOURCE_NAME": "ALL_PROFILES", "MAX_ROWS": 3})),
        ("rights", json!({"DATASOURCE_NAME": "ALL_RIGHTS"})),
        (
            "some",
            json!({"DATASOURCE_NAME": "USER_RIGHTS", "CRITERIA_MATCH": "CODE in ['R1','R2','R3']"}),
        ),
        (
            "two",
            json!({"DATASOURCE_NAME": "USER_RIGHTS",
                "CRITERIA_MATCH": "USER_NAME in ['u1','U2','unknown']"}),
        ),
        ("pin", json!({"DATASOURCE_NAME": "USER_RIGHTS", "CRITERIA_MATCH": "USER_NAME=='u1'"})),
        (
            "few",
            json!({"DATASOURCE_NAME": "USER_RIGHTS",
                "CRITERIA_MATCH": "USER_NAME == 'u1' && CODE in ['R1','R2']"}),
        ),
    ]
}

/// Subscribes and unsubscribes until `stop` is set, then compares all rows with new subscriptions.
async fn subscribe_again_and_again(
    address: SocketAddr,
    user: String,
    stop: Arc<AtomicBool>,
    seed: u64,
) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut me = Subscriber::login(address, &user, PASSWORD).await;
    while !stop.load(Ordering::Relaxed) {
        let (name, details) = sources().choose(&mut rng).unwrap().clone();
        if me.models.contains_key(name) {
            me.logoff(name).await;
        } else {
            me.logon(name, details).await;
        }
    }
    for (name, details) in sources() {
        if !me.models.contains_key(name) {
            me.logon(name, details.clone()).await;
        }
        me.compare(name, details).await;
    }
    let mut few = me.models["few"].rows.values();
    assert!(
        few.all(|row| row["USER_NAME"] == "u1" && (row["CODE"] == "R1" || row["CODE"] == "R2"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribing_while_rights_change() {
    let eager = "[server.limits]\nmessages_per_sec_per_connection = 1000000\n";
    let (_home, gateway, _admin) = desk(&QUICK.replace("[server.limits]\n", eager)).await;
    let (address, stop) = (gateway.address, Arc::new(AtomicBool::new(false)));
    let users = (0..USERS).map(|number| format!("u{number}")).chain(["admin".to_owned()]);
    let subscribers: Vec<_> = (1..)
        .zip(users)
        .map(|(seed, user)| {
            tokio::spawn(subscribe_again_and_again(address, user, stop.clone(), seed))
        })
        .collect();
    let changer = |seed| async move {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut admin = Client::login(address, "admin", PASSWORD).await;
        for _ in 0..600 {
            done(&mut admin, change(&mut rng)).await;
        }
    };
    tokio::join!(changer(100), changer(101));
    stop.store(true, Ordering::Relaxed);
    for subscriber in subscribers {
        subscriber.await.unwrap();
    }
}

/// A configuration in which a client that reads slowly gets conflated rows and is not closed.
const PATIENT: &str = "[server]\nmanagement_listen = ''\n[server.limits]\n\
    exempt_addresses = ['127.0.0.0/8']\n\
    messages_per_sec_per_connection = 1000000\noutbox_bytes = 4000000\nwrite_timeout_secs = 60\n\
    [security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";

/// Gives profiles new, long descriptions, so that the buffers of a slow reader fill soon.
async fn describe(admin: &mut Client, rounds: usize) {
    for round in 0..rounds {
        let text = format!("{round:04}").repeat(250);
        let amend = json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": round,
            "DETAILS": {"NAME": format!("P{}", round % PROFILES), "DESCRIPTION": text}});
        done(admin, amend).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_gets_fewer_updates_and_the_same_rows() {
    const STREAMS: usize = 40;
    const ROUNDS: usize = 400;
    let (_home, gateway, mut admin) = desk(PATIENT).await;
    let mut slow = Subscriber::login(gateway.address, "admin", PASSWORD).await;
    let details = json!({"DATASOURCE_NAME": "ALL_PROFILES"});
    for number in 0..STREAMS {
        slow.logon(&format!("s{number}"), details.clone()).await;
    }
    // The slow client does not read during the changes.
    describe(&mut admin, ROUNDS).await;
    for number in 0..STREAMS {
        slow.compare(&format!("s{number}"), details.clone()).await;
    }
    let received: usize = slow.models.values().map(|model| model.received).sum();
    assert!(received < STREAMS * ROUNDS, "nothing was conflated: {received}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_of_rights_gets_the_same_rows() {
    const STREAMS: usize = 40;
    const CHANGES: usize = 150;
    let (_home, gateway, mut admin) = desk_of(PATIENT, &"wide".repeat(250)).await;
    let (address, stop) = (gateway.address, Arc::new(AtomicBool::new(false)));
    let details = json!({"DATASOURCE_NAME": "USER_RIGHTS", "MAX_ROWS": 500});
    let mut quick = Subscriber::login(address, "admin", PASSWORD).await;
    quick.logon("quick", details.clone()).await;
    let mut slow = Subscriber::login(address, "admin", PASSWORD).await;
    for number in 0..STREAMS {
        slow.logon(&format!("s{number}"), details.clone()).await;
    }
    let other = subscribe_again_and_again(address, "u2".to_owned(), stop.clone(), 7);
    let other = tokio::spawn(other);
    // The slow client does not read during the changes. The first changes are random. The last
    // changes alternately revoke and grant the same rights, so that they concern the same rows.
    let mut rng = StdRng::seed_from_u64(3);
    let ping = json!({"MESSAGE_TYPE": "HEARTBEAT_PING", "SOURCE_REF": "p"});
    let (mut all, none) = (json!([]), json!([]));
    for number in 0..CHANGES + 40 {
        let mut next = change(&mut rng);
        if number >= CHANGES {
            let users = if number % 2 == 0 { &none } else { &all };
            next["DETAILS"] = json!({"NAME": "P0", "STATUS": "ENABLED", "USER_NAMES": users});
        }
        if number == CHANGES {
            all = json!(["u0", "u1", "u2", "u3"]);
            next["DETAILS"]["RIGHT_CODES"] = json!(["R0", "R1", "R2"]);
        }
        done(&mut admin, next).await;
        quick.request(ping.clone()).await;
    }
    stop.store(true, Ordering::Relaxed);
    quick.compare("quick", details.clone()).await;
    for number in 0..STREAMS {
        let name = format!("s{number}");
        slow.compare(&name, details.clone()).await;
        assert_eq!(slow.models[&name].rows, quick.models["quick"].rows);
    }
    let received: usize = slow.models.values().map(|model| model.received).sum();
    let unconflated = quick.models["quick"].received * STREAMS;
    assert!(received < unconflated, "nothing was conflated: {received} of {unconflated}");
    other.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_closed_and_delays_no_other() {
    let management = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let impatient = PATIENT
        .replace("write_timeout_secs = 60", "write_timeout_secs = 1")
        .replace("management_listen = ''", &format!("management_listen = '{management}'"));
    let (_home, gateway, mut admin) = desk(&impatient).await;
    let mut good = Subscriber::login(gateway.address, "admin", PASSWORD).await;
    let mut stuck = Subscriber::login(gateway.address, "admin", PASSWORD).await;
    let details = json!({"DATASOURCE_NAME": "ALL_PROFILES"});
    good.logon("good", details.clone()).await;
    for number in 0..60 {
        stuck.logon(&format!("s{number}"), details.clone()).await;
    }
    let sessions = json!({"DATASOURCE_NAME": "ACTIVE_SESSIONS"});
    good.logon("sessions", sessions).await;
    // `good` is served until `stuck` is closed.
    let closed = async {
        while !get(management, "/metrics").await.1.contains("reason=\"SLOW_CONSUMER\"} 1") {
            describe(&mut admin, 20).await;
            good.compare("good", details.clone()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closed)
        .await
        .expect("the client that never reads was not closed within 60 s");
    let drained = async { while stuck.client.receive().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), drained)
        .await
        .expect("the connection did not end within 20 s");
}

#[tokio::test]
async fn a_client_that_reconnects_gets_the_difference() {
    let (home, gateway, mut admin) = desk(QUICK).await;
    let amend = |rights: Value| {
        json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": 1,
        "DETAILS": {"NAME": "P0", "USER_NAMES": ["u1"], "RIGHT_CODES": rights}})
    };
    done(&mut admin, amend(json!(["R1", "R2"]))).await;
    let mut first = Subscriber::login(gateway.address, "u1", PASSWORD).await;
    first.logon("r", json!({"DATASOURCE_NAME": "USER_RIGHTS"})).await;
    let version = first.models["r"].version;
    drop(first);
    done(&mut admin, amend(json!(["R2", "R3"]))).await;
    let mut back = Client::login(gateway.address, "u1", PASSWORD).await;
    let logon = json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": "r",
        "DETAILS": {"DATASOURCE_NAME": "USER_RIGHTS", "RIGHTS_VERSION": version}});
    assert_eq!(back.ask(logon.clone()).await["DETAILS"]["RESUMED"], true);
    let update = back.receive().await.unwrap();
    let operations: Vec<_> =
        update["ROW"].as_array().unwrap().iter().map(|row| &row["DETAILS"]["OPERATION"]).collect();
    assert_eq!(operations, ["DELETE", "INSERT"], "{update}");
    assert_eq!(update["ROW"][1]["DETAILS"]["CODE"], "R3");
    gateway.signal("-TERM");
    // A restart clears the history of rights, so that all rows are sent.
    let gateway = home.start();
    let mut back = Client::login(gateway.address, "u1", PASSWORD).await;
    assert_eq!(back.ask(logon).await["DETAILS"]["RESUMED"], false);
    assert_eq!(back.receive().await.unwrap()["ROWS_COUNT"], 2);
}

#[tokio::test]
async fn revoking_the_view_right_removes_the_rows() {
    let (_home, gateway, mut admin) = desk(QUICK).await;
    let give = |rights: Value| {
        json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": 1,
        "DETAILS": {"NAME": "P0", "USER_NAMES": ["u1"], "RIGHT_CODES": rights}})
    };
    done(&mut admin, give(json!(["VIEW_USERS", "R1"]))).await;
    let mut viewer = Subscriber::login(gateway.address, "u1", PASSWORD).await;
    for source in ["ALL_USERS", "USER_RIGHTS"] {
        viewer.logon(source, json!({"DATASOURCE_NAME": source, "MAX_ROWS": 100})).await;
    }
    let all = viewer.models["ALL_USERS"].rows.len();
    assert_eq!(all, USERS + 1);
    done(&mut admin, give(json!(["R1"]))).await;
    let details = json!({"DATASOURCE_NAME": "ALL_USERS", "MAX_ROWS": 100});
    viewer.compare("ALL_USERS", details.clone()).await;
    assert_eq!(viewer.models["ALL_USERS"].rows.len(), 1);
    assert!(viewer.models["USER_RIGHTS"].rows.values().all(|row| row["USER_NAME"] == "u1"));
    done(&mut admin, give(json!(["VIEW_USERS"]))).await;
    viewer.compare("ALL_USERS", details).await;
    assert_eq!(viewer.models["ALL_USERS"].rows.len(), all);
}

#[tokio::test]
async fn own_rows_beyond_the_first_page_are_removed_when_revoked() {
    let (_home, gateway, mut admin) = desk(QUICK).await;
    let amend = |profile: &str, users: Value, rights: Value| {
        json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": 1,
        "DETAILS": {"NAME": profile, "USER_NAMES": users, "RIGHT_CODES": rights}})
    };
    let three = json!(["u1", "u2", "u5"]);
    done(&mut admin, amend("P0", three.clone(), json!(["R1", "R2", "R3"]))).await;
    let mut viewer = Subscriber::login(gateway.address, "u5", PASSWORD).await;
    let details = json!({"DATASOURCE_NAME": "USER_RIGHTS", "MAX_ROWS": 4});
    viewer.logon("all", details.clone()).await;
    // With VIEW_USERS, u5 sees the rows of all users. The rows of u5 are beyond the first page.
    done(&mut admin, amend("P1", json!(["u5"]), json!(["VIEW_USERS"]))).await;
    done(&mut admin, amend("P0", three, json!(["R2", "R3"]))).await;
    viewer.request(json!({"MESSAGE_TYPE": "HEARTBEAT_PING", "SOURCE_REF": "ping"})).await;
    viewer.compare("all", details).await;
    assert!(viewer.models["all"].rows.values().all(|row| row["CODE"] != "R1"));
}

#[tokio::test]
async fn a_revoked_right_is_refused_with_the_next_message() {
    let (_home, gateway, mut admin) = desk(QUICK).await;
    let give = |rights: Value| {
        json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": 1,
        "DETAILS": {"NAME": "P0", "USER_NAMES": ["u1"], "RIGHT_CODES": rights}})
    };
    let mut user = Client::login(gateway.address, "u1", PASSWORD).await;
    let attempt = json!({"MESSAGE_TYPE": "EVENT_AMEND_PROFILE", "SOURCE_REF": 2,
        "DETAILS": {"NAME": "P1", "DESCRIPTION": "mine"}});
    for _ in 0..200 {
        done(&mut admin, give(json!(["AMEND_PROFILE"]))).await;
        done(&mut user, attempt.clone()).await;
        done(&mut admin, give(json!([]))).await;
        let refused = user.ask(attempt.clone()).await;
        assert_eq!(refused["CODE"], "NOT_AUTHORISED", "{refused}");
        assert_eq!(refused["ERROR"][0]["DETAILS"]["RIGHT"], "AMEND_PROFILE");
    }
}
