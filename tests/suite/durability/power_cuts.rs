//! Tests of power cuts, simulated by a copy of the disk without unsynced data.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::harness::gateway::{self, unlimited};
use crate::harness::writers::{Acknowledged, Writers};
use crate::harness::{Client, Home, PASSWORD, clients, signals};

const CUTS: usize = 20;
/// The cut before which a profile with many users is acknowledged.
const BIG_CUT: usize = 10;
const BIG_USERS: usize = 5_000;
const BIG: &str = "BIG_PROFILE";

/// A file system in an image file. It is unmounted on drop.
struct Disk {
    point: PathBuf,
}

impl Disk {
    fn mount(image: &Path, point: &Path) -> Self {
        std::fs::create_dir_all(point).expect("creating the mount point failed");
        // A long commit interval: the journal writes nothing on its own during a round, so the copy
        // contains only synced data.
        let options = ["-t", "ext4", "-o", "loop,commit=300"];
        let mounted = Command::new("mount").args(options).args([image, point]).output();
        let mounted = mounted.expect("mount cannot be run: tests/run installs it");
        assert!(
            mounted.status.success(),
            "this test mounts ext4 images on loop devices, which needs root (in a container: \
             --privileged): sudo -E cargo test --test suite power_cuts\n{}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self { point: point.to_owned() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.point).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            // A file is still open. A lazy unmount takes effect when the file is closed.
            let _ = Command::new("umount").arg("-l").arg(&self.point).status();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_lose_nothing() {
    let home = Home::new(&unlimited());
    let mut image = home.path().join("disk-0");
    make(&image);
    let mut acknowledged = Acknowledged::default();
    let mut rng = StdRng::seed_from_u64(3);
    for cut in 1..=CUTS {
        let disk = Disk::mount(&image, &home.data());
        if cut == 1 {
            gateway::populate(&home, BIG_USERS, 0);
        }
        let gateway = home.start();
        acknowledged.check(gateway.address).await;
        check_big(gateway.address, cut > BIG_CUT).await;
        let writers = Writers::start(gateway.address, cut).await;
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..=250))).await;
        if cut == BIG_CUT {
            insert_big(gateway.address).await;
        }
        signals::pause(&gateway.child);
        let copy = home.path().join(format!("disk-{cut}"));
        gateway::run(Command::new("cp").arg("--sparse=always").args([&image, &copy]));
        assert_eq!(gateway.signal("-KILL").0, None);
        acknowledged.absorb(writers.end().await);
        drop(disk);
        std::fs::remove_file(&image).expect("removing the old image failed");
        image = copy;
    }
    let _disk = Disk::mount(&image, &home.data());
    let gateway = home.start();
    acknowledged.check(gateway.address).await;
    check_big(gateway.address, true).await;
    let kept = acknowledged.promised();
    println!("{CUTS} power cuts, {kept} acknowledged rights and profiles, none lost");
    assert!(
        kept > CUTS * 10,
        "only {kept} acknowledged changes: the cuts did not occur during writes"
    );
}

/// Creates an image with an empty file system.
fn make(image: &Path) {
    let file = std::fs::File::create(image).expect("creating the image failed");
    file.set_len(200 << 20).expect("setting the size of the image failed");
    gateway::run(Command::new("mkfs.ext4").arg("-q").arg(image));
}

async fn insert_big(address: std::net::SocketAddr) {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    assert!(clients::insert(&mut admin, "RIGHT", BIG, json!({"CODE": BIG})).await);
    let users: Vec<_> = (0..BIG_USERS).map(|number| format!("u{number}")).collect();
    let details = json!({"NAME": BIG, "RIGHT_CODES": [BIG], "USER_NAMES": users});
    assert!(clients::insert(&mut admin, "PROFILE", BIG, details).await);
}

/// Checks that the users of the big profile have its right if `there`, and that no user has it
/// otherwise.
async fn check_big(address: std::net::SocketAddr, there: bool) {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    let mut rows = clients::rows(&mut admin, "USER_RIGHTS").await;
    rows.retain(|row| row["RIGHT_CODE"] == BIG);
    let holders = clients::column(&rows, "USER_NAME");
    let expected = (0..BIG_USERS).filter(|_| there).map(|number| format!("u{number}"));
    assert_eq!(holders, expected.collect(), "the users of the big profile are wrong");
}
