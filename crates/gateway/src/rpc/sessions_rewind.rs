//! `sessions.rewind` and `sessions.fork`: a conversation goes on from one of its messages, in
//! place or as a new one.
//!
//! From before a message of a person, whose words go back to be written anew; from any other
//! message onwards, with it.

use domain::{EntryId, Message, Part, Scope, SessionKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Spot;

use super::{
    Cx, Kind, Method, RpcError, envelope,
    session_target::{existing, no_session, spot},
};
use crate::events::Change;

/// Goes back in a conversation.
pub(super) struct SessionsRewind;

/// Begins a new one with what was said so far.
pub(super) struct SessionsFork;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    entry_id: String,
}

/// What is to be written anew.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Draft {
    #[serde(skip_serializing_if = "Option::is_none")]
    editor_text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    editor_attachments: Vec<Attachment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    mime_type: String,
    data: String,
}

/// The new conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Forked {
    session_key: SessionKey,
    #[serde(flatten)]
    draft: Draft,
}

impl Method for SessionsRewind {
    const NAME: &'static str = "sessions.rewind";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Draft;

    async fn call(cx: Cx, params: Params) -> Result<Draft, RpcError> {
        let (key, entry) = existing(&cx, &params.session_key, params.agent_id.as_deref())?;
        let (leaf, draft) = place(spot(&cx, &key, &entry, &params.entry_id).await?);
        let moved = cx.gateway.sessions.go_on_from(&key, leaf).await?;
        moved.ok_or_else(no_session)?;
        cx.gateway.events.conversation_changed(&cx.gateway, &key, Change::By("rewind"));
        Ok(draft)
    }
}

impl Method for SessionsFork {
    const NAME: &'static str = "sessions.fork";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Forked;

    async fn call(cx: Cx, params: Params) -> Result<Forked, RpcError> {
        let (key, entry) = existing(&cx, &params.session_key, params.agent_id.as_deref())?;
        let (last, draft) = place(spot(&cx, &key, &entry, &params.entry_id).await?);
        let name = format!("dashboard:{}", uuid::Uuid::new_v4());
        let into = cx.gateway.session_key(&name, key.agent().as_ref());
        let made = cx.gateway.sessions.fork(&key, last, &into).await?;
        made.ok_or_else(no_session)?;
        cx.gateway.events.conversation_changed(&cx.gateway, &into, Change::By("create"));
        Ok(Forked { session_key: into, draft })
    }
}

/// The line to go on from, and what is to be written anew.
fn place(spot: Spot) -> (Option<EntryId>, Draft) {
    match serde_json::from_str(spot.message.message.get()) {
        Ok(Message::User(user)) => {
            let text = user.content.0.iter().rev().find_map(|part| match part {
                Part::Text { text, .. } => Some(envelope::opened(text).to_owned()),
                Part::Thinking { .. } | Part::Image { .. } | Part::ToolCall { .. } => None,
            });
            let images = user.content.0.into_iter().filter_map(|part| match part {
                Part::Image { data, mime_type } => Some(Attachment { mime_type, data }),
                Part::Text { .. } | Part::Thinking { .. } | Part::ToolCall { .. } => None,
            });
            (spot.before, Draft { editor_text: text, editor_attachments: images.collect() })
        }
        Ok(Message::Assistant(_) | Message::ToolResult(_) | Message::BashExecution(_)) | Err(_) => {
            (spot.message.id, Draft::default())
        }
    }
}
