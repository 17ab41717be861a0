//! One-time tokens of a session.

use serde::{Deserialize, Serialize};

use super::expiring_index::Expiring;
use super::ids::{Millis, SessionNo, UserNo};

/// A one-time token that has not been spent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTime {
    /// The user to which the token was issued.
    pub user: UserNo,
    /// The session that created it. The token is invalid once this session is deleted, but stays
    /// valid if the session becomes dormant.
    pub session: SessionNo,
    /// When the token expires.
    pub until: Millis,
}

impl Expiring for OneTime {
    fn owner(&self) -> UserNo {
        self.user
    }
    fn until(&self) -> Millis {
        self.until
    }
}
