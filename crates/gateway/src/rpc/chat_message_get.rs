//! `chat.message.get`: one message, whole, that a history had cut or left out.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Cx, Kind, Method, RpcError, chat_history::shown_message, session_target::agent_of};

/// Most characters of one message, when nobody says.
const CHARS_DEFAULT: usize = 500_000;

pub(super) struct ChatMessageGet;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    message_id: String,
    #[schemars(range(min = 1, max = 2_000_000))]
    max_chars: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable_reason: Option<&'static str>,
}

impl Method for ChatMessageGet {
    const NAME: &'static str = "chat.message.get";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = agent_of(params.agent_id.as_deref());
        let key = cx.gateway.session_key(&params.session_key, agent.as_ref());
        let index = cx.gateway.sessions_of(&key);
        let Some(entry) = index.get(&key) else { return Ok(unavailable("not_found")) };
        let id = domain::EntryId::new(params.message_id);
        let Some(spot) = index.spot(&entry, id).await? else { return Ok(unavailable("not_found")) };
        let line = spot.message;
        let message = shown_message(line, &entry.session_id);
        let chars_max = params.max_chars.unwrap_or(CHARS_DEFAULT);
        if message.get().chars().nth(chars_max).is_some() {
            return Ok(unavailable("oversized"));
        }
        Ok(Reply { ok: true, message: Some(message), unavailable_reason: None })
    }
}

fn unavailable(reason: &'static str) -> Reply {
    Reply { ok: false, message: None, unavailable_reason: Some(reason) }
}
