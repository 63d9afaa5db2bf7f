//! Workspace files as clients see them: which there are, and the way to one.

use std::path::Path;

use domain::AgentId;
use serde::Serialize;
use store::{Workspace, WorkspaceFile};

use super::{Cx, RpcError};

/// Files that have a meaning to agents, in the order in which prompts show them.
pub(super) const NAMES: [&str; 8] = [
    "AGENTS.md",
    "SOUL.md",
    "TOOLS.md",
    "IDENTITY.md",
    "USER.md",
    "HEARTBEAT.md",
    "BOOTSTRAP.md",
    "MEMORY.md",
];
/// Another name that the memory may have.
const MEMORY_ALIAS: &str = "memory.md";

/// One file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    name: String,
    path: String,
    missing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

impl Row {
    /// The same with what the file says.
    pub(super) fn with(self, content: Option<String>) -> Self {
        Self { content, ..self }
    }
}

impl From<WorkspaceFile> for Row {
    fn from(file: WorkspaceFile) -> Self {
        Self {
            name: file.name,
            path: file.path.display().to_string(),
            missing: file.found.is_none(),
            size: file.found.map(|it| it.size),
            updated_at_ms: file.found.map(|it| it.changed.0),
            content: None,
        }
    }
}

/// The agent that is meant, and its workspace.
///
/// # Errors
///
/// There is no such agent.
pub(super) fn workspace(cx: &Cx, agent: &str) -> Result<(AgentId, Workspace), RpcError> {
    let id = AgentId::normalise(agent);
    let config = cx.gateway.config();
    let agent = config.agents.get(&id).ok_or_else(|| RpcError::invalid("unknown agent id"))?;
    let workspace = cx.gateway.store.workspace(&agent.workspace);
    Ok((id, workspace.among(config.agents.exposed().into())))
}

/// The file that is meant.
///
/// # Errors
///
/// It is none of those that agents know.
pub(super) fn known(name: &str) -> Result<&str, RpcError> {
    let is_known = NAMES.contains(&name) || name == MEMORY_ALIAS;
    is_known
        .then_some(name)
        .ok_or_else(|| RpcError::invalid(format!("unsupported file \"{name}\"")))
}

/// How a workspace is shown.
pub(super) fn shown(dir: &Path) -> String {
    dir.display().to_string()
}

/// The memory under the name that it has.
pub(super) fn named<'a>(workspace: &Workspace, name: &'a str) -> &'a str {
    let is_other = name == "MEMORY.md"
        && workspace.file(name).found.is_none()
        && workspace.file(MEMORY_ALIAS).found.is_some();
    if is_other { MEMORY_ALIAS } else { name }
}
