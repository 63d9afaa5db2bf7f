//! `sessions.compact`: cuts a transcript to its newest lines.

use domain::SessionKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError, session_target::agent_of};
use crate::events::Change;

const LINES_DEFAULT: usize = 400;

/// Cuts a transcript to its newest lines.
pub(super) struct SessionsCompact;

/// Which conversation, and how much stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
    #[schemars(range(min = 1))]
    max_lines: Option<usize>,
}

/// What was done.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    key: SessionKey,
    compacted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Method for SessionsCompact {
    const NAME: &'static str = "sessions.compact";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let key = gateway.session_key(&params.key, agent_of(params.agent_id.as_deref()).as_ref());
        if gateway.sessions_of(&key).get(&key).is_none() {
            return Ok(Reply::nothing(key, "no sessionId"));
        }
        let lines = params.max_lines.unwrap_or(LINES_DEFAULT);
        match gateway.sessions.truncate(&key, lines).await? {
            None => Ok(Reply::nothing(key, "nothing to drop")),
            Some((kept, path)) => {
                gateway.events.conversation_changed(gateway, &key, Change::By("compact"));
                let (archived, kept) = (Some(path), Some(kept));
                Ok(Reply { ok: true, key, compacted: true, archived, kept, reason: None })
            }
        }
    }
}

impl Reply {
    /// The transcript stays as it is.
    fn nothing(key: SessionKey, reason: &'static str) -> Self {
        let (archived, kept) = (None, None);
        Self { ok: true, key, compacted: false, archived, kept, reason: Some(reason) }
    }
}
