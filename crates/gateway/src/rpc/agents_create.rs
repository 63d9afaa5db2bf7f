//! `agents.create`: one agent more in the config file, with a workspace.
//!
//! The workspace comes first and goes again if the config cannot be written, so a failure leaves
//! neither.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, config_file};
use crate::agents::{self, Look, Model, Wish};

/// Makes an agent.
pub(super) struct AgentsCreate;

/// What it is called and where it works.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    name: String,
    /// A place under the home directory when nothing is said.
    #[schemars(length(min = 1))]
    workspace: Option<String>,
    #[schemars(length(min = 1))]
    model: Option<String>,
    emoji: Option<String>,
    avatar: Option<String>,
}

/// The agent as it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    agent_id: String,
    name: String,
    workspace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

impl Method for AgentsCreate {
    const NAME: &'static str = "agents.create";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let name = params.name.trim().to_owned();
        let agent = agents::named(&name)?;
        let (wished, model) = (agent.clone(), params.model.clone());
        let identity = Look { emoji: params.emoji, avatar: params.avatar, ..Look::default() };
        let wish = Wish {
            name: Some(name.clone()),
            workspace: params.workspace,
            model: params.model.map(Model::Own),
            identity,
            ..Wish::default()
        };
        let locations = cx.gateway.locations.clone();
        let (made, new) = std::sync::mpsc::channel();
        let changed = config_file::change(&cx.gateway, move |editor, present| {
            let edited = agents::create(editor, present, &wished, (wish, &[]))?;
            let workspace = agents::lay_out(&edited, &locations, &wished, true)?;
            let agents = edited.loaded.config.as_ref().map(|config| &config.agents);
            let path = agents.and_then(|agents| agents.get(&wished)).map(|it| it.workspace.clone());
            // The asker waits for it, unless the gateway goes.
            let _sent = made.send((workspace, path.unwrap_or_default()));
            Ok(edited)
        })
        .await;
        // Sent, if at all, before the change came back.
        let new = new.try_recv().ok();
        let workspace = match (changed, new) {
            (Ok(_), Some((_, path))) => path,
            (Err(error), new) => {
                if let Some((workspace, _)) = new {
                    workspace.undo();
                }
                return Err(error);
            }
            (Ok(_), None) => {
                return Err(RpcError::unavailable("the new agent is not in the config"));
            }
        };
        Ok(Reply {
            ok: true,
            agent_id: agent.to_string(),
            name,
            workspace: workspace.display().to_string(),
            model,
        })
    }
}
