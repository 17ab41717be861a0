//! Directories (LDAP): whether a password is a user's there, and what is known of him. Nothing that
//! a user sends reaches a server unescaped; referrals are not followed.

use metrics::histogram;
use tokio::sync::Semaphore;

use super::circuit_breaker::Breaker;
use super::result::{LdapError, LdapResult};
use super::search_bind;
use super::server::LdapServer;
use crate::platform::{Clock, stopwatch};
/// No server could be asked, or none of those that could knows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

/// Logins that one server is asked about at once.
const REQUESTS_AT_ONCE_MAX: usize = 16;

/// All servers, in the order in which they are asked.
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
    /// A directory of these servers.
    pub fn new(servers: Vec<LdapServer>) -> Self {
        let state = |server| {
            let (breaker, capacity) = (Breaker::default(), Semaphore::new(REQUESTS_AT_ONCE_MAX));
            ServerState { server, breaker, permits: capacity }
        };
        Self { servers: servers.into_iter().map(state).collect() }
    }

    /// Whether it consists of these servers.
    pub fn has_servers(&self, servers: &[LdapServer]) -> bool {
        self.servers.iter().map(|it| &it.server).eq(servers)
    }

    /// Asks the servers in their order until one confirms the password; says which one did. One
    /// that failed lately is left out as long as there is another.
    pub async fn authenticate(
        &self,
        clock: &Clock,
        name: &str,
        password: &str,
    ) -> Result<(LdapResult, usize), Unreachable> {
        // An empty password would be no login at all, and yet succeed.
        if password.is_empty() || password.contains('\0') {
            return Ok((LdapResult::Wrong, 0));
        }
        let (mut best, mut is_unreachable) = (LdapResult::Unknown, false);
        let allowed: Vec<_> = self.servers.iter().map(|it| it.breaker.allow(clock.now())).collect();
        let all_open = !allowed.contains(&true);
        for (number, state) in self.servers.iter().enumerate() {
            let answer = if allowed[number] || all_open {
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
    /// None: it could not be asked.
    async fn authenticate(&self, clock: &Clock, name: &str, password: &str) -> Option<LdapResult> {
        let searched = async {
            // Whoever waits here behind a server that hangs waits no longer than anybody else.
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
                tracing::warn!(host, port, %error, "a directory could not be asked");
                self.breaker.failure(clock.now());
                None
            }
        }
    }
}
