//! Errors as clients see them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use domain::Scope;

use crate::Version;

/// What sort of error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// The channel account is not logged in.
    NotLinked,
    /// The device must be approved first.
    NotPaired,
    /// A turn took too long.
    AgentTimeout,
    /// The request makes no sense, or may not be made.
    InvalidRequest,
    /// It would make sense at another time.
    Unavailable,
    /// The principal lacks a scope; version 4 only.
    Forbidden,
    /// No such approval; version 4 only.
    ApprovalNotFound,
    /// A code of a newer server.
    #[serde(other)]
    Unknown,
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// What sort.
    pub code: Code,
    /// What happened, for a person; clients match some of these texts.
    pub message: String,
    /// What happened, for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Value>>,
    /// Whether the same request may work later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// How much later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Error {
    /// An error of this sort.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retryable: None, retry_after_ms: None }
    }

    /// [`Code::InvalidRequest`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// [`Code::Unavailable`], worth a second try.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retryable: Some(true), ..Self::new(Code::Unavailable, message) }
    }

    /// The principal lacks `scope`.
    pub fn missing_scope(scope: Scope) -> Self {
        Self::missing_scope_named(scope.as_str())
    }

    /// The principal lacks the scope of this name.
    pub fn missing_scope_named(scope: &str) -> Self {
        Self::new(Code::Forbidden, format!("missing scope: {scope}")).with_details(json!({
            "code": "MISSING_SCOPE",
            "missingScope": scope,
            "requiredScopes": [scope],
        }))
    }

    /// The same with `details`.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The same as `version` knows it.
    #[must_use]
    pub fn shaped(mut self, version: Version) -> Self {
        self.code = crate::compat::code(self.code, version);
        self
    }
}
