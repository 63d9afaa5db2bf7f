//! `chat.startup`: all that a chat page needs at its start, in one answer: the history, the
//! agents, what there is to choose from. The connection hears of conversations from then on.

use domain::Scope;
use serde::Serialize;

use super::{
    Cx, Kind, Method, RpcError, agents_list, chat_history,
    chat_metadata::{self, ChatMetadata},
};

pub(super) struct ChatStartup;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    #[serde(flatten)]
    history: chat_history::Reply,
    agents_list: agents_list::Reply,
    metadata: chat_metadata::Reply,
}

impl Method for ChatStartup {
    const NAME: &'static str = "chat.startup";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = chat_history::Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Self::Params) -> Result<Reply, RpcError> {
        let wanted = chat_metadata::Params {
            agent_id: params.agent_id().map(str::to_owned),
            session_key: Some(params.session_key().to_owned()),
        };
        let metadata = ChatMetadata::call(cx.clone(), wanted).await?;
        let history = chat_history::ChatHistory::call(cx.clone(), params).await?;
        cx.caller.watching.watch_rows();
        Ok(Reply { history, agents_list: agents_list::all(&cx.gateway), metadata })
    }
}
