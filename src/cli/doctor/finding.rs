//! The doctor: what of a configuration, its machine and its store should be different, and why.

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work, or is about to stop.
    Problem,
    /// It weakens what the gateway promises.
    Weak,
    /// Worth a thought.
    Advice,
}

impl Severity {
    /// The word for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Weak => "weak",
            Self::Advice => "advice",
        }
    }
}

/// Something that should be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about: a key, or a part of the machine.
    pub subject: String,
    /// What is so, and why that matters.
    pub why: String,
    /// What to do.
    pub change: String,
}

impl Finding {
    /// A finding of this weight.
    pub fn new(
        severity: Severity,
        subject: impl Into<String>,
        why: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self { severity, subject: subject.into(), why: why.into(), change: change.into() }
    }
}

/// Adds a finding if something is so.
pub(super) fn push_if(
    so: bool,
    found: &mut Vec<Finding>,
    severity: Severity,
    subject: &str,
    why: &str,
    change: &str,
) {
    if so {
        found.push(Finding::new(severity, subject, why, change));
    }
}
