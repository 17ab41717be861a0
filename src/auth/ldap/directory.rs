//! Directories (LDAP): whether a password is a user's there, and what is known of him. Nothing that
//! a user sends reaches a server unescaped; referrals are not followed.

use crate::auth::ldap::search_bind;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use metrics::histogram;
use tokio::sync::Semaphore;

use crate::auth::ldap::circuit_breaker::Breaker;
use crate::platform::clock::{Clock, stopwatch};

/// One server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name; with TLS, the name in its certificate.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Entries below which users and groups are searched.
    pub bases: Vec<String>,
    /// Entries below which groups are searched, too.
    pub group_bases: Vec<String>,
    /// Groups, by name or DN, one of which a user must be in; empty: none.
    pub groups: Vec<String>,
    /// Groups, by name or DN, that are asked for beside them.
    pub other_groups: Vec<String>,
    /// Stands in front of user names.
    pub prefix: String,
    /// As whom to search; none: as nobody.
    pub bind: Option<(String, String)>,
    /// The attribute that holds the user name.
    pub id_attribute: String,
    /// How the connection is kept from being read.
    pub tls: Tls,
    /// A file with the authorities to trust (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a login may take here.
    pub timeout: Duration,
    /// Attributes to read.
    pub attributes: Vec<String>,
}

/// How a connection is kept from being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// After StartTLS; a server that does not know it is told nothing.
    StartTls,
    /// From its first byte.
    Always,
}

/// What a server said; the later says more than the earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nobody has the name, or more than one.
    Unknown,
    /// The password is not this user's.
    Wrong,
    /// It is, but he is in no group that may log in.
    NotInGroup,
    /// The password is this user's.
    Confirmed(Found),
}

/// A user of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The first value of each attribute that was asked for, by its name as it was asked.
    pub attributes: BTreeMap<String, String>,
    /// Those of the groups that were asked for in which he is, as they were asked.
    pub groups: Vec<String>,
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "named by the text")]
pub enum LdapError {
    #[error("the directory cannot be reached: {0}")]
    Ldap(#[from] ldap3::LdapError),
    #[error("the directory takes too long")]
    Silence,
    #[error("the directory does not serve the gateway: result code {0}")]
    Refused(u32),
    #[error("the authorities in ca_file cannot be used: {0}")]
    Authorities(String),
}

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
