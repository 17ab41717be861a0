//! A violated password rule.

use protocol::NackCode;

/// A violation: the code, and a text that contains the name of the rule and its limit.
pub type Violation = (NackCode, String);
