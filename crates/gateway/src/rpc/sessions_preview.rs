//! `sessions.preview`: the newest messages of some conversations, in short.

use domain::{Message, Part, SessionKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Cx, Method, RpcError, envelope, error, session_row::cut};
use crate::state::Gateway;

const ITEMS_DEFAULT: usize = 12;
const CHARS_DEFAULT: usize = 240;
/// Bytes of one transcript that are looked at.
const BYTES_MAX: usize = 1024 * 1024;
/// Messages looked at beyond those wanted, as some have no text.
const SPARE: usize = 64;

/// Shows the newest messages of some conversations.
pub(super) struct SessionsPreview;

/// Which conversations, and how much of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1, max = 64))]
    keys: Vec<String>,
    #[schemars(range(min = 1, max = 50))]
    limit: Option<usize>,
    #[schemars(range(min = 20, max = 2000))]
    max_chars: Option<usize>,
}

/// One preview for each key.
#[derive(Serialize)]
pub(super) struct Reply {
    ts: i64,
    previews: Vec<Preview>,
}

#[derive(Serialize)]
struct Preview {
    key: String,
    status: Status,
    items: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Empty,
    Missing,
    Error,
}

#[derive(Serialize)]
struct Item {
    role: &'static str,
    text: String,
}

impl Method for SessionsPreview {
    const NAME: &'static str = "sessions.preview";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let limit = params.limit.unwrap_or(ITEMS_DEFAULT);
        let chars_max = params.max_chars.unwrap_or(CHARS_DEFAULT);
        let mut previews = Vec::with_capacity(params.keys.len());
        for name in params.keys {
            let key = cx.gateway.session_key(&name, None);
            let (status, items) = preview(&cx.gateway, &key, limit, chars_max).await;
            previews.push(Preview { key: name, status, items });
        }
        Ok(Reply { ts: cx.gateway.clock.now().0, previews })
    }
}

async fn preview(
    gateway: &Gateway,
    key: &SessionKey,
    limit: usize,
    chars_max: usize,
) -> (Status, Vec<Item>) {
    let sessions = gateway.sessions_of(key);
    let Some(entry) = sessions.get(key) else { return (Status::Missing, Vec::new()) };
    let tail = match sessions.tail(&entry, limit + SPARE, BYTES_MAX).await {
        Ok(tail) => tail,
        Err(cause) => {
            warn!(%key, error = error::chain(&cause), "cannot read a conversation");
            return (Status::Error, Vec::new());
        }
    };
    let mut items: Vec<Item> = tail
        .messages
        .iter()
        .rev()
        .filter_map(|line| item(serde_json::from_str(line.message.get()).ok()?, chars_max))
        .take(limit)
        .collect();
    items.reverse();
    (if items.is_empty() { Status::Empty } else { Status::Ok }, items)
}

fn item(message: Message, chars_max: usize) -> Option<Item> {
    let (role, text) = match message {
        Message::User(user) => ("user", envelope::opened(&user.content.joined_text()).to_owned()),
        Message::Assistant(assistant) => match assistant.content.joined_text() {
            text if text.trim().is_empty() => ("tool", calls(&assistant.content.0)),
            text => ("assistant", text),
        },
        Message::ToolResult(result) => ("tool", result.content.joined_text()),
        Message::BashExecution(run) => ("tool", run.command),
    };
    let text = cut(text.trim(), chars_max);
    (!text.is_empty()).then_some(Item { role, text })
}

fn calls(parts: &[Part]) -> String {
    let names: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall { name, .. } => Some(name.as_str()),
            Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
        })
        .collect();
    if names.is_empty() { String::new() } else { format!("call {}", names.join(", ")) }
}
