//! The result of a password check.

use std::sync::Arc;

use crate::realm::{AuthenticatedBy, Fingerprint, Verdict};

/// A password that was checked outside the realm, and against what.
pub struct CheckedPassword {
    /// The result of the check.
    pub verdict: Verdict,
    /// The credential it was checked against; `None` if there is none, and the work only kept the
    /// response time equal.
    pub checked: Option<Fingerprint>,
    /// Its hash by the cost of today, if it matched one by another cost.
    pub rehash: Option<Arc<str>>,
    /// What checked it.
    pub authenticated_by: AuthenticatedBy,
}
