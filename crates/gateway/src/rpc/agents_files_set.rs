//! `agents.files.set`: replaces one workspace file.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Cx, Kind, Method, RpcError,
    agent_files::{self, Row},
};

/// Replaces a file.
pub(super) struct AgentsFilesSet;

/// Which, and by what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: String,
    #[schemars(length(min = 1))]
    name: String,
    content: String,
    /// SHA-256 in hex of what the caller takes to be there.
    expected_hash: Option<String>,
}

/// The file as it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    agent_id: String,
    workspace: String,
    file: Row,
}

impl Method for AgentsFilesSet {
    const NAME: &'static str = "agents.files.set";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let (agent, workspace) = agent_files::workspace(&cx, &params.agent_id)?;
        let name = agent_files::known(&params.name)?;
        if let Some(expected) = &params.expected_hash {
            let text = workspace.text(name)?.unwrap_or_default();
            if hex::encode(Sha256::digest(text.as_bytes())) != *expected {
                return Err(RpcError::invalid("file changed since it was read; read it again"));
            }
        }
        workspace.set_text(name, &params.content)?;
        Ok(Reply {
            ok: true,
            agent_id: agent.to_string(),
            workspace: agent_files::shown(workspace.dir()),
            file: Row::from(workspace.file(name)).with(Some(params.content)),
        })
    }
}
