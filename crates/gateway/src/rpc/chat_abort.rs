//! `chat.abort`: stops one turn of a conversation, or all of them.

use agent::Aborted;
use domain::{AgentId, Scope, TurnId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(crate) struct ChatAbort;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    run_id: Option<String>,
    agent_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    ok: bool,
    aborted: bool,
    run_ids: Vec<TurnId>,
}

impl Method for ChatAbort {
    const NAME: &'static str = "chat.abort";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let session = cx.gateway.session_key(&params.session_key, agent.as_ref());
        let turn = params.run_id.map(TurnId::new);
        match cx.gateway.sessions.abort(&session, turn.as_ref()).await {
            Aborted::Turns(run_ids) => {
                Ok(Reply { ok: true, aborted: !run_ids.is_empty(), run_ids })
            }
            Aborted::OtherSession => Err(RpcError::invalid("runId does not match sessionKey")),
        }
    }
}
