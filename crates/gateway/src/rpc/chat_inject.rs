//! `chat.inject`: puts a message of the assistant into a conversation without a turn.

use domain::{AgentId, Scope};
use protocol::event::{Chat, ChatMessage, ChatState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(crate) struct ChatInject;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    message: String,
    #[schemars(length(max = 100))]
    label: Option<String>,
    agent_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    ok: bool,
    message_id: domain::EntryId,
}

impl Method for ChatInject {
    const NAME: &'static str = "chat.inject";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let session = cx.gateway.session_key(&params.session_key, agent.as_ref());
        let text = match params.label.as_deref().map(str::trim) {
            Some(label) if !label.is_empty() => format!("[{label}]\n\n{}", params.message),
            Some(_) | None => params.message,
        };
        let message_id = cx.gateway.sessions.inject(&session, &text).await?;
        let message_id = message_id.ok_or_else(|| RpcError::invalid("session not found"))?;
        let message = ChatMessage::new(text, cx.gateway.clock.now().0).injected();
        let chat = Chat {
            run_id: format!("inject-{message_id}").into(),
            session_key: session.as_str().into(),
            agent_id: session.agent().map(|agent| agent.as_str().into()),
            seq: 0,
            state: ChatState::Final { stop_reason: None, message: Some(message) },
        };
        cx.gateway.events.announce_chat(&session, &chat);
        cx.gateway.events.hint(&session);
        cx.gateway.readers.wake(&session);
        Ok(Reply { ok: true, message_id })
    }
}
