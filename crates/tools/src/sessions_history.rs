//! `sessions_history`: what was said in a conversation, cut to what a model can use.

use std::sync::Arc;

use domain::{Effect, Message, Part};
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    ports::{Conversations, History},
    schema::{missing, trimmed},
};

/// Messages shown when no number was asked for.
const MESSAGES_DEFAULT: u64 = 50;

/// Most messages shown.
const MESSAGES_MAX: u64 = 1000;

/// Messages read for each message shown while tool traffic is left out.
pub(crate) const READ_FACTOR: usize = 4;

/// Most bytes of all messages, as JSON.
const BYTES_MAX: usize = 80 << 10;

/// Most characters of one text.
const TEXT_CHARS_MAX: usize = 4000;

/// Fields that are of no use to a model.
const STRIPPED: [&str; 8] = [
    "details",
    "usage",
    "cost",
    "thinkingSignature",
    "textSignature",
    "thoughtSignature",
    "api",
    "responseId",
];

/// Shows conversations.
pub(crate) struct SessionsHistory {
    pub(crate) conversations: Arc<dyn Conversations>,
}

/// Arguments of `sessions_history`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// Which session, by key or id.
    #[schemars(required, extend("x-aliases" = ["session", "key", "sessionId"]))]
    session_key: Option<String>,
    /// Most messages to show, the newest ones (default 50).
    limit: Option<u64>,
    /// Show tool calls and their results too.
    include_tools: Option<bool>,
}

impl Tool for SessionsHistory {
    const NAME: &'static str = "sessions_history";
    const DESCRIPTION: &'static str = "Show the newest messages of a session, oldest first. \
        Long texts are cut.";
    type Args = Args;

    fn effect(&self, _args: &Args) -> Effect {
        Effect::Observe
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let name = trimmed(args.session_key.as_deref())
            .ok_or_else(|| missing("sessionKey", "a session key or session id"))?;
        let limit = args.limit.unwrap_or(MESSAGES_DEFAULT).clamp(1, MESSAGES_MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let with_tools = args.include_tools.unwrap_or(false);
        let read = if with_tools { limit } else { limit.saturating_mul(READ_FACTOR) };
        let history = self
            .conversations
            .history(&cx.session, name, read)
            .await
            .ok_or_else(|| ToolError::Failed(format!("No session found for {name}")))?;
        Ok(ToolOutput::json(render(&history, limit, with_tools)))
    }
}

/// Whether a message is about tools alone.
pub(crate) fn is_tool_traffic(message: &Message) -> bool {
    match message {
        Message::ToolResult(_) => true,
        Message::Assistant(said) => {
            !said.content.0.is_empty()
                && said
                    .content
                    .0
                    .iter()
                    .all(|part| matches!(part, Part::ToolCall { .. } | Part::Thinking { .. }))
        }
        Message::User(_) | Message::BashExecution(_) => false,
    }
}

fn render(history: &History, limit: usize, with_tools: bool) -> Value {
    let mut kept: Vec<Value> = Vec::new();
    let mut bytes = 0;
    let mut content_truncated = false;
    let wanted: Vec<&Message> =
        history.messages.iter().filter(|message| with_tools || !is_tool_traffic(message)).collect();
    for message in wanted.iter().rev().take(limit) {
        let (mut row, was_cut) = shorten(message);
        if !with_tools && let Some(parts) = row["content"].as_array_mut() {
            parts.retain(|part| part["type"] != "toolCall");
        }
        let size = row.to_string().len();
        if bytes + size > BYTES_MAX {
            break;
        }
        bytes += size;
        content_truncated |= was_cut;
        kept.push(row);
    }
    kept.reverse();
    let dropped = kept.len() < wanted.len();
    json!({
        "sessionKey": history.key,
        "messages": kept,
        "truncated": history.truncated || dropped || content_truncated,
        "droppedMessages": dropped,
        "contentTruncated": content_truncated,
        "bytes": bytes,
    })
}

/// A message without what only machines read, and whether a text was cut.
pub(crate) fn shorten(message: &Message) -> (Value, bool) {
    let mut row = serde_json::to_value(message).unwrap_or_default();
    let was_cut = strip(&mut row);
    (row, was_cut)
}

fn strip(value: &mut Value) -> bool {
    match value {
        Value::String(text) => cut(text),
        Value::Array(items) => items.iter_mut().fold(false, |was_cut, item| strip(item) | was_cut),
        Value::Object(object) => strip_object(object),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn strip_object(object: &mut Map<String, Value>) -> bool {
    object.retain(|name, _| !STRIPPED.contains(&name.as_str()));
    let mut was_cut = false;
    if object.get("type").is_some_and(|kind| kind == "image")
        && let Some(data) = object.remove("data")
    {
        object.insert("omitted".to_owned(), true.into());
        object.insert("base64Chars".to_owned(), data.as_str().map_or(0, str::len).into());
        was_cut = true;
    }
    object.values_mut().fold(was_cut, |was_cut, inner| strip(inner) | was_cut)
}

fn cut(text: &mut String) -> bool {
    let Some((at, _)) = text.char_indices().nth(TEXT_CHARS_MAX) else { return false };
    text.truncate(at);
    text.push_str("\n…(cut)…");
    true
}

#[cfg(test)]
mod tests {
    use domain::{
        Assistant, CallId, Content, SessionKey, StopReason, ToolResult, UnixMillis, User,
    };

    use super::*;

    fn user(text: &str) -> Message {
        Message::User(User { content: Content::text(text), timestamp: UnixMillis(1) })
    }

    fn assistant(parts: Vec<Part>) -> Message {
        Message::Assistant(Assistant {
            content: Content(parts),
            api: "x".to_owned(),
            provider: "p".to_owned(),
            model: "m".to_owned(),
            usage: domain::Usage::default(),
            stop_reason: StopReason::Stop,
            error_message: None,
            timestamp: UnixMillis(2),
        })
    }

    fn call() -> Part {
        Part::ToolCall {
            id: CallId::new("c1"),
            name: "exec".to_owned(),
            arguments: json!({ "command": "ls" }),
            thought_signature: None,
        }
    }

    fn history(messages: Vec<Message>) -> History {
        History { key: SessionKey::stored("agent:main:main"), messages, truncated: false }
    }

    #[test]
    fn tool_traffic_and_machine_fields_are_left_out() {
        let result = Message::ToolResult(ToolResult {
            tool_call_id: CallId::new("c1"),
            tool_name: "exec".to_owned(),
            content: Content::text("out"),
            details: Some(json!({ "big": 1 })),
            is_error: false,
            timestamp: UnixMillis(3),
        });
        let given = history(vec![
            user("hi"),
            assistant(vec![call()]),
            result,
            assistant(vec![Part::text("done"), call()]),
        ]);

        let plain = render(&given, 50, false);
        let full = render(&given, 50, true);

        assert_eq!(plain["messages"].as_array().map(Vec::len), Some(2));
        assert_eq!(plain["messages"][1]["content"], json!([{ "type": "text", "text": "done" }]));
        assert!(plain["messages"][1].get("usage").is_none());
        assert_eq!(full["messages"].as_array().map(Vec::len), Some(4));
        assert!(full["messages"][2].get("details").is_none());
        assert_eq!(full["truncated"], json!(false));
    }

    #[test]
    fn long_texts_are_cut_and_old_messages_dropped_at_the_cap() {
        let long = user(&"x".repeat(5000));

        let shown = render(&history(vec![long; 40]), 50, false);

        assert_eq!(shown["contentTruncated"], json!(true));
        assert_eq!(shown["droppedMessages"], json!(true));
        let count = shown["messages"].as_array().map_or(0, Vec::len);
        assert!((15..=20).contains(&count), "{count}");
        assert!(shown["bytes"].as_u64() <= Some(80 << 10));
    }

    #[test]
    fn image_data_is_omitted() {
        let image = Part::Image { data: "AAAA".to_owned(), mime_type: "image/png".to_owned() };

        let (row, was_cut) = shorten(&assistant(vec![image]));

        assert!(was_cut);
        assert_eq!(
            row["content"][0],
            json!({ "type": "image", "mimeType": "image/png", "omitted": true, "base64Chars": 4 })
        );
    }
}
