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
const AT_ONCE: usize = 16;

/// All servers, in the order in which they are asked.
#[derive(Default)]
pub struct DirectoryClient {
    servers: Vec<ServerState>,
}

struct ServerState {
    server: LdapServer,
    breaker: Breaker,
    room: Semaphore,
}

impl DirectoryClient {
    /// A directory of these servers.
    pub fn new(servers: Vec<LdapServer>) -> Self {
        let watched = |server| {
            let (breaker, capacity) = (Breaker::default(), Semaphore::new(AT_ONCE));
            ServerState { server, breaker, room: capacity }
        };
        Self { servers: servers.into_iter().map(watched).collect() }
    }

    /// Whether it consists of these servers.
    pub fn is_of(&self, servers: &[LdapServer]) -> bool {
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
        let (mut said, mut silent) = (LdapResult::Unknown, false);
        let admitted: Vec<_> =
            self.servers.iter().map(|it| it.breaker.allow(clock.now())).collect();
        let nobody = !admitted.contains(&true);
        for (number, watched) in self.servers.iter().enumerate() {
            let answer = match admitted[number] || nobody {
                true => watched.authenticate(clock, name, password).await,
                false => None,
            };
            match answer {
                Some(LdapResult::Confirmed(found)) => {
                    return Ok((LdapResult::Confirmed(found), number));
                }
                Some(LdapResult::NotInGroup) => said = LdapResult::NotInGroup,
                Some(LdapResult::Wrong) if said == LdapResult::Unknown => said = LdapResult::Wrong,
                Some(_) => {}
                None => silent = true,
            }
        }
        match silent && said == LdapResult::Unknown {
            true => Err(Unreachable),
            false => Ok((said, 0)),
        }
    }
}

impl ServerState {
    /// None: it could not be asked.
    async fn authenticate(&self, clock: &Clock, name: &str, password: &str) -> Option<LdapResult> {
        let asked = async {
            // Whoever waits here behind a server that hangs waits no longer than anybody else.
            let _place = self.room.acquire().await;
            search_bind::search_bind(&self.server, name, password).await
        };
        let watch = stopwatch();
        let asked = tokio::time::timeout(self.server.timeout, asked).await;
        let asked = asked.unwrap_or(Err(LdapError::Silence));
        let result = match &asked {
            Ok(LdapResult::Confirmed(_)) => "confirmed",
            Ok(_) => "refused",
            Err(_) => "failed",
        };
        histogram!("tollgate_directory_seconds", "result" => result).record(watch.elapsed_secs());
        match asked {
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
