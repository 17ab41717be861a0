//! One-time tokens of a session.

use serde::{Deserialize, Serialize};

use super::expiring_index::Expiring;
use super::ids::{Millis, SessionNo, UserNo};

/// A token that nobody has spent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTime {
    /// Whose.
    pub user: UserNo,
    /// The session that made it: it ends with all tokens of that session.
    pub session: SessionNo,
    /// Until when it is good.
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
