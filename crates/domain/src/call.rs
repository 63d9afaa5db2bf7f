//! Tool calls and what the model is told about tools.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, Content};

/// What the model asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Id that the result must repeat.
    pub id: CallId,
    /// Tool name.
    pub name: String,
    /// Arguments: an object, or whatever the model sent instead.
    pub arguments: Value,
}

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub struct CallResult {
    /// What the model sees.
    pub content: Content,
    /// What clients see beside it.
    pub details: Option<Value>,
    /// Whether the call failed.
    pub is_error: bool,
}

/// A tool as the model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Name, lowercase with underscores.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON schema of its arguments; the top level is an object.
    pub parameters: Value,
}
