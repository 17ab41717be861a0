//! REST transport: each message is a request, and rows are polled.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Sleep, sleep};

use super::transport::{ConnectionIo, Transport, WebSocketTransport};
use crate::net::{ClientError, HttpClient, Received};
use crate::subscriptions::DataSource;

/// Messages that exist only over WebSocket. LOGON_ACK and MORE_ROWS_ACK announce rows; over REST
/// the rows themselves are the reply. A client learns of the end of its session when its next REST
/// request is refused.
const SOCKET_ONLY: [&str; 4] = ["LOGON_ACK", "MORE_ROWS_ACK", "SESSION_EXPIRING", "SESSION_ENDED"];
/// Interval between two polls of a waiting client.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Opens connections to a gateway over REST.
#[derive(Clone)]
pub struct RestTransport(pub WebSocketTransport);

impl Transport for RestTransport {
    type Connection = RestConnection;

    async fn open(&self, client: usize) -> Result<RestConnection, ClientError> {
        let requests = HttpClient::new(self.0.endpoint.clone(), self.0.source_address(client));
        let session =
            RestSession { requests, token: None, polled: BTreeMap::new(), frames: VecDeque::new() };
        Ok(RestConnection { session: Some(Box::new(session)), polling: None, pause: None })
    }
}

/// The REST connection of one client. While a poll runs, the future of the poll owns the session.
pub struct RestConnection {
    session: Option<Box<RestSession>>,
    polling: Option<Pin<Box<dyn Future<Output = Box<RestSession>> + Send>>>,
    /// The pause before the next poll; sending a message does not wait for it.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The state of one client: its token, and the subscriptions that it polls.
struct RestSession {
    requests: HttpClient,
    token: Option<String>,
    /// By SOURCE_REF: the path, and the number of replies without rows. These replies also increase
    /// SEQUENCE_ID.
    polled: BTreeMap<String, (String, u64)>,
    frames: VecDeque<Received>,
}

impl ConnectionIo for RestConnection {
    async fn send(&mut self, text: String) -> Result<(), ClientError> {
        if let Some(polling) = self.polling.take() {
            self.session = Some(polling.await);
        }
        match &mut self.session {
            Some(session) => session.send(&text).await,
            None => Err(ClientError::Closed),
        }
    }

    async fn send_binary(&mut self, _: Vec<u8>) -> Result<(), ClientError> {
        Err(ClientError::NotForRest)
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        loop {
            if let Some(frame) =
                self.session.as_mut().and_then(|session| session.frames.pop_front())
            {
                return Poll::Ready(frame);
            }
            if self.session.as_ref().is_some_and(|session| !session.polled.is_empty()) {
                let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(POLL_INTERVAL)));
                ready!(pause.as_mut().poll(context));
                self.pause = None;
                self.polling =
                    self.session.take().map(|session| Box::pin(session.poll_subscriptions()) as _);
            }
            let Some(polling) = &mut self.polling else { return Poll::Pending };
            let Poll::Ready(session) = polling.as_mut().poll(context) else { return Poll::Pending };
            (self.polling, self.session) = (None, Some(session));
        }
    }

    /// Over REST the data source is the path, and a subscription needs a SOURCE_REF.
    fn can_send(&self, message: &Value) -> bool {
        let source = message["DETAILS"]["DATASOURCE_NAME"].as_str().and_then(DataSource::from_name);
        let named = message.get("SOURCE_REF").is_some();
        message["MESSAGE_TYPE"] != "DATA_LOGON" || (source.is_some() && named)
    }

    fn can_receive(&self, message_type: Option<&str>) -> bool {
        message_type.is_some_and(|it| !SOCKET_ONLY.contains(&it))
    }
}

impl RestSession {
    async fn send(&mut self, text: &str) -> Result<(), ClientError> {
        let body: Result<Map<String, Value>, _> = serde_json::from_str(text);
        let mut body = body.map_err(|_| ClientError::NotForRest)?;
        let kind = body.remove("MESSAGE_TYPE").ok_or(ClientError::NotForRest)?;
        let kind = kind.as_str().ok_or(ClientError::NotForRest)?;
        if let (Some(token), None) = (&self.token, body.get("SESSION_AUTH_TOKEN")) {
            body.insert("SESSION_AUTH_TOKEN".to_owned(), token.as_str().into());
        }
        let own = body.get("SESSION_AUTH_TOKEN").and_then(Value::as_str).map(str::to_owned);
        let reply = match kind {
            "DATA_LOGON" | "MORE_ROWS" | "DATA_LOGOFF" => self.rows(kind, body).await?,
            _ => self.post(&path(kind), Value::Object(body).to_string()).await?,
        };
        match reply["MESSAGE_TYPE"].as_str() {
            Some("EVENT_LOGIN_AUTH_ACK") => {
                self.token = reply["SESSION_AUTH_TOKEN"].as_str().map(str::to_owned);
            }
            Some("LOGOUT_ACK") => self.token = None,
            // The gateway accepted the token of this message. If the client has no token yet, later
            // messages use this token, too.
            Some(kind) if kind.ends_with("_ACK") => self.token = self.token.take().or(own),
            _ => {}
        }
        self.frames.push_back(Received::Text(reply.to_string()));
        Ok(())
    }

    async fn post(&mut self, path: &str, body: String) -> Result<Value, ClientError> {
        self.requests.request("POST", path, &[], body).await
    }

    /// Sends a request about a subscription.
    async fn request_subscription(
        &mut self,
        method: &str,
        path: &str,
        name: &str,
    ) -> Result<Value, ClientError> {
        let token = self.token.clone().unwrap_or_default();
        let headers = [("SOURCE_REF", name), ("SESSION_AUTH_TOKEN", token.as_str())];
        self.requests.request(method, path, &headers, String::new()).await
    }

    /// Sends DATA_LOGON, MORE_ROWS and DATA_LOGOFF as POST, PUT and DELETE.
    async fn rows(
        &mut self,
        kind: &str,
        mut body: Map<String, Value>,
    ) -> Result<Value, ClientError> {
        let source_ref = body.get("SOURCE_REF").and_then(Value::as_str).unwrap_or_default();
        let named = body.get("DETAILS").and_then(|details| details["SOURCE_REF"].as_str());
        let name = named.unwrap_or(source_ref).to_owned();
        if kind == "DATA_LOGON" {
            let details = body.get_mut("DETAILS").and_then(Value::as_object_mut);
            let source = details.and_then(|details| details.remove("DATASOURCE_NAME"));
            let path = path(source.as_ref().and_then(Value::as_str).unwrap_or_default());
            let reply = self.post(&path, Value::Object(body).to_string()).await?;
            if reply["MESSAGE_TYPE"] == "QUERY_UPDATE" {
                self.polled.insert(name, (path, 0));
            }
            return Ok(reply);
        }
        let polled = self.polled.get(&name).cloned();
        let (path, empty) = polled.unwrap_or_else(|| (path("USER_RIGHTS"), 0));
        if kind == "MORE_ROWS" {
            return Ok(renumbered(self.request_subscription("PUT", &path, &name).await?, empty));
        }
        self.polled.remove(&name);
        self.request_subscription("DELETE", &path, &name).await
    }

    /// Polls every subscription once.
    async fn poll_subscriptions(mut self: Box<Self>) -> Box<Self> {
        for (name, (path, empty)) in self.polled.clone() {
            let Ok(update) = self.request_subscription("GET", &path, &name).await else {
                self.frames.push_back(Received::Closed(None));
                self.polled.clear();
                break;
            };
            if update["ROWS_COUNT"].as_u64().is_some_and(|count| count > 0) {
                self.frames.push_back(Received::Text(renumbered(update, empty).to_string()));
            } else if let Some((_, empty)) = self.polled.get_mut(&name) {
                *empty += u64::from(update["MESSAGE_TYPE"] == "QUERY_UPDATE");
            }
        }
        self
    }
}

/// Reduces the SEQUENCE_ID of an update by the number of earlier polls without rows.
fn renumbered(mut update: Value, empty: u64) -> Value {
    if let Some(number) = update["SEQUENCE_ID"].as_u64() {
        update["SEQUENCE_ID"] = number.saturating_sub(empty).into();
    }
    update
}

/// Returns the path of a name: `/event-login-auth` for EVENT_LOGIN_AUTH.
fn path(name: &str) -> String {
    format!("/{}", name.to_lowercase().replace('_', "-"))
}
