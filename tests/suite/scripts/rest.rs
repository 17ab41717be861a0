//! Conversations over REST: every message is a request, rows are polled.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tollgate::feed::Source;

use super::{Frame, Talk, Transport};

/// A gateway to which each connection of a script is a client of its own.
pub struct Requests(pub SocketAddr, pub PathBuf);

/// One client: its token, and the subscriptions that it polls.
pub struct Requester {
    address: SocketAddr,
    token: Option<String>,
    /// By SOURCE_REF: the path, and how many answers without rows there were: those have numbers,
    /// too.
    polled: BTreeMap<String, (String, u64)>,
    frames: VecDeque<Frame>,
}

/// What only a socket is told: that rows follow (over REST they are the answer), and that a session
/// ended (over REST the next request is refused).
const PUSHED: [&str; 3] = ["LOGON_ACK", "MORE_ROWS_ACK", "SESSION_ENDED"];
/// A client that waits polls at this distance.
const DISTANCE: Duration = Duration::from_millis(20);

impl Transport for Requests {
    type Link = Requester;
    async fn open(&self) -> Requester {
        let (polled, frames) = (BTreeMap::new(), VecDeque::new());
        Requester { address: self.0, token: None, polled, frames }
    }
    fn outbox(&self) -> &Path {
        &self.1
    }
}

impl Requester {
    /// Sends a request and gives the body of its response.
    async fn request(&self, method: &str, path: &str, source_ref: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        if method != "POST" {
            head.push_str(&format!("SOURCE_REF: {source_ref}\r\n"));
            let token = self.token.as_deref().unwrap_or_default();
            head.push_str(&format!("SESSION_AUTH_TOKEN: {token}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").expect("a response");
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{method} {path}: {answer}"))
    }

    /// A data source by POST, PUT and DELETE.
    async fn rows(&mut self, kind: &str, mut body: Map<String, Value>) -> Value {
        let source_ref = body.get("SOURCE_REF").and_then(Value::as_str).unwrap_or_default();
        let named = body.get("DETAILS").and_then(|details| details["SOURCE_REF"].as_str());
        let name = named.unwrap_or(source_ref).to_owned();
        if kind == "DATA_LOGON" {
            let details = body.get_mut("DETAILS").and_then(Value::as_object_mut).unwrap();
            let source = details.remove("DATASOURCE_NAME").unwrap_or_default();
            let path = path(source.as_str().unwrap_or_default());
            let body = Value::Object(body).to_string();
            let answer = self.request("POST", &path, &name, &body).await;
            if answer["MESSAGE_TYPE"] == "QUERY_UPDATE" {
                self.polled.insert(name, (path, 0));
            }
            return answer;
        }
        let known = self.polled.get(&name).cloned();
        let (path, empty) = known.unwrap_or_else(|| (path("USER_RIGHTS"), 0));
        if kind == "MORE_ROWS" {
            return renumbered(self.request("PUT", &path, &name, "").await, empty);
        }
        self.polled.remove(&name);
        self.request("DELETE", &path, &name, "").await
    }
}

/// An update with the number that it would have if nobody had polled in vain.
fn renumbered(mut update: Value, empty: u64) -> Value {
    if let Some(number) = update["SEQUENCE_ID"].as_u64() {
        update["SEQUENCE_ID"] = number.saturating_sub(empty).into();
    }
    update
}

/// `/event-login-auth`.
fn path(name: &str) -> String {
    format!("/{}", name.to_lowercase().replace('_', "-"))
}

impl Talk for Requester {
    async fn send(&mut self, text: String) {
        let mut body: Map<String, Value> = serde_json::from_str(&text).expect("a message");
        let kind = body.remove("MESSAGE_TYPE").expect("its type");
        let kind = kind.as_str().expect("a text");
        if let (Some(token), None) = (&self.token, body.get("SESSION_AUTH_TOKEN")) {
            body.insert("SESSION_AUTH_TOKEN".to_owned(), token.as_str().into());
        }
        let own = body.get("SESSION_AUTH_TOKEN").and_then(Value::as_str).map(str::to_owned);
        let answer = match kind {
            "DATA_LOGON" | "MORE_ROWS" | "DATA_LOGOFF" => self.rows(kind, body).await,
            _ => self.request("POST", &path(kind), "", &Value::Object(body).to_string()).await,
        };
        match answer["MESSAGE_TYPE"].as_str() {
            Some("EVENT_LOGIN_AUTH_ACK") => {
                self.token = answer["SESSION_AUTH_TOKEN"].as_str().map(str::to_owned);
            }
            Some("LOGOUT_ACK") => self.token = None,
            // Whoever was let in with a token goes on with it.
            Some(kind) if kind.ends_with("_ACK") => self.token = self.token.take().or(own),
            _ => {}
        }
        self.frames.push_back(Frame::Text(answer.to_string()));
    }

    async fn send_binary(&mut self, _: Vec<u8>) {
        panic!("REST has no frames");
    }

    async fn receive(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            for (name, (path, empty)) in self.polled.clone() {
                let update = self.request("GET", &path, &name, "").await;
                if update["ROWS_COUNT"].as_u64().is_some_and(|count| count > 0) {
                    let update = renumbered(update, empty);
                    self.frames.push_back(Frame::Text(update.to_string()));
                } else if let Some((_, empty)) = self.polled.get_mut(&name) {
                    *empty += u64::from(update["MESSAGE_TYPE"] == "QUERY_UPDATE");
                }
            }
            tokio::time::sleep(DISTANCE).await;
        }
    }

    /// A data source is a path, and its subscription has a name.
    fn sends(&self, message: &Value) -> bool {
        let source = message["DETAILS"]["DATASOURCE_NAME"].as_str().and_then(Source::of);
        let nameless = message["SOURCE_REF"] == "$!";
        message["MESSAGE_TYPE"] != "DATA_LOGON" || (source.is_some() && !nameless)
    }

    fn hears(&self, message_type: Option<&str>) -> bool {
        // None: the end of a connection.
        message_type.is_some_and(|it| !PUSHED.contains(&it))
    }
}
