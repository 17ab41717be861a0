//! Tests of kill -9: it loses no acknowledged change and prevents no later start.

use std::process::Stdio;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::harness::gateway::{self, unlimited};
use crate::harness::writers::{Acknowledged, WRITERS, Writers};
use crate::harness::{Client, Home, PASSWORD, QUICK};

/// The number of kills of a gateway with one data folder.
const KILLS: usize = 50;
/// The number of killed first starts, each in a new folder.
const FIRST_STARTS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_nine_loses_nothing() {
    let home = Home::new(&unlimited());
    gateway::populate(&home, KILLS * WRITERS, 0);
    let mut acknowledged = Acknowledged::default();
    let mut rng = StdRng::seed_from_u64(9);
    for round in 0..KILLS {
        let gateway = home.start();
        acknowledged.check(gateway.address).await;
        let writers = Writers::start(gateway.address, round).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..=250))).await;
        let (code, log) = gateway.signal("-KILL");
        assert_eq!(code, None, "the gateway exited before the kill: {log:?}");
        acknowledged.absorb(writers.end().await);
    }
    let gateway = home.start();
    acknowledged.check(gateway.address).await;
    let kept = acknowledged.promised();
    println!("{KILLS} kills, {kept} acknowledged rights and profiles, none lost");
    assert!(
        kept > KILLS * 10,
        "only {kept} acknowledged changes: the kills did not occur during writes"
    );
    gateway.signal("-KILL");
    let verified = home.command(&["audit", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    let shown = home.command(&["audit", "show", "--json"]).output().unwrap();
    acknowledged.check_audit(&String::from_utf8(shown.stdout).unwrap());
}

#[tokio::test]
async fn a_first_start_that_is_killed_can_be_repeated() {
    let mut rng = StdRng::seed_from_u64(10);
    let mut early = 0;
    for number in 0..FIRST_STARTS {
        let home = Home::new(QUICK);
        let log = std::fs::File::create(home.path().join("log")).unwrap();
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let after = Duration::from_micros(rng.random_range(0..60_000));
        tokio::time::sleep(after).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let log = std::fs::read_to_string(home.path().join("log")).unwrap();
        early += usize::from(!log.contains("listening"));
        let gateway = home.try_start();
        let gateway =
            gateway.unwrap_or_else(|| panic!("{number}: no start after a kill at {after:?}"));
        Client::login(gateway.address, "admin", PASSWORD).await;
    }
    println!("{early} of {FIRST_STARTS} first starts were killed before they listened");
    assert!(early > 0, "no gateway was killed before it listened");
}
