//! The realm: random sequences of commands, and its rules one by one.

pub mod commands;
mod credentials;
mod rules;
mod script;
mod second;
mod sequences;
mod tokens;

use tollgate::realm::command::commands::Command;
use tollgate::realm::command::commands::{Fingerprint, Login, Verdict};
use tollgate::realm::state::Realm;

/// A login with the right password.
fn login(realm: &Realm, name: &str, pair: u64) -> Command {
    let user_name = commands::user(name);
    let credential = realm.user_by_name(&user_name).and_then(|user| user.credential.clone());
    Command::Login(Login {
        checked: credential.map(|it| Fingerprint::of(&it)),
        verdict: Verdict::Matched,
        user_name,
        pair: commands::pair(pair),
        host: "203.0.113.7".to_owned(),
        watched: false,
        peer: Default::default(),
        renewed: None,
        connector: false,
        second: Default::default(),
        directory: false,
        bypass: false,
    })
}
