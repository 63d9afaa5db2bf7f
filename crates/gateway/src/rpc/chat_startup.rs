//! `chat.startup`: all that a chat page needs at its start, in one answer: the history, the
//! agents, what there is to choose from. The connection hears of conversations from then on.
//!
//! A page that has only the short name of a conversation from its address may ask with that.

use domain::{AgentId, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError, agents_list,
    chat_history::{self, ChatHistory},
    chat_metadata::{self, ChatMetadata},
    sessions_resolve::{self, Resolution},
};

pub(super) struct ChatStartup;

/// Those of `chat.history`, or a short name.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_key: Option<String>,
    #[schemars(length(min = 1))]
    short_id: Option<String>,
    /// Part of the name in the address; tells apart what is shortened alike.
    #[schemars(length(min = 1))]
    slug_hint: Option<String>,
    agent_id: Option<String>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u16>,
    cursor: Option<String>,
    offset: Option<usize>,
    #[schemars(range(min = 1, max = 500_000))]
    max_chars: Option<usize>,
    message_id: Option<String>,
    session_id: Option<String>,
    pending_before: Option<serde_json::Value>,
    input_run_ids: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Whole(Box<Whole>),
    /// The client is to begin anew.
    Reset(chat_history::Reply),
    /// No conversation has the short name, or several have.
    Unresolved {
        resolution: Resolution,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole {
    #[serde(flatten)]
    history: chat_history::Reply,
    agents_list: agents_list::Reply,
    metadata: chat_metadata::Reply,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Resolution>,
}

impl Method for ChatStartup {
    const NAME: &'static str = "chat.startup";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let (session_key, resolution) = match (&params.session_key, &params.short_id) {
            (Some(key), _) => (key.clone(), None),
            (None, Some(short)) => {
                let agent = params.agent_id.as_deref().map(AgentId::normalise);
                let hint = params.slug_hint.as_deref();
                let found = sessions_resolve::by_short_id(&cx, short, (hint, agent.as_ref()));
                let Some(key) = found.key().cloned() else {
                    return Ok(Reply::Unresolved { resolution: found });
                };
                (key.to_string(), Some(found))
            }
            (None, None) => {
                let text = "invalid chat.startup params: must have required property 'sessionKey'";
                return Err(RpcError::invalid(text));
            }
        };
        let wanted = chat_metadata::Params {
            agent_id: params.agent_id.clone(),
            session_key: Some(session_key.clone()),
        };
        let metadata = ChatMetadata::call(cx.clone(), wanted).await?;
        let history = ChatHistory::call(cx.clone(), params.history(session_key)).await?;
        cx.caller.watching.watch_rows();
        if matches!(history, chat_history::Reply::Reset(_)) {
            return Ok(Reply::Reset(history));
        }
        let agents_list = agents_list::all(&cx.gateway);
        Ok(Reply::Whole(Box::new(Whole { history, agents_list, metadata, resolution })))
    }
}

impl Params {
    fn history(self, session_key: String) -> chat_history::Params {
        chat_history::Params {
            session_key,
            limit: self.limit,
            agent_id: self.agent_id,
            cursor: self.cursor,
            offset: self.offset,
            max_chars: self.max_chars,
            message_id: self.message_id,
            _session_id: self.session_id,
            _pending_before: self.pending_before,
            _input_run_ids: self.input_run_ids,
        }
    }
}
