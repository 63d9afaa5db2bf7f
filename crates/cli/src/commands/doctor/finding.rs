//! What a check has to say.

use serde_json::{Value, json};

use super::repair::Repair;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Good to know; nothing is wrong.
    Note,
    /// Works, but not as it should, or not for long.
    Warn,
    /// Does not work, or must not go on.
    Error,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Note => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What came of a check.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All that was found; nothing is good.
    Looked(Vec<Finding>),
    /// Why there was nothing to look at.
    Skipped(&'static str),
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// For scripts; stays the same between versions.
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    /// What is.
    pub(super) title: String,
    /// Why it matters.
    pub(super) why: String,
    /// What to do, best a command that can be pasted.
    pub(super) fix: Option<String>,
    /// What `--fix` would do.
    pub(super) repair: Option<Repair>,
}

impl Finding {
    fn new(
        severity: Severity,
        id: &'static str,
        title: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self { id, severity, title: title.into(), why: why.into(), fix: None, repair: None }
    }

    pub(super) fn error(
        id: &'static str,
        title: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, id, title, why)
    }

    pub(super) fn warn(id: &'static str, title: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Severity::Warn, id, title, why)
    }

    pub(super) fn note(id: &'static str, title: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Severity::Note, id, title, why)
    }

    #[must_use]
    pub(super) fn fix(mut self, command: impl Into<String>) -> Self {
        self.fix = Some(command.into());
        self
    }

    #[must_use]
    pub(super) fn repair(mut self, repair: Repair) -> Self {
        self.repair = Some(repair);
        self
    }

    pub(super) fn json(&self, check: &str) -> Value {
        json!({
            "id": self.id,
            "check": check,
            "severity": self.severity.as_str(),
            "title": self.title,
            "why": self.why,
            "fix": self.fix,
            "repairable": self.repair.is_some(),
        })
    }
}
