//! Connections that write until the gateway ends, and the record of what was acknowledged.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::clients::{Client, column, insert, rows};
use super::gateway::PASSWORD;
/// Connections that write at once.
pub const WRITERS: usize = 8;

/// Everything that was asked for, and what of it must be there.
#[derive(Clone, Default)]
pub struct Acknowledged {
    requested: BTreeSet<String>,
    rights: BTreeSet<String>,
    profiles: Vec<Profile>,
}

/// A profile that gives its user two rights that no other profile gives: each of them shows among
/// the effective rights whether its part of the profile is there.
#[derive(Clone)]
struct Profile {
    name: String,
    codes: [String; 2],
    promised: bool,
}

/// Connections that write until the gateway is gone.
pub struct Writers {
    tasks: Vec<JoinHandle<Acknowledged>>,
}

impl Acknowledged {
    /// Takes in what another one noted.
    pub fn absorb(&mut self, other: Acknowledged) {
        self.requested.extend(other.requested);
        self.rights.extend(other.rights);
        self.profiles.extend(other.profiles);
    }

    /// What another one noted may be there: it was asked for at the same time.
    pub fn expect_part(&mut self, other: Acknowledged) {
        self.requested.extend(other.requested);
        let unsure = |profile: Profile| Profile { promised: false, ..profile };
        self.profiles.extend(other.profiles.into_iter().map(unsure));
    }

    /// How many rights and profiles must be there.
    pub fn promised(&self) -> usize {
        self.rights.len() + self.profiles.iter().filter(|profile| profile.promised).count()
    }

    /// Asks a restarted gateway: nothing promised is missing, no profile is there in part, nothing
    /// is there without a request. What a client has seen once is promised from then on.
    pub async fn check(&mut self, address: SocketAddr) {
        let mut admin = Client::login(address, "admin", PASSWORD).await;
        let rights = column(&rows(&mut admin, "ALL_RIGHTS").await, "CODE");
        let profiles = column(&rows(&mut admin, "ALL_PROFILES").await, "NAME");
        let held = column(&rows(&mut admin, "USER_RIGHTS").await, "RIGHT_CODE");
        let lost: Vec<_> = self.rights.difference(&rights).collect();
        assert!(lost.is_empty(), "acknowledged rights are lost: {lost:?}");
        for profile in &mut self.profiles {
            let there = profiles.contains(&profile.name);
            assert!(there || !profile.promised, "the profile {} is lost", profile.name);
            for code in &profile.codes {
                let part = held.contains(code);
                assert_eq!(part, there, "the profile {} is partial at {code}", profile.name);
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

    /// Every right and profile that is there has the one row of the audit trail that says who made
    /// it: `audit show --json`.
    pub fn check_audit(&self, shown: &str) {
        let mut made = Vec::new();
        for line in shown.lines() {
            let row: Value = serde_json::from_str(line).expect("a row");
            let ours = row["TARGET"].as_str().is_some_and(|target| target.starts_with("CRASH_"));
            // What does not fit into one row goes on in the next, with the same time.
            let key = (row["AT"].as_u64(), row["TARGET"].as_str().map(str::to_owned));
            if ours && row["CODE"] == "OK" && made.last() != Some(&key) {
                assert_eq!(row["USER_NAME"], "admin", "{row}");
                made.push(key);
            }
        }
        let names: BTreeSet<&str> = made.iter().filter_map(|(_, name)| name.as_deref()).collect();
        assert_eq!(names.len(), made.len(), "something was made twice");
        let profiles = self.profiles.iter().map(|profile| profile.name.as_str());
        let there: BTreeSet<&str> =
            self.rights.iter().map(String::as_str).chain(profiles).collect();
        assert_eq!(names, there);
    }

    /// Writes one right. False if the gateway went before it answered.
    async fn right(&mut self, client: &mut Client, code: &str) -> bool {
        self.requested.insert(code.to_owned());
        let answered = insert(client, "RIGHT", code, json!({"CODE": code})).await;
        if answered {
            self.rights.insert(code.to_owned());
        }
        answered
    }

    /// Writes two rights and a profile of both for a user.
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
    /// Logs in and begins to write. Each writer of each round has a user of its own, so that no
    /// user gathers all profiles; [`populate`](super::gateway::populate) made them.
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

    /// What was asked and answered, once the gateway is gone.
    pub async fn end(self) -> Acknowledged {
        let mut all = Acknowledged::default();
        for task in self.tasks {
            all.absorb(task.await.expect("a writer that did not panic"));
        }
        all
    }
}
