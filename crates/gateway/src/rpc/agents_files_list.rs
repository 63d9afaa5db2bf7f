//! `agents.files.list`: the workspace files that an agent reads.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    agent_files::{self, NAMES, Row},
};

/// Lists the files.
pub(super) struct AgentsFilesList;

/// Whose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: String,
}

/// Them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    agent_id: String,
    workspace: String,
    files: Vec<Row>,
}

impl Method for AgentsFilesList {
    const NAME: &'static str = "agents.files.list";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let (agent, workspace) = agent_files::workspace(&cx, &params.agent_id)?;
        let file = |name| Row::from(workspace.file(agent_files::named(&workspace, name)));
        Ok(Reply {
            agent_id: agent.to_string(),
            workspace: agent_files::shown(workspace.dir()),
            files: NAMES.into_iter().map(file).collect(),
        })
    }
}
