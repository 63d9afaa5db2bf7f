//! `sessions.create`: a conversation before its first message, or with it.

use std::sync::Arc;

use config::ModelRef;
use domain::{Scope, SessionId, SessionKey};
use protocol::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::SessionEntry;

use super::{
    Cx, Kind, Method, RpcError,
    chat_send::{self, ChatSend},
    session_row::{self, Resolved},
    session_target::agent_of,
    sessions_patch::{self, SessionsPatch},
    submission::Attachment,
};
use crate::events::Change;

pub(super) struct SessionsCreate;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: Option<String>,
    #[schemars(length(min = 1))]
    idempotency_key: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1, max = 512))]
    label: Option<String>,
    #[schemars(length(min = 1, max = 500))]
    display_name: Option<String>,
    #[schemars(length(min = 1))]
    model: Option<String>,
    #[schemars(length(min = 1))]
    thinking_level: Option<String>,
    /// The first message, under either name.
    message: Option<String>,
    task: Option<String>,
    attachments: Option<Vec<Attachment>>,
    /// What the new conversation hangs below is for the page to remember.
    #[serde(rename = "parentSessionKey")]
    #[schemars(length(min = 1))]
    _parent_session_key: Option<String>,
    #[serde(rename = "emitCommandHooks")]
    _emit_command_hooks: Option<bool>,
    #[serde(rename = "succeedsParent")]
    _succeeds_parent: Option<bool>,
    #[serde(rename = "spawnDepth")]
    _spawn_depth: Option<u32>,
    #[serde(rename = "visibility")]
    _visibility: Option<String>,
    #[serde(rename = "category")]
    _category: Option<String>,
    /// What is refused when it asks for something: nobody would do it.
    fork: Option<Value>,
    fork_from: Option<Value>,
    worktree: Option<Value>,
    worktree_base_ref: Option<Value>,
    worktree_name: Option<Value>,
    project_id: Option<Value>,
    project_git_url: Option<Value>,
    exec_node: Option<Value>,
    cwd: Option<Value>,
    incognito: Option<Value>,
    permission_mode: Option<Value>,
    tool_overrides: Option<Value>,
    context_window: Option<Value>,
    fast_mode: Option<Value>,
    catalog_id: Option<Value>,
}

/// The conversation, and what became of its first message.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    key: SessionKey,
    session_id: SessionId,
    entry: Arc<SessionEntry>,
    run_started: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_error: Option<Error>,
    resolved: Resolved,
}

impl Method for SessionsCreate {
    const NAME: &'static str = "sessions.create";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Turn;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        if let Some(wanted) = params.asks_for_more() {
            let text = format!("sessions.create: {wanted} is not part of this version yet");
            return Err(RpcError::unavailable(text));
        }
        let agent = agent_of(params.agent_id.as_deref());
        let key = gateway.session_key(&params.key(), agent.as_ref());
        let sessions = gateway.sessions_of(&key);
        let before = sessions.get(&key);
        let settings = params.settings(&key);
        if let (Some(entry), Some(settings)) = (&before, &settings)
            && !cx.caller.principal.may(Scope::Admin)
        {
            // What is there is changed by those who may change conversations; a repeated request
            // changes nothing.
            let agent = key.agent().unwrap_or_else(|| gateway.config().agents.default.clone());
            let model = session_row::model_of(&gateway.config(), &agent, Some(entry));
            if !is_same(settings, entry, &model) {
                return Err(Error::missing_scope(Scope::Admin).into());
            }
        }
        if let Some(settings) = settings {
            let patch: sessions_patch::Params = serde_json::from_value(settings)
                .map_err(|error| RpcError::internal("settings are no patch", &error))?;
            SessionsPatch::apply(&cx, patch).await?;
        }
        let name = params.display_name.clone().filter(|_| before.is_none());
        let change = |entry: &mut SessionEntry| {
            if name.is_some() {
                entry.display_name = name;
            }
        };
        let entry = sessions.update(&key, change).await?;
        if before.is_none() {
            gateway.events.conversation_changed(gateway, &key, Change::By("create"));
        }
        let resolved = session_row::resolved(&gateway.config(), &key, &entry);
        let (run_id, run_error) = match params.first_message() {
            Some((message, turn)) => {
                let mut message = chat_send::Params::of(key.to_string(), message, turn.clone());
                message.attachments = params.attachments;
                match ChatSend::call(cx.clone(), message).await {
                    Ok(_) => (Some(turn), None),
                    Err(refused) => (None, Some(refused.error)),
                }
            }
            None => (None, None),
        };
        Ok(Reply {
            ok: true,
            session_id: entry.session_id.clone(),
            entry,
            key,
            run_started: run_id.is_some(),
            run_id,
            run_error,
            resolved,
        })
    }
}

/// Whether a conversation has these settings already.
fn is_same(settings: &Value, entry: &SessionEntry, model: &ModelRef) -> bool {
    let wanted = |name: &str| settings.get(name).and_then(Value::as_str);
    // Thinking that is off is stored as nothing.
    let thinking = entry.thinking_level.as_deref().unwrap_or("off");
    wanted("label").is_none_or(|it| entry.label.as_deref() == Some(it))
        && wanted("thinkingLevel").is_none_or(|it| it == thinking)
        && wanted("model").is_none_or(|it| it == model.to_string() || it == model.model)
}

impl Params {
    /// The named conversation; or a new one, the same for the same idempotency key.
    fn key(&self) -> String {
        self.key.clone().unwrap_or_else(|| {
            let id = match &self.idempotency_key {
                Some(key) => hex::encode(&Sha256::digest(key)[..16]),
                None => uuid::Uuid::new_v4().to_string(),
            };
            format!("dashboard:{id}")
        })
    }

    /// The settings to begin with, as a patch; `None` when there are none.
    fn settings(&self, key: &SessionKey) -> Option<Value> {
        let mut patch = json!({});
        let given = [
            ("label", &self.label),
            ("model", &self.model),
            ("thinkingLevel", &self.thinking_level),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                patch[name] = json!(value);
            }
        }
        let has_any = patch.as_object().is_some_and(|it| !it.is_empty());
        patch["key"] = json!(key);
        has_any.then_some(patch)
    }

    fn first_message(&self) -> Option<(String, String)> {
        let text = self.message.clone().or_else(|| self.task.clone()).unwrap_or_default();
        let has_files = self.attachments.as_ref().is_some_and(|files| !files.is_empty());
        if text.trim().is_empty() && !has_files {
            return None;
        }
        let named = self.idempotency_key.clone();
        Some((text, named.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())))
    }

    /// What is asked for and not there.
    fn asks_for_more(&self) -> Option<&'static str> {
        let more = [
            ("fork", &self.fork),
            ("forkFrom", &self.fork_from),
            ("worktree", &self.worktree),
            ("worktreeBaseRef", &self.worktree_base_ref),
            ("worktreeName", &self.worktree_name),
            ("projectId", &self.project_id),
            ("projectGitUrl", &self.project_git_url),
            ("execNode", &self.exec_node),
            ("cwd", &self.cwd),
            ("incognito", &self.incognito),
            ("permissionMode", &self.permission_mode),
            ("toolOverrides", &self.tool_overrides),
            ("contextWindow", &self.context_window),
            ("fastMode", &self.fast_mode),
            ("catalogId", &self.catalog_id),
        ];
        let asks = |value: &Option<Value>| {
            value.as_ref().is_some_and(|value| !value.is_null() && *value != Value::Bool(false))
        };
        more.into_iter().find(|(_, value)| asks(value)).map(|(name, _)| name)
    }
}
