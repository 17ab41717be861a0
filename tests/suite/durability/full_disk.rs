//! Tests of a full disk: writes are refused, reads continue, nothing is lost.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::clients::{self, get};
use crate::harness::gateway::{self, unlimited};
use crate::harness::{Client, Home, PASSWORD};

/// A disk in memory. It is unmounted on drop.
struct Disk {
    point: PathBuf,
}

impl Disk {
    fn mount(point: &Path, size: &str) -> Self {
        std::fs::create_dir_all(point).unwrap();
        let mut mount = Command::new("mount");
        let options = format!("size={size}");
        let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(point).output();
        let mounted = mounted.expect("mount cannot be run: tests/run installs it");
        assert!(
            mounted.status.success(),
            "this test mounts a tmpfs, which needs root (in a container: --privileged)\n{}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self { point: point.to_owned() }
    }

    fn grow(&self, size: &str) {
        let mut mount = Command::new("mount");
        gateway::run(mount.args(["-o", &format!("remount,size={size}")]).arg(&self.point));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.point).status();
    }
}

/// Inserts a right and checks that the reply, ACK or NACK, is received within 5 s.
async fn insert(client: &mut Client, code: &str) -> Value {
    let details = json!({ "CODE": code, "DESCRIPTION": "x".repeat(200) });
    let insert =
        json!({ "MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": code, "DETAILS": details });
    let began = Instant::now();
    let answer = client.ask(insert).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{answer} after {:?}", began.elapsed());
    answer
}

/// Inserts rights until one is refused. Returns the acknowledged codes and the NACK.
async fn fill(client: &mut Client) -> (Vec<String>, Value) {
    let mut acknowledged = Vec::new();
    loop {
        let code = format!("FULL_{}", acknowledged.len());
        let answer = insert(client, &code).await;
        if answer["MESSAGE_TYPE"] != "EVENT_INSERT_RIGHT_ACK" {
            return (acknowledged, answer);
        }
        acknowledged.push(code);
        assert!(acknowledged.len() < 200_000, "the disk did not fill up");
    }
}

/// Checks that writes are refused and all other messages are served.
async fn read_only(admin: &mut Client, management: SocketAddr) {
    for at in 0..10 {
        let late = insert(admin, &format!("LATE_{at}")).await;
        assert_eq!(late["CODE"], "UNAVAILABLE", "{late}");
        let heartbeat = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": at });
        assert_eq!(admin.ask(heartbeat).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
        let read = json!({ "MESSAGE_TYPE": "REQ_USER", "SOURCE_REF": "r",
            "DETAILS": { "USER_NAME": "admin" } });
        assert_eq!(admin.ask(read).await["MESSAGE_TYPE"], "REP_USER");
        assert_eq!(get(management, "/health/ready").await.0, 503);
        assert_eq!(get(management, "/health/live").await.0, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Checks that acknowledged rights exist, and that the rights refused in [`read_only`] do not.
async fn whole(admin: &mut Client, acknowledged: &[String]) {
    let rights = clients::column(&clients::rows(admin, "ALL_RIGHTS").await, "CODE");
    let lost: Vec<_> = acknowledged.iter().filter(|code| !rights.contains(*code)).collect();
    assert!(lost.is_empty(), "acknowledged rights were lost: {lost:?}");
    assert!(!rights.iter().any(|code| code.starts_with("LATE_")), "a refused right exists");
}

/// A home on a small disk, and the address of the management port.
async fn small(reserve: &str) -> (Home, Disk, SocketAddr) {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let configuration = unlimited().replace("management_listen = ''", &management);
    let home = Home::new(&format!("{configuration}[store]\ndisk_reserve_mb = {reserve}\n"));
    let disk = Disk::mount(&home.data(), "12m");
    (home, disk, free)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_until_there_is_space() {
    let (home, disk, management) = small("6").await;
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let (mut acknowledged, refused) = fill(&mut admin).await;
    assert!(acknowledged.len() > 100, "{}: {refused}", acknowledged.len());
    assert_eq!(refused["CODE"], "UNAVAILABLE", "{refused}");
    read_only(&mut admin, management).await;

    disk.grow("64m");
    assert_eq!(get(management, "/health/ready").await.0, 200);
    assert_eq!(insert(&mut admin, "AFTER").await["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK");
    acknowledged.push("AFTER".to_owned());
    whole(&mut admin, &acknowledged).await;
    gateway.signal("-KILL");
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    whole(&mut admin, &acknowledged).await;
}

/// With `disk_reserve_mb = 0` a write of the database fails. The command is then refused, or its
/// outcome is reported as unknown. Later commands are refused until a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_during_a_commit_loses_nothing() {
    let (home, disk, management) = small("0").await;
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let (acknowledged, refused) = fill(&mut admin).await;
    let honest = ["UNAVAILABLE", "OPERATION_TIMEOUT"];
    assert!(honest.contains(&refused["CODE"].as_str().unwrap()), "{refused}");
    read_only(&mut admin, management).await;
    disk.grow("64m");
    let (_, log) = gateway.signal("-KILL");
    let met = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    let (commits, rows) = (met("commands could not be stored"), met("refused until a restart"));
    println!("{} stored; {commits} commits and {rows} saves failed: {refused}", acknowledged.len());
    assert!(commits + rows > 0, "{log:#?}");
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    whole(&mut admin, &acknowledged).await;
    assert_eq!(insert(&mut admin, "AFTER").await["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK");
}
