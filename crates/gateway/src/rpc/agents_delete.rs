//! `agents.delete`: takes an agent out of the config file, and its files out of the way.
//!
//! Files are moved into a directory of their own under `trash`, never deleted. A workspace that
//! another agent works in stays.

use std::path::{Path, PathBuf};

use config::Config;
use domain::AgentId;
use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    agent_entries::{self, MAIN},
    config_file,
    error::chain,
};

/// Removes an agent.
pub(super) struct AgentsDelete;

/// Which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: String,
    /// Whether its files go into the trash; yes when nothing is said.
    delete_files: Option<bool>,
}

/// What went.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    agent_id: String,
    removed_bindings: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<Removed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Removed {
    path: String,
    method: &'static str,
}

#[derive(Serialize)]
struct Failed {
    path: String,
    reason: String,
}

impl Method for AgentsDelete {
    const NAME: &'static str = "agents.delete";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agent_entries::named(&params.agent_id)?;
        if agent.as_str() == MAIN {
            return Err(RpcError::invalid("\"main\" cannot be deleted"));
        }
        let gateway = &cx.gateway;
        let (before, state_dir) = (gateway.config(), gateway.locations.state_dir.clone());
        let paths = paths(&before, &agent, &state_dir);
        let removed_bindings = take_out(&cx, &agent).await?;
        for (session, _) in gateway.sessions.running() {
            if session.agent().as_ref() == Some(&agent) {
                gateway.sessions.abort(&session, None).await;
            }
        }
        let index = gateway.store.sessions(&agent);
        for (key, _) in index.list() {
            index.remove(&key).await?;
        }
        let mut reply = Reply {
            ok: true,
            agent_id: agent.to_string(),
            removed_bindings,
            removed: Vec::new(),
            failed: Vec::new(),
        };
        if params.delete_files.unwrap_or(true) {
            let trash = state_dir.join("trash").join(format!("{agent}-{}", gateway.clock.now().0));
            let moved = tokio::task::spawn_blocking(move || set_aside(paths, &trash)).await;
            (reply.removed, reply.failed) = moved
                .map_err(|error| RpcError::internal("cannot move the agent's files", &error))?;
        }
        Ok(reply)
    }
}

/// Takes the agent and what is bound to it out of the file; says how many bindings there were.
async fn take_out(cx: &Cx, agent: &AgentId) -> Result<usize, RpcError> {
    let gone = agent.clone();
    let (counted, count) = tokio::sync::oneshot::channel();
    config_file::change(&cx.gateway, move |editor, present| {
        let mut list = agent_entries::list(present);
        let Some(at) = agent_entries::place(&list, &gone) else {
            return Err(RpcError::invalid(format!("agent \"{gone}\" not found")));
        };
        list.remove(at);
        if list.is_empty() {
            return Err(RpcError::invalid("the only agent cannot be deleted"));
        }
        let all = present.snapshot.parsed["bindings"].as_array().cloned().unwrap_or_default();
        let is_of = |binding: &serde_json::Value| {
            binding["agentId"].as_str().map(AgentId::normalise).as_ref() == Some(&gone)
        };
        let kept: Vec<_> = all.iter().filter(|binding| !is_of(binding)).cloned().collect();
        let removed = all.len() - kept.len();
        // The asker waits for it, unless the gateway goes.
        let _sent = counted.send(removed);
        agent_entries::write(editor, present, &list, (removed > 0).then_some(&*kept))
    })
    .await?;
    Ok(count.await.unwrap_or(0))
}

/// Directories that are the agent's alone.
fn paths(config: &Config, agent: &AgentId, state_dir: &Path) -> Vec<PathBuf> {
    let Some(own) = config.agents.get(agent) else { return Vec::new() };
    let others = || config.agents.list.iter().filter(|other| other.id != *agent);
    let is_shared = |path: &Path| {
        others()
            .any(|other| other.workspace.starts_with(path) || path.starts_with(&other.workspace))
            || state_dir.starts_with(path)
    };
    let home = state_dir.join("agents").join(agent.as_str());
    let mut paths = vec![own.workspace.clone(), home.clone()];
    if !own.agent_dir.starts_with(&home) {
        paths.push(own.agent_dir.clone());
    }
    paths.retain(|path| !is_shared(path));
    paths
}

fn set_aside(paths: Vec<PathBuf>, trash: &Path) -> (Vec<Removed>, Vec<Failed>) {
    let (mut removed, mut failed) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = path.display().to_string();
        match store::set_aside(&path, trash) {
            Ok(Some(_)) => removed.push(Removed { path: shown, method: "trash" }),
            Ok(None) => removed.push(Removed { path: shown, method: "missing" }),
            Err(error) => failed.push(Failed { path: shown, reason: chain(&error) }),
        }
    }
    (removed, failed)
}
