//! Functions that play `protocol/scripts` through the router, or with `tollgate replay`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use protocol::script::Script;
use tollgate::gateway::{Gateway, Started, startup};
use tollgate::messages::{AfterReply, ClientInfo};
use tollgate::net::{ClientError, CloseReason, Received};
use tollgate::platform::Clock;
use tollgate::replay::report::table;
use tollgate::replay::{
    ConnectionIo, LoadProfile, Measurements, PlayOptions, Results, RunInfo, Scenario,
    ScenarioClients, Transport, Variables, load,
};
use tollgate::router::{Reply, Router, TokenCache};
use tollgate::settings::Settings;
use tollgate::subscriptions::{ConnectionNotice, Outbox};

use super::gateway::{GatewayProcess, Home};

const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
exempt_addresses = ['127.0.0.0/8']
[service_list]
health_check_secs = 0
[security]
refresh_grace_secs = 1
[security.scrypt]
log_n = 4
p = 1
[[services]]
name = 'SBL_EVENT_HANDLER'
hosts = [{ name = 'genesisserv1', port = 9001 }, { name = 'genesisserv2', port = 9001 }]
[[services]]
name = 'SBL_DATA_SERVER'
hosts = [{ name = 'genesisserv1', port = 9002 }, { name = 'genesisserv2', port = 9002 }]
";

/// Returns [`CONFIGURATION`] with the keys of the `.toml` file of the script, which override it.
fn configuration(script: &Path) -> toml::Table {
    let own = std::fs::read_to_string(script.with_extension("toml")).unwrap_or_default();
    let mut all: toml::Table = CONFIGURATION.parse().unwrap();
    put_over(&mut all, own.parse().unwrap());
    all
}

fn put_over(all: &mut toml::Table, own: toml::Table) {
    for (key, value) in own {
        match (all.get_mut(&key), value) {
            (Some(toml::Value::Table(all)), toml::Value::Table(own)) => put_over(all, own),
            (_, value) => drop(all.insert(key, value)),
        }
    }
}

/// Scripts that need many clients or an LDAP server. `tools/replay/load.rs` and
/// `security/ldap/logins.rs` play them.
const PLAYED_ELSEWHERE: &[&str] = &["load", "login/ldap-login.script"];

pub fn scripts() -> Vec<PathBuf> {
    let is_played = |path: &PathBuf| !PLAYED_ELSEWHERE.iter().any(|it| path.ends_with(it));
    let entries = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let folders = entries(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/scripts"));
    let files = folders.filter(is_played).flat_map(entries).filter(is_played);
    let mut scripts: Vec<_> =
        files.filter(|it| it.extension().is_some_and(|it| it == "script")).collect();
    scripts.sort();
    assert!(scripts.len() >= 10, "too few scripts found: {scripts:?}");
    scripts
}

/// Plays a script once over a transport and checks that every expected frame is received.
pub async fn play<T: Transport>(transport: T, path: &Path, mail_folder: &Path) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let script = Script::parse(&std::fs::read_to_string(path).unwrap());
    let script = script.unwrap_or_else(|error| panic!("{name}, {error}"));
    let options = PlayOptions {
        verify: true,
        time_factor: 1.0,
        answer_timeout: Duration::from_secs(20),
        mail_folder: Some(mail_folder.to_owned()),
    };
    let (values, transport) = (Variables::default(), Arc::new(transport));
    let scenario =
        Scenario { name: name.clone(), script: Arc::new(script), values, transport, options };
    let clients = [ScenarioClients { scenario: Arc::new(scenario), clients: 1, paced: true }];
    let once = LoadProfile { rate: None, ramp: Duration::ZERO, duration: None, rounds: None };
    let measurements = Arc::new(Measurements::default());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    load::run(&clients, &once, &measurements, stopped).await;
    let (to, scripts) = (String::new(), Vec::new());
    let run_info =
        RunInfo { started_ms: 0, to, scripts, rate: None, verify: true, interrupted: false };
    let report = Results::new(&measurements, run_info, Vec::new()).report;
    assert!(!report.differs() && report.rounds.broken == 0, "{}", table::full_report(&report));
}

/// Plays a script with `tollgate replay --verify`. `scheme` is `ws`, or `http` for REST.
pub fn replay(home: &Home, gateway: &GatewayProcess, scheme: &str, script: &Path) {
    let mut replay = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let (to, mail_folder) = (format!("{scheme}://{}", gateway.address), home.path().join("outbox"));
    replay.args(["replay", "--verify", "--timeout", "20s", "--to", &to]);
    let done = replay.arg("--outbox").arg(mail_folder).arg(script).output().unwrap();
    let output = [done.stdout, done.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(done.status.success(), "{} over {scheme}\n{}", script.display(), output.join("\n"));
}

/// Starts a gateway with the configuration of a script and the users of all scripts.
pub fn with_users(script: &Path) -> (Home, GatewayProcess) {
    let home = Home::new(&configuration(script).to_string());
    for (user, password, profile) in USERS {
        let mut words = vec!["user", "add", user, "--password-stdin"];
        words.extend(profile.iter().flat_map(|profile| ["--profile", profile]));
        add_user(&home, &words, password);
    }
    let gateway = home.start();
    (home, gateway)
}

const USERS: [(&str, &str, Option<&str>); 2] =
    [("JohnWolf", "FullMoon1", Some("USER_ADMIN")), ("james", "JamesPass1", None)];

fn add_user(home: &Home, words: &[&str], password: &str) {
    use std::io::Write;
    let mut command = home.command(words);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    assert!(child.wait().unwrap().success());
}

/// A transport that calls the router of a gateway in this process, without sockets.
pub struct Routers {
    router: Router,
    pub mails: tempfile::TempDir,
    _tasks: tokio::task::JoinSet<()>,
    _started: Started,
}

/// A connection of [`Routers`].
pub struct Routed {
    router: Router,
    client: ClientInfo,
    token_cache: TokenCache,
    frames: VecDeque<Received>,
}

impl Routers {
    pub async fn start(script: &Path) -> Self {
        use tollgate::auth::PasswordHasher;
        use tollgate::realm::Command;
        use tollgate::realm::NewUser;
        let mut text = configuration(script);
        text.insert("store".to_owned(), toml::toml! { engine = "memory" }.into());
        let mut settings = Settings::parse(&text.to_string(), std::iter::empty()).unwrap();
        let mails = tempfile::tempdir().unwrap();
        settings.mail.file.folder = mails.path().display().to_string();
        settings.validate().unwrap();
        let clock = Clock::system();
        let started = startup::start(&settings, Path::new("unused"), clock.clone()).unwrap();
        started.prepare(&settings, None).await.unwrap();
        for (user, password, profile) in USERS {
            let password = protocol::Password::new(password);
            let hash = PasswordHasher::hash_now(settings.security.scrypt.cost(), "", &password);
            let profiles = profile.iter().map(|name| protocol::ProfileName::parse(name).unwrap());
            let new = NewUser {
                credential: Some(hash.into()),
                profiles: profiles.collect(),
                ..NewUser::named(protocol::UserName::parse(user).unwrap())
            };
            started.replica.submit(Command::AddUsers(vec![new])).await.unwrap();
        }
        let keys = settings.keyring(Path::new("unused")).unwrap();
        let gateway = Gateway::new(settings, started.replica.clone(), clock, keys);
        let _tasks = tollgate::gateway::spawn_all(&gateway);
        Self { router: Router::new(gateway), mails, _tasks, _started: started }
    }
}

impl Transport for Routers {
    type Connection = Routed;
    async fn open(&self, _: usize) -> Result<Routed, ClientError> {
        Ok(self.connection())
    }
}

impl Routers {
    /// Opens a connection from 127.0.0.1 without a socket.
    pub fn connection(&self) -> Routed {
        let now = self.router.gateway().clock.now();
        let outbox = Some(Outbox::new(1 << 20));
        let address = IpAddr::from([127, 0, 0, 1]);
        Routed {
            router: self.router.clone(),
            client: ClientInfo {
                address,
                outbox,
                session: None,
                connected_at: now,
                token_api: false,
            },
            token_cache: TokenCache::default(),
            frames: VecDeque::new(),
        }
    }
}

impl Routed {
    pub fn outbox(&self) -> Arc<Outbox> {
        self.client.outbox.clone().unwrap()
    }

    fn take_reply(&mut self, reply: Reply) {
        let gateway = self.router.gateway().clone();
        if let Some(session) = reply.bind {
            let now = gateway.clock.now();
            if session.bind(&self.outbox(), now) {
                gateway.session_timeouts.add(&session, now);
            }
            self.client.session = Some(session);
        }
        let notices = self.take_rows();
        if !matches!(reply.after_reply, AfterReply::NoReply) {
            self.frames.push_back(Received::Text(String::from_utf8(reply.frame).unwrap()));
        }
        if let AfterReply::ReleaseSubscription(id, _) = reply.after_reply {
            self.outbox().release(id);
        }
        self.take_notices(notices);
        let notices = self.take_rows();
        self.take_notices(notices);
    }

    fn take_rows(&mut self) -> Vec<ConnectionNotice> {
        let drained = self.outbox().drain();
        let text = |frame| Received::Text(String::from_utf8(frame).unwrap());
        self.frames.extend(drained.frames.into_iter().map(text));
        drained.notices
    }

    fn take_notices(&mut self, notices: Vec<ConnectionNotice>) {
        let bound = self.client.session.as_ref().map(|bound| bound.session);
        for notice in notices {
            let (session, reason) = match notice {
                ConnectionNotice::Ended(session, reason) => (session, reason),
                ConnectionNotice::Expiring { in_secs, .. } => {
                    let body = serde_json::json!({ "DETAILS": { "IN_SECS": in_secs } });
                    let frame = protocol::envelope::encode_value("SESSION_EXPIRING", None, &body);
                    self.frames.push_back(Received::Text(String::from_utf8(frame).unwrap()));
                    continue;
                }
                _ => continue,
            };
            if Some(session) != bound {
                continue;
            }
            let reason = CloseReason::Session(reason);
            let logged_out = serde_json::json!({"LOGGED_OUT": true});
            for name in self.router.gateway().replica.subscriptions.cancel_all(&self.outbox(), None)
            {
                let frame =
                    protocol::envelope::encode_value("LOGOFF_ACK", Some(&name), &logged_out);
                self.frames.push_back(Received::Text(String::from_utf8(frame).unwrap()));
            }
            let ended = protocol::envelope::encode_value("SESSION_ENDED", None, &reason.details(0));
            self.frames.push_back(Received::Text(String::from_utf8(ended).unwrap()));
            self.frames.push_back(Received::Closed(Some(reason.wire().1)));
        }
    }
}

impl ConnectionIo for Routed {
    async fn send(&mut self, text: String) -> Result<(), ClientError> {
        let (router, client) = (self.router.clone(), self.client.clone());
        if let Some(bound) = &client.session {
            bound.seen(router.gateway().clock.now());
        }
        let reply = router.answer(client, &mut self.token_cache, &text).await;
        self.take_reply(reply);
        Ok(())
    }

    async fn send_binary(&mut self, _: Vec<u8>) -> Result<(), ClientError> {
        self.frames.push_back(Received::Closed(Some(1003)));
        Ok(())
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Poll::Ready(frame);
            }
            if self.outbox().poll_due(context).is_pending() {
                return Poll::Pending;
            }
            let notices = self.take_rows();
            self.take_notices(notices);
        }
    }
}
