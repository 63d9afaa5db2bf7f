//! `agents_list`: the agents that this session may start as sub-agents.

use std::sync::Arc;

use domain::Effect;
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    ports::{Peers, StartableAgent},
};

/// Lists agents.
pub(crate) struct AgentsList {
    pub(crate) peers: Arc<dyn Peers>,
}

/// Arguments of `agents_list`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Args {}

impl Tool for AgentsList {
    const NAME: &'static str = "agents_list";
    const DESCRIPTION: &'static str = "List the agents that sessions_spawn may start from here.";
    type Args = Args;

    fn effect(&self, _args: &Args) -> Effect {
        Effect::Observe
    }

    async fn run(&self, _args: Args, _: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let startable = self.peers.agents(&cx.session).await;
        let requester = startable.agents.first().map(|agent| agent.id.clone());
        Ok(ToolOutput::json(json!({
            "requester": cx.session.agent().or(requester),
            "allowAny": startable.any,
            "agents": startable.agents.iter().map(row).collect::<Vec<_>>(),
        })))
    }
}

fn row(agent: &StartableAgent) -> Value {
    let mut row = json!({ "id": agent.id });
    if let Some(name) = &agent.name {
        row["name"] = json!(name);
    }
    row["configured"] = json!(agent.is_configured);
    row
}
