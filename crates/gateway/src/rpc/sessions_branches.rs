//! `sessions.branches.list` and `sessions.branches.switch`: the ways that a conversation took.

use domain::{EntryId, Message, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Branch, TailMessage};

use super::{
    Cx, Kind, Method, RpcError, envelope,
    session_row::cut,
    session_target::{existing, no_session, spot},
};
use crate::events::Change;

/// Characters of what a branch is called by.
const HEADLINE_CHARS_MAX: usize = 80;

/// Lists them.
pub(super) struct SessionsBranchesList;

/// Goes on with another.
pub(super) struct SessionsBranchesSwitch;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Which {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    leaf_entry_id: String,
}

#[derive(Serialize)]
pub(super) struct Listed {
    branches: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    leaf_entry_id: EntryId,
    headline: String,
    message_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    active: bool,
}

/// It was done.
#[derive(Serialize)]
pub(super) struct Switched {}

impl Method for SessionsBranchesList {
    const NAME: &'static str = "sessions.branches.list";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Which;
    type Reply = Listed;

    async fn call(cx: Cx, params: Which) -> Result<Listed, RpcError> {
        let (key, entry) = existing(&cx, &params.session_key, params.agent_id.as_deref())?;
        let branches = cx.gateway.sessions_of(&key).branches(&entry).await?;
        Ok(Listed { branches: branches.into_iter().map(Row::of).collect() })
    }
}

impl Method for SessionsBranchesSwitch {
    const NAME: &'static str = "sessions.branches.switch";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Wanted;
    type Reply = Switched;

    async fn call(cx: Cx, params: Wanted) -> Result<Switched, RpcError> {
        let (key, entry) = existing(&cx, &params.session_key, params.agent_id.as_deref())?;
        let id = params.leaf_entry_id;
        let found = spot(&cx, &key, &entry, &id).await?;
        let branches = cx.gateway.sessions_of(&key).branches(&entry).await?;
        let is_active = branches.iter().any(|it| it.is_active && it.leaf.as_str() == id);
        if !is_active {
            let leaf = found.message.id;
            let moved = cx.gateway.sessions.go_on_from(&key, leaf).await?;
            moved.ok_or_else(no_session)?;
            cx.gateway.events.conversation_changed(&cx.gateway, &key, Change::By("switch"));
        }
        Ok(Switched {})
    }
}

impl Row {
    fn of(branch: Branch) -> Self {
        let headline = branch.said.map(|line| words(&line)).unwrap_or_default();
        Self {
            leaf_entry_id: branch.leaf,
            headline: cut(&headline, HEADLINE_CHARS_MAX),
            message_count: branch.messages,
            updated_at: branch.written,
            active: branch.is_active,
        }
    }
}

/// What a person said, on one line.
fn words(line: &TailMessage) -> String {
    match serde_json::from_str(line.message.get()) {
        Ok(Message::User(user)) => {
            let text = user.content.joined_text();
            envelope::opened(&text).split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Ok(Message::Assistant(_) | Message::ToolResult(_) | Message::BashExecution(_)) | Err(_) => {
            String::new()
        }
    }
}
