//! `chat.history`: the newest messages of a conversation, as its file has them.

use domain::{AgentId, Scope};
use protocol::compat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use store::TailMessage;

use super::{Cx, Kind, Method, RpcError, envelope};

/// Messages given when the client does not say how many.
const LIMIT: usize = 200;
/// Most text of messages in one answer, in bytes; the oldest messages are left out.
const BYTES_MAX: usize = 6 << 20;

pub(crate) struct ChatHistory;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "fields of newer clients are taken and not used")]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u16>,
    agent_id: Option<String>,
    cursor: Option<String>,
    /// How many of the newest messages to pass over.
    offset: Option<usize>,
    #[schemars(range(min = 1, max = 500_000))]
    max_chars: Option<u64>,
    message_id: Option<String>,
    session_id: Option<String>,
    pending_before: Option<Value>,
    input_run_ids: Option<Vec<String>>,
}

impl Params {
    pub(super) fn agent_id(&self) -> Option<&str> {
        self.agent_id.as_deref()
    }

    pub(super) fn session_key(&self) -> &str {
        &self.session_key
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    session_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<domain::SessionId>,
    messages: Vec<Box<RawValue>>,
    thinking_level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose_level: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    newest: Option<Newest>,
}

/// What version 3 does not know.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Newest {
    has_more: bool,
    /// Where older messages begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<usize>,
    defaults: Value,
}

impl Method for ChatHistory {
    const NAME: &'static str = "chat.history";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let key = gateway.session_key(&params.session_key, agent.as_ref());
        let index = gateway.sessions_of(&key);
        let entry = index.get(&key);
        let offset = params.offset.unwrap_or(0);
        let tail = match &entry {
            Some(entry) => {
                let limit = params.limit.map_or(LIMIT, usize::from);
                index.tail_before(entry, offset, limit, BYTES_MAX).await?
            }
            None => store::Tail::default(),
        };
        let next_offset = tail.truncated.then(|| offset.saturating_add(tail.messages.len()));
        let is_marked = compat::knows_history_marks(cx.caller.version);
        let messages = tail.messages.into_iter().map(|line| {
            let line = opened(line);
            if is_marked { marked(line) } else { line.message }
        });
        let config = gateway.config();
        let owner = key.agent().unwrap_or_else(|| config.agents.default.clone());
        let model = gateway.default_model(&owner);
        let newest = is_marked.then(|| Newest {
            has_more: tail.truncated,
            next_offset,
            defaults: json!({
                "modelProvider": model.as_ref().map(|model| model.provider.clone()),
                "model": model.as_ref().map(|model| model.id.clone()),
                "contextTokens": model.as_ref().map(|model| model.context_tokens),
            }),
        });
        let of_agent = config.agents.get(&owner).and_then(|agent| agent.thinking.clone());
        let of_session = entry.as_ref().and_then(|entry| entry.thinking_level.clone());
        Ok(Reply {
            session_key: params.session_key,
            session_id: entry.as_ref().map(|entry| entry.session_id.clone()),
            messages: messages.collect(),
            thinking_level: of_session.or(of_agent).unwrap_or_else(|| "off".to_owned()),
            verbose_level: entry.and_then(|entry| entry.verbose_level.clone()),
            newest,
        })
    }
}

/// The message as clients of version 4 see it.
pub(crate) fn shown_message(line: TailMessage) -> Box<RawValue> {
    marked(opened(line))
}

/// The message without what a channel wrapped it in.
fn opened(mut line: TailMessage) -> TailMessage {
    if let Some(opened) = envelope::opened_json(&line.message) {
        line.message = opened;
    }
    line
}

/// The message with a note of where it stands in the file.
fn marked(line: TailMessage) -> Box<RawValue> {
    let mut mark = serde_json::Map::new();
    if let Some(id) = &line.id {
        mark.insert("id".to_owned(), json!(id));
    }
    let written = line.timestamp.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if let Some(written) = written {
        mark.insert("recordTimestampMs".to_owned(), json!(written.as_millisecond()));
    }
    let Some(body) = line.message.get().trim_end().strip_suffix('}') else { return line.message };
    let comma = if body.trim_end().ends_with('{') { "" } else { "," };
    let text = format!("{body}{comma}\"__openclaw\":{}}}", Value::Object(mark));
    RawValue::from_string(text).unwrap_or(line.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_into_the_message_without_parsing_it() {
        let line = TailMessage {
            id: Some(domain::EntryId::new("0a1b2c3d")),
            timestamp: Some("1970-01-01T00:00:01.000Z".to_owned()),
            message: RawValue::from_string(r#"{"role":"user","content":"hi"}"#.to_owned()).unwrap(),
        };

        assert_eq!(
            marked(line).get(),
            r#"{"role":"user","content":"hi","__openclaw":{"id":"0a1b2c3d","recordTimestampMs":1000}}"#
        );
    }
}
