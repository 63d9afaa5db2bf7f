//! `skills.status`: which skills an agent has, and what those lack that it cannot use.

use agent::skills::{Found, Requires, Skill, Source};
use domain::{AgentId, Scope};
use protocol::Version;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Cx, Kind, Method, RpcError};

/// Lists skills.
pub(super) struct SkillsStatus;

/// Of whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    agent_id: Option<String>,
    session_key: Option<String>,
}

impl Method for SkillsStatus {
    const NAME: &'static str = "skills.status";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Value;

    async fn call(cx: Cx, params: Params) -> Result<Value, RpcError> {
        let gateway = &cx.gateway;
        let config = gateway.config();
        let named = params.agent_id.as_deref().map(AgentId::normalise);
        let of_session = params.session_key.as_deref();
        let of_session = of_session.and_then(|key| gateway.session_key(key, None).agent());
        let id = named.or(of_session).unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&id) else {
            return Err(RpcError::invalid(format!("unknown agent id \"{id}\"")));
        };
        let found = gateway.sessions.skills(&id).await;
        let is_newest = cx.caller.version >= Version::V4;
        let rows = found.iter().map(|found| {
            let mut row = row(found, &config.skills);
            if is_newest {
                add_newest(&mut row, found);
            }
            row
        });
        let mut status = json!({
            "workspaceDir": agent.workspace,
            "managedSkillsDir": gateway.locations.state_dir.join("skills"),
            "skills": rows.collect::<Vec<_>>(),
        });
        if is_newest {
            status["agentId"] = json!(id);
        }
        Ok(status)
    }
}

/// What clients of version 3 are told of a skill.
pub fn row(found: &Found, settings: &config::Skills) -> Map<String, Value> {
    let Found { skill, source, dir, path, standing, .. } = found;
    let checks = skill.requires.config.iter().map(|path| {
        let satisfied = settings.given.contains(path);
        // The value itself may be a secret.
        json!({"path": path, "value": satisfied, "satisfied": satisfied})
    });
    let row = json!({
        "name": skill.name,
        "description": skill.description,
        "source": source.as_str(),
        "bundled": *source == Source::Bundled,
        "filePath": path,
        "baseDir": dir,
        "skillKey": skill.key,
        "always": skill.always,
        "disabled": standing.disabled,
        "blockedByAllowlist": standing.blocked,
        "eligible": standing.is_eligible(),
        "requirements": shown(&skill.requires),
        "missing": shown(&standing.missing),
        "configChecks": checks.collect::<Vec<_>>(),
        "install": skill.install.iter().enumerate().map(install).collect::<Vec<_>>(),
    });
    let Value::Object(mut row) = row else { return Map::new() };
    let optional = [
        ("emoji", &skill.emoji),
        ("homepage", &skill.homepage),
        ("primaryEnv", &skill.primary_env),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            row.insert(name.to_owned(), json!(value));
        }
    }
    row
}

/// What version 3 does not know.
fn add_newest(row: &mut Map<String, Value>, found: &Found) {
    let Found { skill, standing, is_filtered, .. } = found;
    let is_usable = found.is_usable();
    for (name, value) in [
        ("blockedByAgentFilter", *is_filtered),
        ("platformIncompatible", !standing.missing.os.is_empty()),
        ("modelVisible", is_usable && !skill.hidden_from_model),
        ("userInvocable", skill.user_invocable),
        ("commandVisible", is_usable && skill.user_invocable),
    ] {
        row.insert(name.to_owned(), json!(value));
    }
}

fn shown(requires: &Requires) -> Value {
    let Requires { bins, any_bins, env, config, os } = requires;
    json!({"bins": bins, "anyBins": any_bins, "env": env, "config": config, "os": os})
}

fn install((at, written): (usize, &Map<String, Value>)) -> Value {
    let way = Way::of(at, written);
    let bins = written.get("bins").filter(|it| it.is_array());
    let bins = bins.cloned().unwrap_or_else(|| json!([]));
    json!({"id": way.id, "kind": way.kind, "label": way.label, "bins": bins})
}

/// A way to install what a skill needs, by its own account.
pub(super) struct Way<'s> {
    pub(super) id: String,
    pub(super) kind: &'s str,
    label: String,
}

impl<'s> Way<'s> {
    /// The one that stands at this place of its list.
    pub(super) fn of(at: usize, written: &'s Map<String, Value>) -> Self {
        let text = |name: &str| written.get(name).and_then(Value::as_str);
        let kind = text("kind").unwrap_or("download");
        let id = text("id").map_or_else(|| format!("{kind}-{at}"), str::to_owned);
        let label = text("label").map_or_else(|| format!("Install with {kind}"), str::to_owned);
        Self { id, kind, label }
    }
}

/// The way called `id` of `skill`.
pub(super) fn way<'s>(skill: &'s Skill, id: &str) -> Option<(Way<'s>, &'s Map<String, Value>)> {
    let mut ways = skill.install.iter().enumerate();
    ways.find_map(|(at, written)| {
        let way = Way::of(at, written);
        (way.id == id).then_some((way, written))
    })
}
