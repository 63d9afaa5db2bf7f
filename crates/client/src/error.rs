//! Why a connection or a call failed, in terms a caller can act on.

use std::fmt;

use protocol::Error;
use serde_json::Value;

/// What the gateway said when it refused a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What is wrong.
    pub error: Error,
    /// What came beside the error; method `agent` reports the run there.
    pub payload: Option<Value>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// WebSocket close code; 1006 when the other side just went away.
    pub code: u16,
    /// What was said with it; may be empty.
    pub reason: String,
}

impl Closed {
    /// The other side went away without a word.
    pub(crate) fn abnormal(reason: impl Into<String>) -> Self {
        Self { code: 1006, reason: reason.into() }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = if self.reason.is_empty() { "no close reason" } else { &self.reason };
        write!(f, "gateway closed ({}): {reason}", self.code)
    }
}

impl std::error::Error for Closed {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address makes no sense.
    #[error("`{url}` is not a gateway address")]
    Address {
        /// As given.
        url: String,
    },
    /// Nobody answers there.
    #[error("gateway closed (1006): {}", unreachable_text(.source))]
    Unreachable {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A gateway is there and takes nobody in: it has no config yet, or it stops.
    #[error("gateway closed (1006): it takes no clients now (status 503)")]
    NotReady,
    /// Something answers, but it is no gateway.
    #[error("gateway closed (1006): the answer is not a WebSocket upgrade")]
    NotAGateway {
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The gateway refused the handshake.
    #[error("gateway closed ({}): {}", .closed.code, .refusal.error.message)]
    Refused {
        /// What it said.
        refusal: Box<Refusal>,
        /// How it closed.
        closed: Closed,
    },
    /// The gateway closed the connection during the handshake.
    #[error("{0}")]
    Closed(Closed),
}

fn unreachable_text(source: &std::io::Error) -> String {
    if source.kind() == std::io::ErrorKind::ConnectionRefused {
        return "connection refused".to_owned();
    }
    source.to_string()
}

/// Why a call brought no result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The gateway refused it.
    #[error("{}", .0.error.message)]
    Refused(Box<Refusal>),
    /// The connection ended first.
    #[error("{0}")]
    Closed(Closed),
}
