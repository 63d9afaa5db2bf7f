//! `sessions.reset`: starts a conversation afresh.

use std::sync::Arc;

use domain::SessionKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{
    Cx, Method, RpcError,
    session_row::{self, Resolved},
    session_target::agent_of,
};
use crate::events::Change;

/// Starts a conversation afresh under a new session id.
pub(super) struct SessionsReset;

/// Which conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
    /// Why; both do the same, and watchers are told which.
    reason: Option<Reason>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Reason {
    New,
    Reset,
}

/// The fresh conversation.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    key: SessionKey,
    entry: Arc<SessionEntry>,
    resolved: Resolved,
}

impl Method for SessionsReset {
    const NAME: &'static str = "sessions.reset";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let key =
            cx.gateway.session_key(&params.key, agent_of(params.agent_id.as_deref()).as_ref());
        let entry = cx.gateway.sessions.reset(&key).await?;
        let reason = match params.reason {
            Some(Reason::New) => "new",
            Some(Reason::Reset) | None => "reset",
        };
        cx.gateway.events.conversation_changed(&cx.gateway, &key, Change::By(reason));
        let resolved = session_row::resolved(&cx.gateway.config(), &key, &entry);
        Ok(Reply { ok: true, key, entry, resolved })
    }
}
