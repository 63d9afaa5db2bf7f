//! `sessions.send`: `chat.send` as programs ask for it, to a conversation that exists.

use domain::Scope;
use protocol::Error;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    Cx, Kind, Method, RpcError,
    chat_send::{ChatSend, Params as Message, Reply},
    session_target::agent_of,
    submission::Attachment,
};

pub(super) struct SessionsSend;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    message: String,
    thinking: Option<String>,
    attachments: Option<Vec<Attachment>>,
    timeout_ms: Option<u64>,
    #[schemars(length(min = 1))]
    idempotency_key: Option<String>,
}

impl Method for SessionsSend {
    const NAME: &'static str = "sessions.send";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Turn;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agent_of(params.agent_id.as_deref());
        let key = cx.gateway.session_key(&params.key, agent.as_ref());
        if cx.gateway.sessions_of(&key).get(&key).is_none() {
            return Err(missing(Self::NAME));
        }
        let turn = params.idempotency_key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut message = Message::of(key.to_string(), params.message, turn);
        message.thinking = params.thinking;
        message.attachments = params.attachments;
        message.timeout_ms = params.timeout_ms;
        ChatSend::call(cx, message).await
    }
}

/// There is no such conversation to write to.
pub(super) fn missing(method: &str) -> RpcError {
    Error::invalid("session mutation target is unavailable")
        .with_details(json!({ "code": "SESSION_MUTATION_TARGET_REQUIRED", "method": method }))
        .into()
}
