//! The LDAP client: checks a password at several servers and reads the user's entry.
//!
//! Input of users is escaped before it reaches a server. Referrals are not followed.

use metrics::histogram;
use tokio::sync::Semaphore;

use super::circuit_breaker::Breaker;
use super::result::{LdapError, LdapResult};
use super::search_bind;
use super::server::LdapServer;
use crate::platform::{Clock, refusal_line, stopwatch};

/// The error if a server failed or was skipped, and no other server found the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

/// Maximum number of concurrent logins at one server.
const REQUESTS_AT_ONCE_MAX: usize = 16;

/// A client of all servers, which are tried in their order.
#[derive(Default)]
pub struct DirectoryClient {
    servers: Vec<ServerState>,
}

struct ServerState {
    server: LdapServer,
    breaker: Breaker,
    permits: Semaphore,
}

impl DirectoryClient {
    /// Creates a client of these servers.
    pub fn new(servers: Vec<LdapServer>) -> Self {
        let state = |server| {
            let (breaker, permits) = (Breaker::default(), Semaphore::new(REQUESTS_AT_ONCE_MAX));
            ServerState { server, breaker, permits }
        };
        Self { servers: servers.into_iter().map(state).collect() }
    }

    /// Whether the client has exactly these servers, in this order.
    pub fn has_servers(&self, servers: &[LdapServer]) -> bool {
        self.servers.iter().map(|it| &it.server).eq(servers)
    }

    /// Tries the servers in their order until one returns [`LdapResult::Confirmed`]. Returns this
    /// result and the index of the server. If no server returns it, returns the result with the
    /// most passed checks, and 0. A server that failed recently is skipped while another one is
    /// available.
    pub async fn authenticate(
        &self,
        clock: &Clock,
        name: &str,
        password: &str,
    ) -> Result<(LdapResult, usize), Unreachable> {
        // A bind with an empty password succeeds without authentication (RFC 4513, 5.1.2). If a
        // server reads a password only up to a NUL, a password that begins with a NUL is empty for
        // that server.
        if password.is_empty() || password.contains('\0') {
            return Ok((LdapResult::Wrong, 0));
        }
        let (mut best, mut is_unreachable) = (LdapResult::Unknown, false);
        let allowed: Vec<_> = self.servers.iter().map(|it| it.breaker.allow(clock.now())).collect();
        let none_allowed = !allowed.contains(&true);
        for (number, state) in self.servers.iter().enumerate() {
            let answer = if allowed[number] || none_allowed {
                state.authenticate(clock, name, password).await
            } else {
                None
            };
            match answer {
                Some(LdapResult::Confirmed(found)) => {
                    return Ok((LdapResult::Confirmed(found), number));
                }
                Some(LdapResult::NotInGroup) => best = LdapResult::NotInGroup,
                Some(LdapResult::Wrong) if best == LdapResult::Unknown => best = LdapResult::Wrong,
                Some(_) => {}
                None => is_unreachable = true,
            }
        }
        if is_unreachable && best == LdapResult::Unknown { Err(Unreachable) } else { Ok((best, 0)) }
    }
}

impl ServerState {
    /// Checks a password at this server; `None` if the request failed.
    async fn authenticate(&self, clock: &Clock, name: &str, password: &str) -> Option<LdapResult> {
        let searched = async {
            // The timeout includes the wait for a permit, so that logins which queue for a hanging
            // server also fail after the timeout.
            let _permit = self.permits.acquire().await;
            search_bind::search_bind(&self.server, name, password).await
        };
        let watch = stopwatch();
        let searched = tokio::time::timeout(self.server.timeout, searched).await;
        let searched = searched.unwrap_or(Err(LdapError::Timeout));
        let result = match &searched {
            Ok(LdapResult::Confirmed(_)) => "confirmed",
            Ok(_) => "refused",
            Err(_) => "failed",
        };
        histogram!("tollgate_ldap_request_duration_seconds", "result" => result)
            .record(watch.elapsed_secs());
        match searched {
            Ok(answer) => {
                self.breaker.success();
                Some(answer)
            }
            Err(error) => {
                let (host, port) = (self.server.host.as_str(), self.server.port);
                refusal_line!(WARN, None, host, port, %error, "LDAP request failed");
                self.breaker.failure(clock.now());
                None
            }
        }
    }
}
