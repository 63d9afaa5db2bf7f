//! `chat.history`: messages of a conversation as its file has them, along the branch that goes on.
//!
//! A client that has some of them asks with the cursor of its last answer, and gets what came
//! since, or is told to begin anew.

use domain::{AgentId, EntryId, Scope, SessionId, SessionKey};
use protocol::compat;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};
use store::{Page, SessionEntry, Span, TailMessage};

use super::{Cx, Kind, Method, Row, Rows, RpcError, cursor, envelope, shorten};

/// Messages given when the client does not say how many.
const LIMIT: usize = 200;
/// Most text of messages in one answer, in bytes; the oldest messages are left out.
const BYTES_MAX: usize = 6 << 20;

pub(crate) struct ChatHistory;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    pub(super) session_key: String,
    #[schemars(range(min = 1, max = 1000))]
    pub(super) limit: Option<u16>,
    pub(super) agent_id: Option<String>,
    /// What the last answer ended with.
    pub(super) cursor: Option<String>,
    /// How many of the newest messages to pass over.
    pub(super) offset: Option<usize>,
    /// Most characters of one text; longer ones are cut.
    #[schemars(range(min = 1, max = 500_000))]
    pub(super) max_chars: Option<usize>,
    /// A message that the page is to lie around.
    pub(super) message_id: Option<String>,
    /// The session that the client believes to see; the answer names the one that is there.
    #[serde(rename = "sessionId")]
    pub(super) _session_id: Option<String>,
    #[serde(rename = "pendingBefore")]
    pub(super) _pending_before: Option<Value>,
    #[serde(rename = "inputRunIds")]
    pub(super) _input_run_ids: Option<Vec<String>>,
}

/// A page, or what came since one.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Reply {
    Page(Box<History>),
    Delta(Box<Delta>),
    Reset(Reset),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    session_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
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
    total_messages: usize,
    delta_cursor: String,
    defaults: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_info: Option<Row>,
}

/// What came since.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delta {
    kind: &'static str,
    messages: Vec<Box<RawValue>>,
    #[serde(rename = "deltaCursor")]
    cursor: String,
    session_info: Row,
}

/// The client is to begin anew.
#[derive(Serialize)]
pub(crate) struct Reset {
    kind: &'static str,
}

impl Method for ChatHistory {
    const NAME: &'static str = "chat.history";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let key = cx.gateway.session_key(&params.session_key, agent.as_ref());
        let entry = cx.gateway.sessions_of(&key).get(&key);
        match &params.cursor {
            Some(cursor) => since(&cx, &key, entry.as_deref(), (cursor, &params)).await,
            None => page(&cx, &key, entry.as_deref(), params).await,
        }
    }
}

/// What came since the client's last look.
async fn since(
    cx: &Cx,
    key: &SessionKey,
    entry: Option<&SessionEntry>,
    (cursor, params): (&str, &Params),
) -> Result<Reply, RpcError> {
    const RESET: Reply = Reply::Reset(Reset { kind: "reset" });
    let Some(entry) = entry else { return Ok(RESET) };
    let Some(span) = cursor::read(cursor, &entry.session_id) else { return Ok(RESET) };
    let page = cx.gateway.sessions_of(key).page(entry, span, BYTES_MAX).await?;
    let limit = params.limit.map_or(LIMIT, usize::from);
    let Some(page) = page.filter(|page| page.messages.len() <= limit) else { return Ok(RESET) };
    let cursor = cursor::at_end(Some(&entry.session_id), &page);
    let view = View::of(cx, Some(entry), params.max_chars);
    Ok(Reply::Delta(Box::new(Delta {
        kind: "delta",
        messages: page.messages.into_iter().map(|line| view.show(line)).collect(),
        cursor,
        session_info: Rows::new(&cx.gateway).row(key, entry),
    })))
}

async fn page(
    cx: &Cx,
    key: &SessionKey,
    entry: Option<&SessionEntry>,
    params: Params,
) -> Result<Reply, RpcError> {
    let gateway = &cx.gateway;
    let found = match entry {
        Some(entry) => Some(wanted(cx, key, entry, &params).await?),
        None => None,
    };
    let page = found.unwrap_or_default();
    let config = gateway.config();
    let owner = key.agent().unwrap_or_else(|| config.agents.default.clone());
    let newest = compat::knows_history_marks(cx.caller.version).then(|| {
        let model = gateway.default_model(&owner);
        let shown = page.total.saturating_sub(page.before);
        Newest {
            has_more: page.before > 0,
            next_offset: (page.before > 0).then_some(shown),
            total_messages: page.total,
            delta_cursor: cursor::at_end(entry.map(|entry| &entry.session_id), &page),
            defaults: json!({
                "modelProvider": model.as_ref().map(|model| model.provider.clone()),
                "model": model.as_ref().map(|model| model.id.clone()),
                "contextTokens": model.as_ref().map(|model| model.context_tokens),
            }),
            session_info: entry.map(|entry| Rows::new(gateway).row(key, entry)),
        }
    });
    let of_agent = config.agents.get(&owner).and_then(|agent| agent.thinking.clone());
    let of_session = entry.and_then(|entry| entry.thinking_level.clone());
    let view = View::of(cx, entry, params.max_chars);
    Ok(Reply::Page(Box::new(History {
        session_key: params.session_key,
        session_id: entry.map(|entry| entry.session_id.clone()),
        messages: page.messages.into_iter().map(|line| view.show(line)).collect(),
        thinking_level: of_session.or(of_agent).unwrap_or_else(|| "off".to_owned()),
        verbose_level: entry.and_then(|entry| entry.verbose_level.clone()),
        newest,
    })))
}

/// The page that was asked for.
async fn wanted(
    cx: &Cx,
    key: &SessionKey,
    entry: &SessionEntry,
    params: &Params,
) -> Result<Page, RpcError> {
    let limit = params.limit.map_or(LIMIT, usize::from);
    let span = match &params.message_id {
        Some(id) => Span::Around { id: EntryId::new(id.as_str()), limit },
        None => Span::Newest { skip: params.offset.unwrap_or(0), limit },
    };
    let page = cx.gateway.sessions_of(key).page(entry, span, BYTES_MAX).await?;
    page.ok_or_else(|| RpcError::invalid("message not found in this session"))
}

/// How a client sees messages.
struct View {
    /// Names the file that the places of messages are in.
    source: Option<String>,
    is_marked: bool,
    chars_max: usize,
}

impl View {
    fn of(cx: &Cx, entry: Option<&SessionEntry>, chars_max: Option<usize>) -> Self {
        let is_marked = compat::knows_history_marks(cx.caller.version);
        let source = entry.filter(|_| is_marked).map(|entry| source_of(&entry.session_id));
        Self { source, is_marked, chars_max: chars_max.unwrap_or(usize::MAX) }
    }

    fn show(&self, line: TailMessage) -> Box<RawValue> {
        let mut line = opened(line);
        if let Some(cut) = shorten::texts(&line.message, self.chars_max) {
            line.message = cut;
        }
        if self.is_marked { marked(line, self.source.as_deref()) } else { line.message }
    }
}

/// A name for the file of a session.
fn source_of(session: &SessionId) -> String {
    use base64::Engine as _;
    let digest = Sha256::digest(session.as_str());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

/// The message as clients of version 4 see it.
pub(crate) fn shown_message(line: TailMessage, session: &SessionId) -> Box<RawValue> {
    marked(opened(line), Some(&source_of(session)))
}

/// The message without what a channel wrapped it in.
fn opened(mut line: TailMessage) -> TailMessage {
    if let Some(opened) = envelope::opened_json(&line.message) {
        line.message = opened;
    }
    line
}

/// The message with a note of where it stands in the file.
fn marked(line: TailMessage, source: Option<&str>) -> Box<RawValue> {
    let mut mark = serde_json::Map::new();
    if let Some(id) = &line.id {
        mark.insert("id".to_owned(), json!(id));
    }
    let written = line.timestamp.as_deref().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if let Some(written) = written {
        mark.insert("recordTimestampMs".to_owned(), json!(written.as_millisecond()));
    }
    if let Some(place) = line.place {
        if let Some(source) = source {
            let position = json!({ "source": source, "rawSeq": place.line });
            mark.insert("transcriptPosition".to_owned(), position);
        }
        mark.insert("seq".to_owned(), json!(place.seq));
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
            id: Some(EntryId::new("0a1b2c3d")),
            timestamp: Some("1970-01-01T00:00:01.000Z".to_owned()),
            message: RawValue::from_string(r#"{"role":"user","content":"hi"}"#.to_owned()).unwrap(),
            place: Some(store::Place { seq: 2, line: 5 }),
        };

        assert_eq!(
            marked(line, Some("file")).get(),
            r#"{"role":"user","content":"hi","__openclaw":{"id":"0a1b2c3d","recordTimestampMs":1000,"transcriptPosition":{"source":"file","rawSeq":5},"seq":2}}"#
        );
    }
}
