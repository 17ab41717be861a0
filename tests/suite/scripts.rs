//! Every conversation under `protocol/scripts`, through the router alone, over a real socket, and
//! over REST.

pub mod outside;
mod rest;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use protocol::script::{Action, Memory, Script};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tollgate::call::{Caller, Effect};
use tollgate::feed::{Notice, Outbox};
use tollgate::link::CloseReason;
use tollgate::node::Node;
use tollgate::opening::{self, Opened};
use tollgate::outside::clock::Clock;
use tollgate::router::{KnownToken, Looked, Reply, Router};
use tollgate::settings::Settings;

use crate::gateway::{Gateway, Home};
use outside::Outside;

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

/// The configuration of all scripts, under that of this one: the file of its name.
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

/// How long an answer may take before the script has failed.
const ANSWER: Duration = Duration::from_secs(20);

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/scripts");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut scripts: Vec<_> =
        files.filter(|it| it.extension().is_some_and(|it| it == "script")).collect();
    scripts.sort();
    assert!(scripts.len() >= 10, "{scripts:?}");
    scripts
}

/// What a connection receives.
#[derive(Debug)]
pub enum Frame {
    Text(String),
    Closed(Option<u16>),
}

/// One way to hold a conversation.
pub trait Transport {
    async fn open(&self) -> Self::Link;
    type Link: Talk;
    /// Where mails come.
    fn outbox(&self) -> &Path;
}

pub trait Talk {
    async fn send(&mut self, text: String);
    async fn send_binary(&mut self, bytes: Vec<u8>);
    async fn receive(&mut self) -> Frame;
    /// Whether this transport carries a message; none: the end of a connection.
    fn hears(&self, _: Option<&str>) -> bool {
        true
    }
    /// Whether a message can be sent at all; if not, its answer is not waited for.
    fn sends(&self, _: &serde_json::Value) -> bool {
        true
    }
}

pub async fn play<T: Transport>(transport: &T, path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}, {error}"));
    let (mut links, mut memory) = (HashMap::new(), Memory::default());
    let (mut unsent, mut outside) = (BTreeSet::new(), Outside::default());
    for step in script.steps {
        let at = format!("{name}:{}", step.line);
        match &step.action {
            Action::Wait(time) => {
                tokio::time::sleep(*time).await;
                continue;
            }
            Action::Ask(name, words) => {
                let words = words.iter().map(|word| match word.strip_prefix('$') {
                    Some(name) => memory.get(name).and_then(|it| it.as_str()).unwrap().to_owned(),
                    None => word.clone(),
                });
                let words: Vec<_> = words.collect();
                let value = outside.ask(transport.outbox(), &words).await;
                memory.set(name, value);
                continue;
            }
            _ => {}
        }
        if !links.contains_key(&step.link) {
            links.insert(step.link.clone(), transport.open().await);
        }
        if step.action == Action::Close {
            links.remove(&step.link);
            continue;
        }
        let link = links.get_mut(&step.link).unwrap();
        if let Action::Send(body) = &step.action {
            match link.sends(body) {
                true => unsent.remove(&step.link),
                false => unsent.insert(step.link.clone()),
            };
        }
        if !unsent.contains(&step.link) {
            take(link, step.action, &mut memory, &at).await;
        }
    }
}

/// Takes one step on its connection.
async fn take(link: &mut impl Talk, action: Action, memory: &mut Memory, at: &str) {
    let heard = match &action {
        Action::Closed(_) => link.hears(None),
        Action::Expect(pattern) | Action::Seek(pattern) => {
            // The end of a session ends its subscriptions.
            let ended = pattern.get("LOGGED_OUT").is_some();
            let kind = pattern.get("MESSAGE_TYPE").and_then(|it| it.as_str()).unwrap_or("");
            link.hears(Some(if ended { "SESSION_ENDED" } else { kind }))
        }
        _ => true,
    };
    if !heard {
        return;
    }
    match action {
        Action::Send(body) => {
            let text = memory.fill(&body).unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
            link.send(text).await;
        }
        Action::Text(text) => link.send(text).await,
        Action::Binary(bytes) => link.send_binary(bytes).await,
        Action::Connect | Action::Close | Action::Wait(_) | Action::Ask(..) => {}
        Action::Quiet(time) => {
            let came = tokio::time::timeout(time, link.receive()).await;
            assert!(came.is_err(), "{at}: {came:?}");
        }
        Action::Closed(code) => match next(link, at).await {
            Frame::Closed(came) => assert!(code.is_none() || code == came, "{at}: {came:?}"),
            frame => panic!("{at}: expected the end, came {frame:?}"),
        },
        Action::Expect(pattern) => match next(link, at).await {
            Frame::Text(frame) => memory
                .check(&pattern, &frame)
                .unwrap_or_else(|wrong| panic!("{at}: {wrong}\n{frame}")),
            frame => panic!("{at}: expected {pattern}, came {frame:?}"),
        },
        Action::Seek(pattern) => loop {
            match next(link, at).await {
                Frame::Text(frame) if memory.check(&pattern, &frame).is_ok() => break,
                Frame::Text(_) => {}
                frame => panic!("{at}: expected {pattern}, came {frame:?}"),
            }
        },
    }
}

async fn next(link: &mut impl Talk, at: &str) -> Frame {
    let frame = tokio::time::timeout(ANSWER, link.receive()).await;
    frame.unwrap_or_else(|_| panic!("{at}: nothing came"))
}

// Over a real socket.

pub struct Sockets(pub SocketAddr, pub PathBuf);

impl Transport for Sockets {
    type Link = WebSocketStream<TcpStream>;
    async fn open(&self) -> Self::Link {
        let stream = TcpStream::connect(self.0).await.unwrap();
        tokio_tungstenite::client_async(format!("ws://{}/ws", self.0), stream).await.unwrap().0
    }
    fn outbox(&self) -> &Path {
        &self.1
    }
}

impl Talk for WebSocketStream<TcpStream> {
    async fn send(&mut self, text: String) {
        SinkExt::send(self, Message::text(text)).await.unwrap();
    }
    async fn send_binary(&mut self, bytes: Vec<u8>) {
        SinkExt::send(self, Message::binary(bytes)).await.unwrap();
    }
    async fn receive(&mut self) -> Frame {
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    return Frame::Closed(frame.map(|it| it.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Closed(None),
            }
        }
    }
}

#[tokio::test]
async fn every_script_plays_over_a_real_socket() {
    for script in scripts() {
        let (home, gateway) = with_users(&script);
        play(&Sockets(gateway.address, home.path().join("outbox")), &script).await;
        assert_eq!(gateway.signal("-TERM").0, Some(0));
    }
}

/// A gateway with the users of the scripts.
fn with_users(script: &Path) -> (Home, Gateway) {
    let home = Home::new(&configuration(script).to_string());
    for (user, password, profile) in USERS {
        let mut words = vec!["user", "add", user, "--password-stdin"];
        words.extend(profile.iter().flat_map(|profile| ["--profile", profile]));
        add_user(&home, &words, password);
    }
    let gateway = home.start();
    (home, gateway)
}

/// Frames that are no messages are of sockets only; what REST makes of such bodies has its own
/// tests.
const OF_SOCKETS: &[&str] = &["errors.script"];

#[tokio::test]
async fn every_script_plays_over_rest() {
    for script in scripts() {
        if !OF_SOCKETS.iter().any(|name| script.ends_with(name)) {
            let (home, gateway) = with_users(&script);
            play(&rest::Requests(gateway.address, home.path().join("outbox")), &script).await;
        }
    }
}

#[test]
fn every_message_is_in_a_script() {
    let texts = scripts().into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    let texts = texts.collect::<Vec<_>>().join("\n");
    for row in &tollgate::messages::TABLE {
        let json = format!("\"MESSAGE_TYPE\": \"{}\"", row.name);
        let lines = format!("MESSAGE_TYPE = {}\n", row.name);
        let sent = texts.contains(&json) || texts.contains(&lines);
        assert!(sent, "no script sends {}", row.name);
        assert!(texts.contains(row.ack), "no script has {}", row.ack);
    }
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

// Through the router, without a socket.

pub struct Routers {
    router: Router,
    mails: tempfile::TempDir,
    _duties: tokio::task::JoinSet<()>,
    _opened: Opened,
}

pub struct Routed {
    router: Router,
    caller: Caller,
    known: KnownToken,
    frames: VecDeque<Frame>,
}

impl Routers {
    pub async fn start(script: &Path) -> Self {
        use tollgate::outside::passwords::Passwords;
        use tollgate::realm::Command;
        use tollgate::realm::command::NewUser;
        let mut text = configuration(script);
        text.insert("store".to_owned(), toml::toml! { engine = "memory" }.into());
        let mut settings = Settings::parse(&text.to_string(), std::iter::empty()).unwrap();
        let mails = tempfile::tempdir().unwrap();
        settings.mail.file.folder = mails.path().display().to_string();
        settings.validate().unwrap();
        let clock = Clock::system();
        let opened = opening::open(&settings, Path::new("unused"), clock.clone()).unwrap();
        opened.prepare(&settings, None).await.unwrap();
        for (user, password, profile) in USERS {
            let password = protocol::Password::new(password);
            let hash = Passwords::hash_now(settings.security.scrypt.cost(), "", &password);
            let profiles = profile.iter().map(|name| protocol::ProfileName::parse(name).unwrap());
            let new = NewUser {
                credential: Some(hash.into()),
                profiles: profiles.collect(),
                ..NewUser::named(protocol::UserName::parse(user).unwrap())
            };
            opened.replica.submit(Command::AddUsers(vec![new])).await.unwrap();
        }
        let keys = settings.keyring(Path::new("unused")).unwrap();
        let node = Node::new(settings, opened.replica.clone(), clock, keys);
        let _duties = tollgate::upkeep::start(&node);
        Self { router: Router::new(node), mails, _duties, _opened: opened }
    }
}

impl Transport for Routers {
    type Link = Routed;
    async fn open(&self) -> Routed {
        let now = self.router.node().clock.now();
        let outbox = Some(Outbox::new(1 << 20));
        let address = IpAddr::from([127, 0, 0, 1]);
        Routed {
            router: self.router.clone(),
            caller: Caller { address, outbox, bound: None, opened: now, connector: false },
            known: KnownToken::default(),
            frames: VecDeque::new(),
        }
    }
    fn outbox(&self) -> &Path {
        self.mails.path()
    }
}

impl Routed {
    pub fn outbox(&self) -> Arc<Outbox> {
        self.caller.outbox.clone().unwrap()
    }

    fn take_reply(&mut self, reply: Reply) {
        let node = self.router.node().clone();
        if let Some(session) = reply.bind {
            node.replica.presences.bind(&session, &self.outbox(), node.clock.now());
            self.caller.bound = Some(session);
        }
        let notices = self.take_rows();
        if !matches!(reply.effect, Effect::Silent) {
            self.frames.push_back(Frame::Text(reply.frame));
        }
        if let Effect::Release(id, _) = reply.effect {
            node.replica.feed.release(&self.outbox(), id);
        }
        self.take_notices(notices);
        let notices = self.take_rows();
        self.take_notices(notices);
    }

    fn take_rows(&mut self) -> Vec<Notice> {
        let mail = self.outbox().take();
        self.frames.extend(mail.frames.into_iter().map(Frame::Text));
        mail.notices
    }

    fn take_notices(&mut self, notices: Vec<Notice>) {
        let bound = self.caller.bound.as_ref().map(|bound| bound.session);
        for notice in notices {
            let Notice::Ended(session, reason) = notice else { continue };
            if Some(session) != bound {
                continue;
            }
            let reason = CloseReason::Session(reason);
            let logged_out = serde_json::json!({"LOGGED_OUT": true});
            for name in self.router.node().replica.feed.close_all(&self.outbox(), None) {
                let frame = protocol::envelope::encode("LOGOFF_ACK", Some(&name), &logged_out);
                self.frames.push_back(Frame::Text(frame));
            }
            let ended = protocol::envelope::encode("SESSION_ENDED", None, &reason.details(0));
            self.frames.push_back(Frame::Text(ended));
            self.frames.push_back(Frame::Closed(Some(reason.row().1)));
        }
    }
}

impl Talk for Routed {
    async fn send(&mut self, text: String) {
        let now = self.router.node().clock.now();
        let looked = self.router.look(&self.caller, &mut self.known, &text, now);
        let reply = match looked {
            Looked::Answered(reply) => reply,
            Looked::InTurn => self.router.serve(self.caller.clone(), text).await,
        };
        self.take_reply(reply);
    }
    async fn send_binary(&mut self, _: Vec<u8>) {
        self.frames.push_back(Frame::Closed(Some(1003)));
    }
    async fn receive(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            let outbox = self.outbox();
            std::future::poll_fn(|context| outbox.poll_due(context)).await;
            let notices = self.take_rows();
            self.take_notices(notices);
        }
    }
}

#[tokio::test]
async fn every_script_plays_through_the_router() {
    for script in scripts() {
        play(&Routers::start(&script).await, &script).await;
    }
}
