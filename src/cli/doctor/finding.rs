//! A finding of the doctor: its severity, subject, reason and remedy.

/// The severity of a finding. The variants are ordered, the most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or will soon stop working.
    Problem,
    /// Something weakens the security or reliability of the gateway.
    Weak,
    /// A change is worth considering.
    Advice,
}

impl Severity {
    /// Returns the word that is printed.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Weak => "weak",
            Self::Advice => "advice",
        }
    }
}

/// Something that should be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How severe it is.
    pub severity: Severity,
    /// What it concerns: a configuration key, a part of the host, or the store.
    pub subject: String,
    /// What is wrong and why it matters.
    pub why: String,
    /// What to do.
    pub change: String,
}

impl Finding {
    /// Creates a finding.
    pub fn new(
        severity: Severity,
        subject: impl Into<String>,
        why: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self { severity, subject: subject.into(), why: why.into(), change: change.into() }
    }
}

/// Adds a finding if the condition holds.
pub(super) fn push_if(
    condition: bool,
    found: &mut Vec<Finding>,
    severity: Severity,
    subject: &str,
    why: &str,
    change: &str,
) {
    if condition {
        found.push(Finding::new(severity, subject, why, change));
    }
}
