//! Why a command failed, as it is told to a person and to a script.
//!
//! Every failure has one line of its own, the causes below it, facts that help to find the
//! reason, and a hint that can be pasted. The exit codes are those of `spec: cli` §1.

use std::error::Error;

/// What sort of failure, for scripts (`--json` prints it as `error.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line makes no sense.
    Usage,
    /// The profile flags make no sense; exit code 2.
    Profile,
    /// The config file is wrong, or does not allow this.
    Config,
    /// No gateway answers, or it hung up.
    Connection,
    /// The gateway, or the program itself, refused the request.
    Refused,
    /// Something took too long.
    Timeout,
    /// A person ended it; exit code 130.
    Interrupted,
    /// The state directory or another file cannot be used.
    State,
    /// Anything else.
    Failed,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// Lower case, no full stop.
    pub(crate) message: String,
    /// What lies below, outermost first.
    pub(crate) causes: Vec<String>,
    /// Lines such as `Gateway target: ws://127.0.0.1:18789`.
    pub(crate) facts: Vec<String>,
    /// What to do, best a command.
    pub(crate) hint: Option<String>,
    /// Whether there simply is no gateway, so that another way may be tried.
    pub(crate) is_absence: bool,
    /// Whether a script already got its answer on stdout.
    pub(crate) is_answered: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            facts: Vec::new(),
            hint: None,
            is_absence: false,
            is_answered: false,
        }
    }

    /// Takes a text of another part of the program, which may end in a hint.
    pub(crate) fn told(kind: Kind, text: &str) -> Self {
        match text.split_once("; hint: ") {
            Some((message, hint)) => Self::new(kind, message).hint(hint),
            None => Self::new(kind, text),
        }
    }

    /// Takes message and causes from `error`.
    pub(crate) fn of(kind: Kind, error: &dyn Error) -> Self {
        Self::new(kind, error.to_string()).caused_by_sources_of(error)
    }

    /// Says what was tried; the message and the causes of `error` come below it.
    pub(crate) fn while_doing(kind: Kind, message: impl Into<String>, error: &dyn Error) -> Self {
        let mut failure = Self::new(kind, message);
        failure.causes.push(error.to_string());
        failure.caused_by_sources_of(error)
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that a script got its answer already, if it did.
    #[must_use]
    pub(crate) fn answered(mut self, is_answered: bool) -> Self {
        self.is_answered = is_answered;
        self
    }

    #[must_use]
    pub(crate) fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// Adds who knows more about files that we may not use, unless there is a hint already.
    #[must_use]
    pub(crate) fn or_ask_the_doctor(self, invocation: &str) -> Self {
        let refusals = ["Permission denied", "Read-only file system", "No space left"];
        let is_refusal =
            self.causes.iter().any(|cause| refusals.iter().any(|it| cause.contains(it)));
        if self.kind == Kind::State && self.hint.is_none() && is_refusal {
            return self.hint(format!("{invocation} doctor"));
        }
        self
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Profile => 2,
            Kind::Interrupted => 130,
            Kind::Usage
            | Kind::Config
            | Kind::Connection
            | Kind::Refused
            | Kind::Timeout
            | Kind::State
            | Kind::Failed => 1,
        }
    }

    fn caused_by_sources_of(mut self, error: &dyn Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some libraries repeat their cause; once is enough.
            let is_said = |said: &String| is_part_of(&text, said);
            if !is_said(&self.message) && !self.causes.iter().any(is_said) {
                self.causes.push(text);
            }
            source = cause.source();
        }
        self
    }
}

/// Whether `said` has the words of `text`, give or take the system's error number.
fn is_part_of(text: &str, said: &str) -> bool {
    let words = text.split(" (os error").next().unwrap_or(text).to_lowercase();
    said.to_lowercase().contains(&words)
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Profile => "profile",
            Self::Config => "config",
            Self::Connection => "connection",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::State => "state",
            Self::Failed => "failed",
        }
    }
}
