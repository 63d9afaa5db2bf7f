//! Errors of methods: what clients are told, with the cause kept in the log.
//!
//! The only place where errors of the crates below become wire codes.

use std::error::Error as StdError;

use protocol::{Code, Error};
use serde_json::value::{RawValue, to_raw_value};
use tracing::warn;

use super::config_file;
use crate::agents::AgentError;

/// A refusal.
#[derive(Debug)]
pub(crate) struct RpcError {
    /// What clients are told.
    pub(crate) error: Error,
    /// A payload that goes along; only method `agent` has one.
    pub(crate) payload: Option<Box<RawValue>>,
}

impl RpcError {
    /// The request makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::invalid(message).into()
    }

    /// It would make sense at another time.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Error::new(Code::Unavailable, message).into()
    }

    /// Something broke: `message` is told, the cause is logged.
    pub(crate) fn internal(message: &str, cause: &dyn StdError) -> Self {
        warn!(error = chain(cause), "{message}");
        Self::unavailable(message)
    }

    /// The same with a payload.
    pub(crate) fn with_payload<P: serde::Serialize>(mut self, payload: &P) -> Self {
        self.payload = to_raw_value(payload).ok();
        self
    }
}

impl From<Error> for RpcError {
    fn from(error: Error) -> Self {
        Self { error, payload: None }
    }
}

impl From<AgentError> for RpcError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Edit(error) => config_file::refusal(error),
            AgentError::Workspace(error @ store::StoreError::Full { .. }) => error.into(),
            AgentError::Workspace(_) => Self::invalid(chain(&error)),
            AgentError::Outside(_)
            | AgentError::NoName
            | AgentError::Reserved
            | AgentError::MainStays
            | AgentError::Exists(_)
            | AgentError::Unknown(_)
            | AgentError::OnlyOne => Self::invalid(error.to_string()),
        }
    }
}

impl From<store::StoreError> for RpcError {
    fn from(error: store::StoreError) -> Self {
        let message = if matches!(error, store::StoreError::Full { .. }) {
            "the disk is full: free space on it, then try again"
        } else {
            "cannot reach the conversation's files"
        };
        Self::internal(message, &error)
    }
}

impl From<agent::SubmitError> for RpcError {
    fn from(error: agent::SubmitError) -> Self {
        match error {
            agent::SubmitError::Empty
            | agent::SubmitError::UnknownAgent(_)
            | agent::SubmitError::Blocked
            | agent::SubmitError::ToolNameTaken(_) => Self::invalid(error.to_string()),
            agent::SubmitError::Closing
            | agent::SubmitError::QueueFull
            | agent::SubmitError::Busy => Error::unavailable(error.to_string()).into(),
            agent::SubmitError::Store(cause) => cause.into(),
            agent::SubmitError::NoSandbox(_) => Self::unavailable(error.to_string()),
            _ => Self::internal("cannot take the message", &error),
        }
    }
}

/// `error: cause: cause`, for the log.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
