//! `chat.metadata`: what a chat offers to choose from: models and commands.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    commands_list::{self, Command},
    models_list,
};

pub(super) struct ChatMetadata;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    pub(super) agent_id: Option<String>,
    #[schemars(length(min = 1))]
    pub(super) session_key: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    models: Vec<models_list::Row>,
    commands: Vec<Command>,
}

impl Method for ChatMetadata {
    const NAME: &'static str = "chat.metadata";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let of_key = params.session_key.as_deref().map(|key| cx.gateway.session_key(key, None));
        let of_key = of_key.and_then(|key| key.agent()).map(|agent| agent.to_string());
        let agent = params.agent_id.or(of_key);
        let models = models_list::of(&cx, agent.as_deref())?;
        Ok(Reply { models, commands: commands_list::all(&cx, agent.as_deref()).await })
    }
}
