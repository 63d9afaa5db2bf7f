//! `agents.files.get`: what one workspace file says.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    agent_files::{self, Row},
};

/// Reads a file.
pub(super) struct AgentsFilesGet;

/// Which, and whose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: String,
    #[schemars(length(min = 1))]
    name: String,
}

/// It.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    agent_id: String,
    workspace: String,
    file: Row,
}

impl Method for AgentsFilesGet {
    const NAME: &'static str = "agents.files.get";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let (agent, workspace) = agent_files::workspace(&cx, &params.agent_id)?;
        let name = agent_files::known(&params.name)?;
        let content = workspace.text(name)?;
        let file = Row::from(workspace.file(name)).with(content);
        let workspace = agent_files::shown(workspace.dir());
        Ok(Reply { agent_id: agent.to_string(), workspace, file })
    }
}
