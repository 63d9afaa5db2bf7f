//! `agents.delete`: takes an agent out of the config file, and its files out of the way.
//!
//! What is its own, and that files are never deleted, is [`crate::agents`]' to say.

use domain::AgentId;
use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, config_file};
use crate::agents::{self, Aside};

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
    #[serde(flatten)]
    aside: Aside,
}

impl Method for AgentsDelete {
    const NAME: &'static str = "agents.delete";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agents::named(&params.agent_id)?;
        let gateway = &cx.gateway;
        let (before, state_dir) = (gateway.config(), gateway.locations.state_dir.clone());
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
        let mut aside = Aside::default();
        if params.delete_files.unwrap_or(true) {
            let (gone, now_ms) = (agent.clone(), gateway.clock.now().0);
            let moved = move || agents::set_aside(&before, &gone, &state_dir, now_ms);
            aside = tokio::task::spawn_blocking(moved)
                .await
                .map_err(|error| RpcError::internal("cannot move the agent's files", &error))?;
        }
        Ok(Reply { ok: true, agent_id: agent.to_string(), removed_bindings, aside })
    }
}

/// Takes the agent and what is bound to it out of the file; says how many bindings there were.
async fn take_out(cx: &Cx, agent: &AgentId) -> Result<usize, RpcError> {
    let gone = agent.clone();
    let (counted, count) = tokio::sync::oneshot::channel();
    config_file::change(&cx.gateway, move |editor, present| {
        let (edited, removed) = agents::remove(editor, present, &gone)?;
        // The asker waits for it, unless the gateway goes.
        let _sent = counted.send(removed);
        Ok(edited)
    })
    .await?;
    Ok(count.await.unwrap_or(0))
}
