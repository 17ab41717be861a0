//! A violated password rule.

use protocol::NackCode;

/// One rule that a password breaks: its code, and in words its name and its limit.
pub type Violation = (NackCode, String);
