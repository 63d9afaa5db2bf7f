//! `skills.status`: which skills an agent has, and what those lack that it cannot use.
//!
//! Of one name the first counts: the workspace's, then those for all agents, then those of
//! `skills.load.extraDirs`. None come with the program.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use agent::skills::{Ground, Requires, Skill};
use domain::{AgentId, Scope};
use protocol::Version;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Cx, Kind, Method, RpcError};
use crate::state::Gateway;

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
        let gateway = Arc::clone(&cx.gateway);
        let config = gateway.config();
        let named = params.agent_id.as_deref().map(AgentId::normalise);
        let of_session = params.session_key.as_deref();
        let of_session = of_session.and_then(|key| gateway.session_key(key, None).agent());
        let id = named.or(of_session).unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&id) else {
            return Err(RpcError::invalid(format!("unknown agent id \"{id}\"")));
        };
        let workspace = agent.workspace.clone();
        let is_newest = cx.caller.version >= Version::V4;
        let listed = move || status(&gateway, (&id, workspace), is_newest);
        tokio::task::spawn_blocking(listed)
            .await
            .map_err(|error| RpcError::internal("cannot read the skills", &error))
    }
}

fn status(gateway: &Gateway, (id, workspace): (&AgentId, PathBuf), is_newest: bool) -> Value {
    let place = Place::of(gateway);
    let managed = gateway.locations.state_dir.join("skills");
    let extra = place.resolved["skills"]["load"]["extraDirs"].as_array().into_iter().flatten();
    let extra = extra.filter_map(|dir| dir.as_str().map(|dir| place.absolute(dir)));
    let mut sources = vec![
        ("openclaw-workspace", workspace.join("skills")),
        ("openclaw-managed", managed.clone()),
    ];
    sources.extend(extra.map(|dir| ("openclaw-extra", dir)));
    let filter = place.filter(id);
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for (source, root) in sources {
        for file in store::skill_files(&root) {
            let name = file.dir.file_name().unwrap_or_default().to_string_lossy();
            let Some(skill) = Skill::parse(&file.text, &name) else { continue };
            if seen.insert(skill.name.clone()) {
                let is_filtered = filter.as_ref().is_some_and(|names| !names.contains(&skill.name));
                let mut row = row(&skill, &place, (source, &file));
                if is_newest {
                    add_newest(&mut row, &skill, is_filtered);
                }
                rows.push(Value::Object(row));
            }
        }
    }
    rows.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let mut status = json!({
        "workspaceDir": workspace,
        "managedSkillsDir": managed,
        "skills": rows,
    });
    if is_newest {
        status["agentId"] = json!(id);
    }
    status
}

fn row(
    skill: &Skill,
    place: &Place<'_>,
    (source, file): (&str, &store::SkillFile),
) -> Map<String, Value> {
    let standing = skill.standing(place);
    let checks = skill.requires.config.iter().map(|path| {
        let satisfied = place.has_config(path);
        // The value itself may be a secret.
        json!({"path": path, "value": satisfied, "satisfied": satisfied})
    });
    let row = json!({
        "name": skill.name,
        "description": skill.description,
        "source": source,
        "bundled": false,
        "filePath": file.path,
        "baseDir": file.dir,
        "skillKey": skill.key,
        "always": skill.always,
        "disabled": standing.disabled,
        "blockedByAllowlist": false,
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
fn add_newest(row: &mut Map<String, Value>, skill: &Skill, is_filtered: bool) {
    let is_eligible = row["eligible"] == json!(true) && !is_filtered;
    let is_foreign = row["missing"]["os"] != json!([]);
    for (name, value) in [
        ("blockedByAgentFilter", is_filtered),
        ("platformIncompatible", is_foreign),
        ("modelVisible", is_eligible && !skill.hidden_from_model),
        ("userInvocable", skill.user_invocable),
        ("commandVisible", is_eligible && skill.user_invocable),
    ] {
        row.insert(name.to_owned(), json!(value));
    }
}

fn shown(requires: &Requires) -> Value {
    let Requires { bins, any_bins, env, config, os } = requires;
    json!({"bins": bins, "anyBins": any_bins, "env": env, "config": config, "os": os})
}

fn install((at, written): (usize, &Map<String, Value>)) -> Value {
    let text = |name: &str| written.get(name).and_then(Value::as_str);
    let kind = text("kind").unwrap_or("download");
    let id = text("id").map_or_else(|| format!("{kind}-{at}"), str::to_owned);
    let bins = written.get("bins").cloned().unwrap_or_else(|| json!([]));
    let label = text("label").map_or_else(|| format!("Install with {kind}"), str::to_owned);
    json!({"id": id, "kind": kind, "label": label, "bins": bins})
}

/// What this machine and its config have.
struct Place<'a> {
    gateway: &'a Gateway,
    resolved: Value,
    env: &'a std::collections::BTreeMap<String, String>,
}

impl<'a> Place<'a> {
    fn of(gateway: &'a Gateway) -> Self {
        let resolved = gateway.loaded.borrow().snapshot.resolved.clone();
        Self { gateway, resolved, env: gateway.env.vars() }
    }

    fn absolute(&self, dir: &str) -> PathBuf {
        match dir.strip_prefix("~/") {
            Some(rest) => self.gateway.locations.home.join(rest),
            None => PathBuf::from(dir),
        }
    }

    /// The only skills that the agent may have, if the config says so.
    fn filter(&self, agent: &AgentId) -> Option<BTreeSet<String>> {
        let agents = self.resolved["agents"]["list"].as_array()?;
        let id = |entry: &&Value| entry["id"].as_str().map(AgentId::normalise);
        let own = agents.iter().find(|entry| id(entry).as_ref() == Some(agent))?;
        let names = own["skills"].as_array()?;
        Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }
}

impl Ground for Place<'_> {
    fn has_bin(&self, name: &str) -> bool {
        let path = self.env.get("PATH").map(String::as_str).unwrap_or_default();
        let is_program = |dir: PathBuf| {
            let facts = std::fs::metadata(dir.join(name));
            facts.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        };
        !name.contains('/') && std::env::split_paths(path).any(is_program)
    }

    fn has_env(&self, name: &str) -> bool {
        self.env.get(name).is_some_and(|value| !value.trim().is_empty())
    }

    fn has_config(&self, path: &str) -> bool {
        let value = path.split('.').try_fold(&self.resolved, |value, key| value.get(key));
        match value {
            None | Some(Value::Null) => {
                matches!(path, "browser.enabled" | "browser.evaluateEnabled")
            }
            Some(Value::Bool(is_on)) => *is_on,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::Array(_) | Value::Object(_)) => true,
        }
    }

    fn os(&self) -> &str {
        match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        }
    }

    fn entry(&self, key: &str) -> Option<&Value> {
        self.resolved["skills"]["entries"].get(key)
    }
}
