//! `tools.catalog`: every tool there is, in groups, and which profiles have it.

use config::{ToolLayers, ToolProfile};
use domain::{AgentId, Scope, ToolSpec};
use policy::{Decision, Policy, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, session_target::agent_of};

/// Tools by what they are about; others come last.
const GROUPS: [(&str, &str, &[&str]); 5] = [
    ("fs", "Files", &["read", "write", "edit", "apply_patch"]),
    ("runtime", "Runtime", &["exec", "process"]),
    (
        "sessions",
        "Sessions",
        &["sessions_list", "sessions_history", "sessions_send", "sessions_spawn", "session_status"],
    ),
    ("agents", "Agents", &["agents_list"]),
    ("other", "Other", &[]),
];
const PROFILES: [(&str, &str, ToolProfile); 4] = [
    ("minimal", "Minimal", ToolProfile::Minimal),
    ("coding", "Coding", ToolProfile::Coding),
    ("messaging", "Messaging", ToolProfile::Messaging),
    ("full", "Full", ToolProfile::Full),
];

pub(super) struct ToolsCatalog;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    /// There are no tools of plugins to leave out.
    #[serde(rename = "includePlugins")]
    _include_plugins: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    agent_id: AgentId,
    profiles: Vec<Profile>,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Profile {
    id: &'static str,
    label: &'static str,
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
    source: &'static str,
    default_profiles: Vec<&'static str>,
}

impl Method for ToolsCatalog {
    const NAME: &'static str = "tools.catalog";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let config = cx.gateway.config();
        let named = agent_of(params.agent_id.as_deref());
        let agent_id = named.unwrap_or_else(|| config.agents.default.clone());
        if config.agents.get(&agent_id).is_none() {
            return Err(RpcError::invalid(format!("unknown agent id \"{agent_id}\"")));
        }
        let mut neutral = config.tools.clone();
        neutral.layers = ToolLayers::default();
        let specs = cx.gateway.sessions.tool_specs();
        let known = |name: &str| GROUPS.iter().any(|(_, _, names)| names.contains(&name));
        let groups = GROUPS.map(|(id, label, names)| {
            let is_here = |spec: &&ToolSpec| {
                let name = spec.name.as_str();
                names.contains(&name) || (names.is_empty() && !known(name))
            };
            let tools = specs.iter().filter(is_here).map(|spec| tool(spec, &neutral)).collect();
            Group { id, label, source: "core", tools }
        });
        Ok(Reply {
            agent_id,
            profiles: PROFILES.map(|(id, label, _)| Profile { id, label }).into(),
            groups: groups.into_iter().filter(|group| !group.tools.is_empty()).collect(),
        })
    }
}

fn tool(spec: &ToolSpec, neutral: &config::Tools) -> Tool {
    let has_it = |profile: ToolProfile| {
        let agent = ToolLayers { profile: Some(profile), ..ToolLayers::default() };
        let policy = Policy::build(&Query {
            tools: neutral,
            agent: &agent,
            provider: "",
            model: "",
            sandboxed: false,
            subagent: false,
            owner: true,
        });
        policy.decide(&spec.name) == Decision::Allowed
    };
    let restricted = PROFILES.iter().filter(|(_, _, profile)| *profile != ToolProfile::Full);
    Tool {
        id: spec.name.clone(),
        label: spec.name.clone(),
        description: first_line(&spec.description).to_owned(),
        source: "core",
        default_profiles: restricted
            .filter(|(_, _, profile)| has_it(*profile))
            .map(|(id, ..)| *id)
            .collect(),
    }
}

/// What fits into a list.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
