//! Directories (LDAP): whether a password is a user's there, and what is known of him. Nothing that
//! a user sends reaches a server unescaped; referrals are not followed.

use metrics::histogram;
use tokio::sync::Semaphore;

use super::circuit_breaker::Breaker;
use super::result::{Answer, LdapError};
use super::search_bind;
use super::server::Server;
use crate::platform::{Clock, stopwatch};
/// No server could be asked, or none of those that could knows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

/// Logins that one server is asked about at once.
const AT_ONCE: usize = 16;

/// All servers, in the order in which they are asked.
#[derive(Default)]
pub struct Directory {
    servers: Vec<Watched>,
}

struct Watched {
    server: Server,
    breaker: Breaker,
    room: Semaphore,
}

impl Directory {
    /// A directory of these servers.
    pub fn new(servers: Vec<Server>) -> Self {
        let watched = |server| {
            let (breaker, room) = (Breaker::default(), Semaphore::new(AT_ONCE));
            Watched { server, breaker, room }
        };
        Self { servers: servers.into_iter().map(watched).collect() }
    }

    /// Whether it consists of these servers.
    pub fn is_of(&self, servers: &[Server]) -> bool {
        self.servers.iter().map(|it| &it.server).eq(servers)
    }

    /// Asks the servers in their order until one confirms the password; says which one did. One
    /// that failed lately is left out as long as there is another.
    pub async fn ask(
        &self,
        clock: &Clock,
        name: &str,
        password: &str,
    ) -> Result<(Answer, usize), Unreachable> {
        // An empty password would be no login at all, and yet succeed.
        if password.is_empty() || password.contains('\0') {
            return Ok((Answer::Wrong, 0));
        }
        let (mut said, mut silent) = (Answer::Unknown, false);
        let admitted: Vec<_> =
            self.servers.iter().map(|it| it.breaker.admits(clock.now())).collect();
        let nobody = !admitted.contains(&true);
        for (number, watched) in self.servers.iter().enumerate() {
            let answer = match admitted[number] || nobody {
                true => watched.ask(clock, name, password).await,
                false => None,
            };
            match answer {
                Some(Answer::Confirmed(found)) => return Ok((Answer::Confirmed(found), number)),
                Some(Answer::NotInGroup) => said = Answer::NotInGroup,
                Some(Answer::Wrong) if said == Answer::Unknown => said = Answer::Wrong,
                Some(_) => {}
                None => silent = true,
            }
        }
        match silent && said == Answer::Unknown {
            true => Err(Unreachable),
            false => Ok((said, 0)),
        }
    }
}

impl Watched {
    /// None: it could not be asked.
    async fn ask(&self, clock: &Clock, name: &str, password: &str) -> Option<Answer> {
        let asked = async {
            // Whoever waits here behind a server that hangs waits no longer than anybody else.
            let _place = self.room.acquire().await;
            search_bind::hold(&self.server, name, password).await
        };
        let watch = stopwatch();
        let asked = tokio::time::timeout(self.server.timeout, asked).await;
        let asked = asked.unwrap_or(Err(LdapError::Silence));
        let result = match &asked {
            Ok(Answer::Confirmed(_)) => "confirmed",
            Ok(_) => "refused",
            Err(_) => "failed",
        };
        histogram!("tollgate_directory_seconds", "result" => result).record(watch.elapsed_secs());
        match asked {
            Ok(answer) => {
                self.breaker.worked();
                Some(answer)
            }
            Err(error) => {
                let (host, port) = (self.server.host.as_str(), self.server.port);
                tracing::warn!(host, port, %error, "a directory could not be asked");
                self.breaker.failed(clock.now());
                None
            }
        }
    }
}
