//! `sessions.delete`: forgets a conversation.

use agent::{SubmitError, Transcripts};
use domain::SessionKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Method, RpcError,
    session_target::{agent_of, check_session},
};
use crate::events::Change;

/// Forgets a conversation.
pub(super) struct SessionsDelete;

/// Which conversation, and what becomes of its transcript.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
    delete_transcript: Option<bool>,
    /// The session id that the client saw; another one refuses the deletion.
    expected_session_id: Option<String>,
    /// There are no hooks.
    #[serde(rename = "emitLifecycleHooks")]
    _emit_lifecycle_hooks: Option<bool>,
}

/// Whether there was one, and where its transcript went.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    key: SessionKey,
    deleted: bool,
    archived: Vec<String>,
}

impl Method for SessionsDelete {
    const NAME: &'static str = "sessions.delete";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let key = gateway.session_key(&params.key, agent_of(params.agent_id.as_deref()).as_ref());
        let config = gateway.config();
        let is_main_of_default =
            key == SessionKey::of(&config.agents.default, &config.session.main_key);
        if is_main_of_default || key.is_main(&config.session.main_key) {
            return Err(RpcError::invalid(format!("Cannot delete the main session ({key}).")));
        }
        let entry = gateway.sessions_of(&key).get(&key);
        check_session(entry.as_deref(), params.expected_session_id.as_deref())?;
        let transcripts = match params.delete_transcript {
            Some(false) => Transcripts::Keep,
            Some(true) | None => Transcripts::Archive,
        };
        let archived = match gateway.sessions.delete(&key, transcripts).await {
            // What is left of an agent that is no longer configured may go as well.
            Err(SubmitError::UnknownAgent(_)) => orphan(&cx, &key, transcripts).await?,
            done => done?,
        };
        let deleted = archived.is_some();
        if deleted {
            gateway.events.conversation_changed(gateway, &key, Change::By("delete"));
        }
        Ok(Reply { ok: true, key, deleted, archived: archived.unwrap_or_default() })
    }
}

/// Deletes a conversation whose agent cannot run, so that nothing can hold its files.
async fn orphan(
    cx: &Cx,
    key: &SessionKey,
    transcripts: Transcripts,
) -> Result<Option<Vec<String>>, RpcError> {
    let sessions = cx.gateway.sessions_of(key);
    let Some(entry) = sessions.remove(key).await? else { return Ok(None) };
    match transcripts {
        Transcripts::Keep => Ok(Some(Vec::new())),
        Transcripts::Archive => Ok(Some(sessions.archive(&entry, store::Archive::Deleted).await?)),
    }
}
