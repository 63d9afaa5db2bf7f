//! `sessions.messages.subscribe` and `.unsubscribe`: whether a connection hears each message of
//! a conversation.

use domain::Scope;
use domain::SessionKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, session_target::agent_of};

pub(super) struct SessionsMessagesSubscribe;
pub(super) struct SessionsMessagesUnsubscribe;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    /// Questions about commands reach everyone who may answer them.
    #[serde(rename = "includeApprovals")]
    _include_approvals: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Leave {
    #[schemars(length(min = 1))]
    key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    subscribed: bool,
    key: SessionKey,
}

impl Method for SessionsMessagesSubscribe {
    const NAME: &'static str = "sessions.messages.subscribe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agent_of(params.agent_id.as_deref());
        let key = cx.gateway.session_key(&params.key, agent.as_ref());
        if !cx.caller.watching.watch(&key) {
            return Err(RpcError::unavailable("too many conversations watched on this connection"));
        }
        cx.gateway.events.hint(&key);
        Ok(Reply { subscribed: true, key })
    }
}

impl Method for SessionsMessagesUnsubscribe {
    const NAME: &'static str = "sessions.messages.unsubscribe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Leave;
    type Reply = Reply;

    async fn call(cx: Cx, params: Leave) -> Result<Reply, RpcError> {
        let agent = agent_of(params.agent_id.as_deref());
        let key = cx.gateway.session_key(&params.key, agent.as_ref());
        cx.caller.watching.leave(&key);
        Ok(Reply { subscribed: false, key })
    }
}
