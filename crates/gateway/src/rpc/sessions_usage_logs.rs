//! `sessions.usage.logs`: the newest messages of one conversation, with what each cost.

use domain::{Content, Message, Part, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, envelope, session_row::cut};

const LIMIT_DEFAULT: usize = 200;
const LIMIT_MAX: usize = 1000;
/// Characters of one message.
const CHARS_MAX: usize = 2000;
/// Bytes of the transcript that are looked at.
const BYTES_MAX: usize = 4 << 20;

/// Tells the newest messages.
pub(super) struct SessionsUsageLogs;

/// Which conversation, and how many.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
    #[schemars(range(min = 1))]
    limit: Option<usize>,
}

/// Them, oldest first.
#[derive(Serialize)]
pub(super) struct Reply {
    logs: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    timestamp: i64,
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
}

impl Method for SessionsUsageLogs {
    const NAME: &'static str = "sessions.usage.logs";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = params.agent_id.as_deref().map(domain::AgentId::normalise);
        let key = cx.gateway.session_key(&params.key, agent.as_ref());
        let sessions = cx.gateway.sessions_of(&key);
        let Some(entry) = sessions.get(&key) else { return Ok(Reply { logs: Vec::new() }) };
        let limit = params.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
        let tail = sessions.tail(&entry, limit, BYTES_MAX).await?;
        let logs = tail.messages.into_iter().filter_map(|line| {
            let raw = envelope::opened_json(&line.message).unwrap_or(line.message);
            serde_json::from_str(raw.get()).ok().map(row)
        });
        Ok(Reply { logs: logs.collect() })
    }
}

fn row(message: Message) -> Row {
    let (role, content, timestamp, usage) = match message {
        Message::User(it) => ("user", it.content, it.timestamp, None),
        Message::Assistant(it) => ("assistant", it.content, it.timestamp, Some(it.usage)),
        Message::ToolResult(it) => ("toolResult", it.content, it.timestamp, None),
        Message::BashExecution(it) => {
            ("bashExecution", Content::text(it.command), it.timestamp, None)
        }
    };
    let pieces: Vec<String> = content
        .0
        .into_iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(text),
            Part::ToolCall { name, .. } => Some(format!("[{name}]")),
            Part::Image { .. } => Some("[image]".to_owned()),
            Part::Thinking { .. } => None,
        })
        .collect();
    Row {
        timestamp: timestamp.0,
        role,
        content: cut(&pieces.join("\n"), CHARS_MAX),
        tokens: usage.map(|it| it.total_tokens),
        cost: usage.map(|it| it.cost.total),
    }
}
