//! The result of a password check.

use std::sync::Arc;

use crate::realm::{AuthenticatedBy, Fingerprint, Verdict};

/// The verdict of a password check, and what the realm needs to trust the verdict. The check runs
/// outside the realm.
pub struct CheckedPassword {
    /// Whether the password matched.
    pub verdict: Verdict,
    /// The fingerprint of the stored credential against which the password was checked. `None` if
    /// only a directory checked the password. Also `None` if the user is unknown or has no
    /// credential: the check then only kept the response time equal.
    pub checked: Option<Fingerprint>,
    /// A new hash of the password at the configured cost, if the password matched a hash of another
    /// cost or kind.
    pub rehash: Option<Arc<str>>,
    /// What checked the password: the stored credential or a directory.
    pub authenticated_by: AuthenticatedBy,
}
