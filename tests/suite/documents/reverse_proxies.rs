//! Tests of the documented reverse-proxy configurations with real proxies in front of a gateway.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tollgate::net::{Client as TlsClient, Endpoint, HttpClient, TlsTrust};

use crate::harness::gateway::free_port;
use crate::harness::markdown::documents;
use crate::harness::{Authority, Client, GatewayProcess, Home, PASSWORD, clients, signals};

const PAGE: &str = "src/docs/reverse-proxies.md";
/// The time in which a proxy must listen.
const START_MAX: Duration = Duration::from_secs(20);
/// The maximum number of messages per second on each connection to the gateway.
const MESSAGES_PER_SEC: usize = 5;
// The addresses of the clients. The address of the proxy is 127.0.0.1.
const DESK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const PROGRAM: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

/// The first block of the page in this language.
fn block(language: &str) -> String {
    let page = documents().into_iter().find(|it| it.path == PAGE).expect("the page is missing");
    let fences = page.fences();
    let found = fences.into_iter().find(|fence| fence.info == language);
    found.unwrap_or_else(|| panic!("{PAGE} has no block in {language}")).text
}

/// A gateway with the configuration of the page, and its management port.
fn start_gateway(home: &Home) -> (GatewayProcess, u16) {
    let management = free_port();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("TOLLGATE_SERVER__MANAGEMENT_LISTEN", format!("127.0.0.1:{management}"));
    command.env("TOLLGATE_SECURITY__SCRYPT__LOG_N", "4");
    let limit = MESSAGES_PER_SEC.to_string();
    command.env("TOLLGATE_SERVER__LIMITS__MESSAGES_PER_SEC_PER_CONNECTION", limit);
    (GatewayProcess::spawn(&mut command).expect("the gateway did not start"), management)
}

/// A proxy in front of a gateway.
struct Setup {
    proxy: Child,
    port: u16,
    gateway: GatewayProcess,
    authority: Authority,
    _home: Home,
}

impl Setup {
    /// Starts a gateway and a proxy with the configurations of the page, in which addresses and
    /// paths are replaced. `command` gets the folder and the configuration file of the proxy.
    async fn start(language: &str, command: impl Fn(&Path, &Path) -> Command) -> Self {
        let (home, authority) = (Home::new(&block("toml")), Authority::new());
        let (gateway, management) = start_gateway(&home);
        let folder = authority.home.path();
        let both = ["cert.pem", "key.pem"].map(|name| std::fs::read(folder.join(name)).unwrap());
        std::fs::write(folder.join("gateway.pem"), both.concat()).unwrap();
        let port = free_port();
        let at = folder.to_str().unwrap();
        let text = [
            ("8443", port.to_string()),
            ("127.0.0.1:9064", gateway.address.to_string()),
            ("port 9065", format!("port {management}")),
            ("https://gateway.example", "https://localhost".to_owned()),
            ("/etc/tollgate/tls", at.to_owned()),
            ("/etc/haproxy", at.to_owned()),
            ("/var/log/nginx", logs(folder).to_str().unwrap().to_owned()),
        ]
        .into_iter()
        .fold(block(language), |text, (from, to)| text.replace(from, &to));
        let file = folder.join(language);
        std::fs::write(&file, text).unwrap();
        let proxy = start_proxy(command(folder, &file), &logs(folder), port).await;
        Self { proxy, port, gateway, authority, _home: home }
    }

    fn endpoint(&self, scheme: &str) -> Endpoint {
        let trust = TlsTrust { authority: Some(self.authority.file("ca.pem")), insecure: false };
        Endpoint::parse(&format!("{scheme}://localhost:{}", self.port), &trust).unwrap()
    }

    /// Opens a WebSocket through the proxy, and logs in.
    async fn try_login(&self, from: IpAddr, user: &str, password: &str) -> (TlsClient, Value) {
        let client = TlsClient::connect_by(&self.endpoint("wss"), Some(from)).await;
        let mut client = client.expect("the WebSocket upgrade through the proxy failed");
        let details = json!({ "USER_NAME": user, "PASSWORD": password });
        let answer = ask(&mut client, "EVENT_LOGIN_AUTH", details).await;
        (client, answer)
    }

    async fn login(&self, from: IpAddr, user: &str) -> TlsClient {
        let (client, ack) = self.try_login(from, user, PASSWORD).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");
        client
    }

    /// Sends a REST request through the proxy, on a new connection.
    async fn post(&self, path: &str, token: &str, details: Value) -> Value {
        self.post_on(&mut self.program(), path, token, details).await
    }

    fn program(&self) -> HttpClient {
        HttpClient::new(self.endpoint("https"), Some(PROGRAM))
    }

    /// Sends a REST request with a header that claims another address.
    async fn post_on(
        &self,
        rest: &mut HttpClient,
        path: &str,
        token: &str,
        details: Value,
    ) -> Value {
        let origin = format!("https://localhost:{}", self.port);
        let mut headers =
            vec![("SOURCE_REF", "rest"), ("Origin", &origin), ("X-Forwarded-For", "192.0.2.7")];
        headers.extend((!token.is_empty()).then_some(("SESSION_AUTH_TOKEN", token)));
        let body = json!({ "DETAILS": details }).to_string();
        rest.request("POST", path, &headers, body).await.expect("the REST request failed")
    }

    /// Terminates the proxy. The workers of nginx would outlive a `Child::kill` of their master.
    fn stop_proxy(&mut self) {
        let _ = Command::new("kill").arg(self.proxy.id().to_string()).status();
        let _ = self.proxy.wait();
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Ok(None) = self.proxy.try_wait() {
            self.stop_proxy();
        }
    }
}

/// The folder of a proxy's logs.
fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}

/// Starts a proxy and waits until it listens.
async fn start_proxy(mut command: Command, logs: &Path, port: u16) -> Child {
    std::fs::create_dir(logs).unwrap();
    let output = logs.join("output");
    let file = std::fs::File::create(&output).unwrap();
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    let proxy = command.spawn();
    let mut proxy = proxy.expect("the proxy cannot be run: tests/run installs it");
    let listens = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let printed = || std::fs::read_to_string(&output).unwrap();
            assert!(proxy.try_wait().unwrap().is_none(), "the proxy ended: {}", printed());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(START_MAX, listens).await.expect("the proxy did not listen within 20 s");
    proxy
}

async fn receive(client: &mut TlsClient) -> Value {
    let text = client.receive_reply().await.expect("the connection ended before the message");
    serde_json::from_str(&text).unwrap()
}

async fn ask(client: &mut TlsClient, name: &str, details: Value) -> Value {
    let message = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details });
    client.send(message.to_string()).await.expect("sending a message failed");
    loop {
        let answer = receive(client).await;
        if answer["SOURCE_REF"] == name {
            return answer;
        }
    }
}

async fn done(client: &mut TlsClient, name: &str, details: Value) {
    let answer = ask(client, name, details).await;
    assert_eq!(answer["MESSAGE_TYPE"], format!("{name}_ACK"), "{answer}");
}

/// The rows of the next QUERY_UPDATE of the subscription.
async fn rows(client: &mut TlsClient) -> Value {
    loop {
        let mut message = receive(client).await;
        if message["MESSAGE_TYPE"] == "QUERY_UPDATE" {
            return message["ROW"].take();
        }
    }
}

/// Logs in over a WebSocket, sends a heartbeat, and changes a right over REST. The change is
/// pushed. Returns the connection of the user whose right changed, and the tokens of the REST
/// session.
async fn converse(setup: &Setup) -> (TlsClient, [String; 2]) {
    let mut admin = setup.login(DESK, "admin").await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    done(&mut admin, "EVENT_INSERT_USER", jane).await;
    done(&mut admin, "EVENT_INSERT_RIGHT", json!({ "CODE": "ORDEN" })).await;
    let mut jane = setup.login(DESK, "jane").await;
    done(&mut jane, "EVENT_HEARTBEAT", json!({})).await;
    let source = json!({ "DATASOURCE_NAME": "USER_RIGHTS" });
    let ack = ask(&mut jane, "DATA_LOGON", source).await;
    assert_eq!(ack["MESSAGE_TYPE"], "LOGON_ACK", "{ack}");
    assert_eq!(rows(&mut jane).await, json!([]));

    let login = json!({ "USER_NAME": "admin", "PASSWORD": PASSWORD });
    let session = setup.post("/event-login-auth", "", login).await;
    assert_eq!(session["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{session}");
    let tokens = ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN"];
    let tokens = tokens.map(|name| session[name].as_str().unwrap().to_owned());
    let granted = json!({ "USER_NAME": "jane", "RIGHT_CODES": ["ORDEN"] });
    let ack = setup.post("/event-amend-user", &tokens[0], granted).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_AMEND_USER_ACK", "{ack}");
    let pushed = rows(&mut jane).await;
    assert_eq!(pushed[0]["DETAILS"]["RIGHT_CODE"], "ORDEN", "{pushed}");
    (jane, tokens)
}

/// Checks that the gateway sees the addresses of the clients, not that of the proxy.
async fn check_addresses(setup: &Setup) {
    let (_, refused) = setup.try_login(ATTACKER, "jane", "wrong").await;
    assert_eq!(refused["CODE"], "INCORRECT_CREDENTIALS", "{refused}");
    let wrong = json!({ "USER_NAME": "jane", "PASSWORD": "wrong" });
    let refused = setup.post("/event-login-auth", "", wrong).await;
    assert_eq!(refused["CODE"], "INCORRECT_CREDENTIALS", "{refused}");

    let mut direct = Client::login(setup.gateway.address, "admin", PASSWORD).await;
    let rows = clients::rows(&mut direct, "AUDIT_EVENTS").await;
    let logins = rows.iter().filter(|row| row["EVENT"] == "EVENT_LOGIN_AUTH");
    let mut hosts: Vec<_> = logins.map(|row| (&row["HOST"], &row["CODE"])).collect();
    let direct = hosts.remove(0);
    assert_eq!(direct.0, "127.0.0.1", "the login without a proxy");
    let expected = [
        (PROGRAM, "INCORRECT_CREDENTIALS"),
        (ATTACKER, "INCORRECT_CREDENTIALS"),
        (PROGRAM, "OK"),
        (DESK, "OK"),
        (DESK, "OK"),
    ];
    let expected = expected.map(|(host, code)| (json!(host), json!(code)));
    assert_eq!(hosts, expected.each_ref().map(|(host, code)| (host, code)));
}

/// Checks that the requests of a client do not share a connection to the gateway, because the
/// gateway limits the requests of each connection.
async fn check_connections(setup: &Setup, token: &str) {
    let mut program = setup.program();
    for _ in 0..4 * MESSAGES_PER_SEC {
        let ack = setup.post_on(&mut program, "/event-login-details", token, json!({})).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_DETAILS_ACK", "{ack}");
    }
}

/// Checks that the logs of the proxy contain no password and no token.
fn check_logs(setup: &Setup, secrets: &[String]) {
    let logs = std::fs::read_dir(logs(setup.authority.home.path())).unwrap();
    for file in logs.map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut found = secrets.iter().map(String::as_str).chain([PASSWORD]);
        let secret = found.find(|secret| text.contains(secret));
        assert_eq!(secret, None, "a secret is in {}: {text}", file.display());
    }
}

/// Checks all that the page promises of a proxy.
async fn check(language: &str, command: impl Fn(&Path, &Path) -> Command) {
    let mut setup = Setup::start(language, command).await;
    let (mut jane, tokens) = converse(&setup).await;
    check_addresses(&setup).await;
    check_connections(&setup, &tokens[0]).await;
    signals::send(&setup.gateway.child, "-TERM");
    let mut ended = receive(&mut jane).await;
    while ended["MESSAGE_TYPE"] != "SESSION_ENDED" {
        ended = receive(&mut jane).await;
    }
    assert_eq!(ended["DETAILS"]["REASON"], "SHUTDOWN", "{ended}");
    setup.stop_proxy();
    check_logs(&setup, &tokens);
}

#[tokio::test]
async fn nginx_serves_websockets_and_rest() {
    check("nginx", |folder, file| {
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.arg("-p").arg(folder).arg("-c").arg(file);
        let options = format!("daemon off; pid {}/pid;", folder.display());
        nginx.args(["-g", &options]);
        nginx
    })
    .await;
}

#[tokio::test]
async fn haproxy_serves_websockets_and_rest() {
    check("haproxy", |_, file| {
        let mut haproxy = Command::new("/usr/sbin/haproxy");
        haproxy.arg("-db").arg("-f").arg(file);
        haproxy
    })
    .await;
}

#[tokio::test]
async fn caddy_serves_websockets_and_rest() {
    check("caddyfile", |folder, file| {
        let mut caddy = Command::new("caddy");
        caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
        caddy.env("CADDY_ADMIN", format!("unix//{}/admin", folder.display()));
        caddy.env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
        caddy
    })
    .await;
}
