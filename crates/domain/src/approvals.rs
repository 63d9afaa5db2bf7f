//! What a machine's owner has said about commands: the content of `exec-approvals.json`.
//!
//! Only the form. What it means is `policy`'s to say, and where it is kept is `store`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The file's form that we know.
pub const APPROVALS_VERSION: u64 = 1;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecApprovals {
    /// [`APPROVALS_VERSION`].
    pub version: u64,
    /// How a local app is reached that asks a person; its token is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket: Option<Map<String, Value>>,
    /// What holds where an agent says nothing.
    pub defaults: ApprovalSettings,
    /// By agent; `*` is all of them.
    pub agents: BTreeMap<String, AgentApprovals>,
    /// What else is in it, kept as it was.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Settings; what is absent is decided elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalSettings {
    /// `deny`, `allowlist` or `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<String>,
    /// `off`, `on-miss` or `always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// What happens when nobody answers: one of the values of `security`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask_fallback: Option<String>,
    /// Whether the programs of skills count as listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_allow_skills: Option<bool>,
}

/// What holds for one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentApprovals {
    /// As [`ApprovalSettings::security`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<String>,
    /// As [`ApprovalSettings::ask`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// As [`ApprovalSettings::ask_fallback`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask_fallback: Option<String>,
    /// As [`ApprovalSettings::auto_allow_skills`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_allow_skills: Option<bool>,
    /// Programs that may run without a question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowlist: Vec<AllowedProgram>,
    /// What else is in it, kept as it was.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A program that may run without a question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AllowedProgram {
    /// Names the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A path with wildcards, or a bare name.
    pub pattern: String,
    /// When a command last used it, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<i64>,
    /// That command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_command: Option<String>,
    /// The program that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_resolved_path: Option<String>,
    /// What else is in it, kept as it was.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Default for ExecApprovals {
    fn default() -> Self {
        Self {
            version: APPROVALS_VERSION,
            socket: None,
            defaults: ApprovalSettings::default(),
            agents: BTreeMap::new(),
            rest: Map::new(),
        }
    }
}

impl ExecApprovals {
    /// The same without what nobody but this machine may know.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        if let Some(socket) = &mut self.socket {
            socket.shift_remove("token");
        }
        self
    }
}
