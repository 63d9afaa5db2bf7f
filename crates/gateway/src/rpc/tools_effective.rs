//! `tools.effective`: the tools that a conversation has, as its next turn would be offered them.

use config::ToolProfile;
use domain::AgentId;
use domain::Scope;
use policy::{Decision, Policy, Query, explain::Boxed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError, session_row, session_target::agent_of, tools_catalog::first_line,
};

pub(super) struct ToolsEffective;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    agent_id: AgentId,
    profile: &'static str,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    id: &'static str,
    label: &'static str,
    source: &'static str,
    tools: Vec<Tool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    id: String,
    label: String,
    description: String,
    raw_description: String,
    source: &'static str,
}

impl Method for ToolsEffective {
    const NAME: &'static str = "tools.effective";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let config = gateway.config();
        let named = agent_of(params.agent_id.as_deref());
        let key = gateway.session_key(&params.session_key, named.as_ref());
        let agent_id = key.agent().unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&agent_id) else {
            return Err(RpcError::invalid(format!("unknown agent id \"{agent_id}\"")));
        };
        let entry = gateway.sessions_of(&key).get(&key);
        let model = session_row::model_of(&config, &agent_id, entry.as_deref());
        let policy = Policy::build(&Query {
            tools: &config.tools,
            agent: &agent.tools,
            provider: &model.provider,
            model: &model.model,
            sandboxed: Boxed::of(&config, agent, &key).is_some(),
            subagent: key.is_subagent(),
            owner: true,
        });
        let specs = gateway.sessions.tool_specs();
        let offered = specs.iter().filter(|spec| policy.decide(&spec.name) == Decision::Allowed);
        let tools = offered.map(|spec| Tool {
            id: spec.name.clone(),
            label: spec.name.clone(),
            description: first_line(&spec.description).to_owned(),
            raw_description: spec.description.clone(),
            source: "core",
        });
        let (id, label, source) = ("core", "Built-in tools", "core");
        let profile = agent.tools.profile.or(config.tools.layers.profile);
        Ok(Reply {
            agent_id,
            profile: match profile {
                Some(ToolProfile::Minimal) => "minimal",
                Some(ToolProfile::Coding) => "coding",
                Some(ToolProfile::Messaging) => "messaging",
                Some(ToolProfile::Full) | None => "full",
            },
            groups: vec![Group { id, label, source, tools: tools.collect() }],
        })
    }
}
