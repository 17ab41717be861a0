//! Clients that write until the gateway stops, and the record of acknowledged changes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::clients::{Client, column, insert, rows};
use super::gateway::PASSWORD;

/// The number of clients that write concurrently.
pub const WRITERS: usize = 8;

/// All requested changes, and those that were acknowledged and must survive.
#[derive(Clone, Default)]
pub struct Acknowledged {
    requested: BTreeSet<String>,
    rights: BTreeSet<String>,
    profiles: Vec<Profile>,
}

/// A profile that grants its user two rights that no other profile grants. The effective rights of
/// the user therefore show whether the profile was stored completely.
#[derive(Clone)]
struct Profile {
    name: String,
    codes: [String; 2],
    /// Whether the gateway acknowledged the profile, so that the profile must exist.
    promised: bool,
}

/// The running clients.
pub struct Writers {
    tasks: Vec<JoinHandle<Acknowledged>>,
}

impl Acknowledged {
    /// Adds the record of another client.
    pub fn absorb(&mut self, other: Acknowledged) {
        self.requested.extend(other.requested);
        self.rights.extend(other.rights);
        self.profiles.extend(other.profiles);
    }

    /// Adds changes that another client requested while the state was copied. They may exist, but
    /// need not.
    pub fn expect_part(&mut self, other: Acknowledged) {
        self.requested.extend(other.requested);
        let unsure = |profile: Profile| Profile { promised: false, ..profile };
        self.profiles.extend(other.profiles.into_iter().map(unsure));
    }

    /// The number of rights and profiles that must exist.
    pub fn promised(&self) -> usize {
        self.rights.len() + self.profiles.iter().filter(|profile| profile.promised).count()
    }

    /// Reads the records of a restarted gateway and checks them: no acknowledged record is missing,
    /// no profile is partial, and every record was requested. Records that this check finds must
    /// also exist at later checks.
    pub async fn check(&mut self, address: SocketAddr) {
        let mut admin = Client::login(address, "admin", PASSWORD).await;
        let rights = column(&rows(&mut admin, "ALL_RIGHTS").await, "CODE");
        let profiles = column(&rows(&mut admin, "ALL_PROFILES").await, "NAME");
        let held = column(&rows(&mut admin, "USER_RIGHTS").await, "RIGHT_CODE");
        let lost: Vec<_> = self.rights.difference(&rights).collect();
        assert!(lost.is_empty(), "acknowledged rights were lost: {lost:?}");
        for profile in &mut self.profiles {
            let there = profiles.contains(&profile.name);
            assert!(
                there || !profile.promised,
                "the acknowledged profile {} was lost",
                profile.name
            );
            for code in &profile.codes {
                let part = held.contains(code);
                assert_eq!(part, there, "the profile {} is incomplete: {code}", profile.name);
            }
            profile.promised = there;
        }
        self.profiles.retain(|profile| profile.promised);
        let ours = |name: &&String| name.starts_with("CRASH_");
        for name in rights.union(&profiles).filter(ours) {
            assert!(self.requested.contains(name), "{name} was never requested");
        }
        self.rights.extend(rights.iter().filter(ours).cloned());
    }

    /// Checks the output of `audit show --json`: every existing right and profile has exactly one
    /// event that records its creator.
    pub fn check_audit(&self, shown: &str) {
        let mut made = Vec::new();
        for line in shown.lines() {
            let row: Value = serde_json::from_str(line).expect("an audit row is not JSON");
            let ours = row["TARGET"].as_str().is_some_and(|target| target.starts_with("CRASH_"));
            // A long event is split over several rows with the same time.
            let key = (row["AT"].as_u64(), row["TARGET"].as_str().map(str::to_owned));
            if ours && row["CODE"] == "OK" && made.last() != Some(&key) {
                assert_eq!(row["USER_NAME"], "admin", "{row}");
                made.push(key);
            }
        }
        let names: BTreeSet<&str> = made.iter().filter_map(|(_, name)| name.as_deref()).collect();
        assert_eq!(names.len(), made.len(), "a record was created twice");
        let profiles = self.profiles.iter().map(|profile| profile.name.as_str());
        let there: BTreeSet<&str> =
            self.rights.iter().map(String::as_str).chain(profiles).collect();
        assert_eq!(names, there, "audit rows and records differ");
    }

    /// Inserts a right. Returns false if the connection ended before the reply.
    async fn right(&mut self, client: &mut Client, code: &str) -> bool {
        self.requested.insert(code.to_owned());
        let answered = insert(client, "RIGHT", code, json!({"CODE": code})).await;
        if answered {
            self.rights.insert(code.to_owned());
        }
        answered
    }

    /// Inserts two rights, and a profile that grants both rights to a user. Returns false if the
    /// connection ended before a reply.
    async fn profile(&mut self, client: &mut Client, name: &str, user: &str) -> bool {
        let codes = ["A", "B"].map(|end| format!("{name}_{end}"));
        for code in &codes {
            if !self.right(client, code).await {
                return false;
            }
        }
        self.requested.insert(name.to_owned());
        let details = json!({"NAME": name, "RIGHT_CODES": codes, "USER_NAMES": [user]});
        let promised = insert(client, "PROFILE", name, details).await;
        self.profiles.push(Profile { name: name.to_owned(), codes, promised });
        promised
    }
}

impl Writers {
    /// Logs in and starts to write. Each client of each round writes profiles for a different user,
    /// so that no user collects all profiles. [`populate`](super::gateway::populate) must have
    /// created the users.
    pub async fn start(address: SocketAddr, round: usize) -> Self {
        let mut clients = Vec::new();
        for _ in 0..WRITERS {
            clients.push(Client::login(address, "admin", PASSWORD).await);
        }
        let write = |(number, mut client): (usize, Client)| {
            let prefix = format!("CRASH_{round}_{number}");
            let user = format!("u{}", round * WRITERS + number);
            tokio::spawn(async move {
                let mut acknowledged = Acknowledged::default();
                let mut at = 0;
                while acknowledged.profile(&mut client, &format!("{prefix}_{at}"), &user).await {
                    at += 1;
                }
                acknowledged
            })
        };
        Self { tasks: clients.into_iter().enumerate().map(write).collect() }
    }

    /// Waits until the gateway has stopped and all clients have ended, and returns their records.
    pub async fn end(self) -> Acknowledged {
        let mut all = Acknowledged::default();
        for task in self.tasks {
            all.absorb(task.await.expect("a writing client panicked"));
        }
        all
    }
}
