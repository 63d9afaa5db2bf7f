//! `agents.update`: changes an agent in the config file.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Cx, Kind, Method, RpcError, config_file};
use crate::agents::{self, Look, Model, Wish};

/// Changes an agent.
pub(super) struct AgentsUpdate;

/// Which, and what of it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: String,
    #[schemars(length(min = 1))]
    name: Option<String>,
    #[schemars(length(min = 1))]
    workspace: Option<String>,
    /// `null` takes the agent's own model away.
    #[serde(default, deserialize_with = "said")]
    #[schemars(with = "Option<String>")]
    model: Option<Model>,
    emoji: Option<String>,
    avatar: Option<String>,
}

/// It is changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    agent_id: String,
}

impl Method for AgentsUpdate {
    const NAME: &'static str = "agents.update";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agents::named(&params.agent_id)?;
        let Params { name, workspace, model, emoji, avatar, .. } = params;
        let identity = Look { emoji, avatar, ..Look::default() };
        let wish = Wish { name, workspace, model, identity, ..Wish::default() };
        let (changed, locations) = (agent.clone(), cx.gateway.locations.clone());
        config_file::change(&cx.gateway, move |editor, present| {
            let is_moved = wish.workspace.is_some();
            let edited = agents::update(editor, present, &changed, wish)?;
            if let Some(config) = edited.loaded.config.as_ref().filter(|_| is_moved)
                && let Some(agent) = config.agents.get(&changed)
            {
                agents::allowed(config, &locations, agent)?;
            }
            Ok(edited)
        })
        .await?;
        Ok(Reply { ok: true, agent_id: agent.to_string() })
    }
}

/// Tells `null` from nothing.
fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Model>, D::Error> {
    let model: Option<String> = Option::deserialize(from)?;
    Ok(Some(model.map_or(Model::Shared, Model::Own)))
}
