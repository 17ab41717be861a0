//! `serve --demo`: a gateway in memory with sample users, profiles, rights and services.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Result;
use protocol::{Description, Password, ProfileName, RightCode, UserName};

use super::announcement;
use crate::cli::offline_store;
use crate::gateway::{ADMIN_PROFILE, Started};
use crate::realm::{Actor, Command, NewUser, ProfileSpec, RecordRef, RightSpec};
use crate::settings::{Engine, HostSettings, ServiceSettings, Settings, SettingsError};

/// The password of every sample user. It is public, so a demo listens only on a loopback address.
const PASSWORD: &str = "demo-password";

/// Sample rights: code and description.
const RIGHTS: &[(&str, &str)] = &[
    ("ORDER_INSERT", "Insert orders"),
    ("ORDER_CANCEL", "Cancel orders"),
    ("TRADE_VIEW", "View trades"),
    ("POSITION_VIEW", "View positions"),
    ("LIMIT_APPROVE", "Approve limits"),
];

/// Sample profiles: name, description and rights.
const PROFILES: &[(&str, &str, &[&str])] = &[
    ("TRADER", "Traders of the desk", &["ORDER_INSERT", "ORDER_CANCEL", "TRADE_VIEW"]),
    ("RISK", "Risk managers", &["TRADE_VIEW", "POSITION_VIEW", "LIMIT_APPROVE"]),
    // Gives `admin` the sample rights: USER_ADMIN contains only administration rights.
    (
        "DESK_HEAD",
        "Head of the desk",
        &["ORDER_INSERT", "ORDER_CANCEL", "TRADE_VIEW", "POSITION_VIEW", "LIMIT_APPROVE"],
    ),
];

/// Sample users: name and profiles.
const USERS: &[(&str, &[&str])] =
    &[("admin", &[ADMIN_PROFILE, "DESK_HEAD"]), ("jane", &["TRADER"]), ("omar", &["RISK"])];

/// Sample services: name and ports on this host.
const SERVICES: &[(&str, &[u16])] =
    &[("ORDER_EVENT_HANDLER", &[9101, 9102]), ("MARKET_DATA_SERVER", &[9103])];

/// Changes `settings` for a demo, which keeps its state in memory and lists sample services. Fails
/// if server.listen is not a loopback address.
pub(super) fn apply(settings: &mut Settings) -> Result<(), SettingsError> {
    let listen = &settings.server.listen;
    if listen.parse().is_ok_and(|address: SocketAddr| !address.ip().is_loopback()) {
        return Err(SettingsError::Invalid(vec![format!(
            "server.listen is {listen}, but the passwords of --demo are public: use a loopback \
             address"
        )]));
    }
    settings.store.engine = Engine::Memory;
    let host = |port: &u16| HostSettings { name: "127.0.0.1".to_owned(), port: *port };
    settings.services = SERVICES
        .iter()
        .map(|(name, ports)| ServiceSettings {
            name: (*name).to_owned(),
            encrypted: false,
            hosts: ports.iter().map(host).collect(),
        })
        .collect();
    // The passwords are public, so expensive hashes would protect nothing.
    settings.security.scrypt.log_n = 10;
    // The sample services do not run.
    settings.service_list.health_check_secs = 0;
    Ok(())
}

/// Adds the sample rights, profiles and users to a prepared store.
pub(super) async fn populate(settings: &Settings, started: &Started) -> Result<()> {
    for (code, description) in RIGHTS {
        let (code, description) = (RightCode::parse(code)?, Description::parse(description)?);
        let spec = RightSpec { id: None, code, description, guarded: false };
        offline_store::submit(started, Command::InsertRight(Actor::Operator, spec)).await?;
    }
    for (name, description, rights) in PROFILES {
        let right =
            |code: &&str| anyhow::Ok(RecordRef { id: None, name: Some(RightCode::parse(code)?) });
        let spec = ProfileSpec {
            name: Some(ProfileName::parse(name)?),
            description: Some(Description::parse(description)?),
            rights: Some(rights.iter().map(right).collect::<Result<_>>()?),
            ..ProfileSpec::default()
        };
        offline_store::submit(started, Command::InsertProfile(Actor::Operator, spec)).await?;
    }
    let hash = offline_store::hash_password(settings, &Password::new(PASSWORD))?;
    let user = |(name, profiles): &(&str, &[&str])| {
        let profiles = profiles.iter().map(|name| ProfileName::parse(name));
        anyhow::Ok(NewUser {
            credential: Some(hash.as_str().into()),
            profiles: profiles.collect::<Result<_, _>>()?,
            ..NewUser::named(UserName::parse(name)?)
        })
    };
    let users = USERS.iter().map(user).collect::<Result<Vec<_>>>()?;
    offline_store::submit(started, Command::AddUsers(users)).await
}

/// Prints what the demo contains and three commands to try in other terminals.
pub(super) fn announce(address: SocketAddr, tls: bool) -> Result<()> {
    let send = announcement::send_command(address, tls);
    let names: Vec<_> = USERS.iter().map(|(name, _)| *name).collect();
    announcement::write(|out| {
        writeln!(out, "tollgate demo on {}; stop it with Ctrl-C", announcement::url(address, tls))?;
        writeln!(out, "Nothing is stored. Users: {} (password {PASSWORD})", names.join(", "))?;
        writeln!(out, "\nThree things to try, each in a terminal of its own:")?;
        for (number, (title, arguments)) in (1..).zip(THINGS_TO_TRY) {
            writeln!(out, "\n{number}. {title}:\n\n   echo {PASSWORD} | {send} {arguments}")?;
        }
        writeln!(out)
    })
}

/// The three things to try: a title, and the arguments of `tollgate send`.
const THINGS_TO_TRY: &[(&str, &str)] = &[
    (
        "Log in as jane and receive the services to connect to",
        r#"--login jane '{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":1}'"#,
    ),
    (
        "Subscribe to the rights of jane and wait for changes",
        concat!(
            r#"--login jane --listen-for 5m '{"MESSAGE_TYPE":"DATA_LOGON","SOURCE_REF":"rights","#,
            r#""DETAILS":{"DATASOURCE_NAME":"USER_RIGHTS"}}'"#
        ),
    ),
    (
        "Remove ORDER_INSERT from jane's profile; the terminal of command 2 shows the change",
        concat!(
            r#"--login admin '{"MESSAGE_TYPE":"EVENT_AMEND_PROFILE","SOURCE_REF":1,"#,
            r#""DETAILS":{"NAME":"TRADER","RIGHT_CODES":["ORDER_CANCEL","TRADE_VIEW"]}}'"#
        ),
    ),
];
