//! What the model is to see of a conversation: one branch, compacted, every call answered.

use std::sync::Arc;

use domain::{
    CallId, Content, EntryId, Message, Messages, Part, StopReason, ToolResult, UnixMillis, User,
    transcript::Body,
};
use serde::Deserialize;
use serde_json::Value;

use super::line::{Line, Lines};

const SUMMARY_INTRO: &str = "Summary of the conversation so far, which is left out here:";
const BRANCH_INTRO: &str = "Summary of another line of this conversation that was left:";
const NO_RESULT: &str = "No result: the run ended before this call did.";

/// What the model is to see of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Messages, oldest first. Every call has its result, but for those of the newest message
    /// while its turn runs.
    pub messages: Messages,
    /// The line each message comes from; an answer that was made up has the call's.
    pub entry_ids: Vec<EntryId>,
    /// Last chosen provider and model.
    pub model: Option<(String, String)>,
    /// Last chosen thinking level.
    pub thinking: Option<String>,
    /// Context size of the last model request since the last compaction, in tokens.
    pub tokens: Option<u64>,
    /// Summary that stands for older messages; it is also the first of `messages`.
    pub summary: Option<String>,
    /// Calls of the newest assistant message that have no result yet.
    open_calls: Vec<(CallId, String)>,
}

/// The fields of lines that matter here, beside those of every line.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Extra {
    timestamp: Value,
    provider: Option<String>,
    model_id: Option<String>,
    thinking_level: Option<String>,
    summary: Option<String>,
    first_kept_entry_id: Option<String>,
    custom_type: Option<String>,
    content: Value,
}

/// Where the context begins anew.
struct Boundary {
    /// Position on the path.
    at: usize,
    kept_from: usize,
    summary: Option<String>,
    timestamp: UnixMillis,
}

impl Context {
    /// Reads the branch that ends with the last line.
    pub(crate) fn of(lines: &Lines<'_>) -> Self {
        let mut path: Vec<&Line<'_>> = Vec::new();
        path.extend(lines.path().iter().filter_map(|at| lines.entries.get(*at)));
        let mut context = Self::default();
        let boundary = last_boundary(&path);
        let from = boundary.as_ref().map_or(0, |boundary| boundary.kept_from);
        if let Some(Boundary { at, summary: Some(summary), timestamp, .. }) = &boundary
            && let Some(id) = path.get(*at).map(|line| entry_id(line))
        {
            context.summarise(&id, summary, *timestamp);
        }
        for (at, line) in path.iter().enumerate() {
            if boundary.as_ref().is_some_and(|boundary| boundary.at == at) {
                context.tokens = None; // It counted what is summarised now.
            }
            context.read(line, at >= from);
        }
        context.close_calls();
        context
    }

    /// Adds a line that was just written; `false` when the whole must be read again.
    #[must_use]
    pub(crate) fn add(&mut self, id: &EntryId, body: Body, now: UnixMillis) -> bool {
        match body {
            Body::Message { message } => self.push(id, message),
            Body::ModelChange { provider, model_id } => {
                self.model = Some((provider, model_id));
            }
            Body::ThinkingLevelChange { thinking_level } => {
                self.thinking = Some(thinking_level);
            }
            Body::BranchSummary { summary, .. } => {
                self.push_text(id, &format!("{BRANCH_INTRO}\n\n{summary}"), now);
            }
            Body::CustomMessage { content, .. } => {
                self.push(id, Message::User(User { content, timestamp: now }));
            }
            Body::Custom { custom_type, .. } => return custom_type != "reset",
            Body::Compaction { .. } => return false,
            Body::Label { .. } | Body::SessionInfo { .. } => {}
        }
        true
    }

    /// Answers what was never answered, so that a provider takes the whole.
    pub(crate) fn close_calls(&mut self) {
        let Some(id) = self.entry_ids.last().cloned() else { return };
        for (tool_call_id, tool_name) in std::mem::take(&mut self.open_calls) {
            let result = ToolResult {
                tool_call_id,
                tool_name,
                content: Content::text(NO_RESULT),
                details: None,
                is_error: true,
                timestamp: UnixMillis::default(),
            };
            self.messages.push(Arc::new(Message::ToolResult(result)));
            self.entry_ids.push(id.clone());
        }
    }

    fn read(&mut self, line: &Line<'_>, is_kept: bool) {
        let id = entry_id(line);
        match line.fields.kind() {
            "model_change" => {
                if let Extra { provider: Some(provider), model_id: Some(model), .. } = extra(line) {
                    self.model = Some((provider, model));
                }
            }
            "thinking_level_change" => {
                self.thinking = extra(line).thinking_level.or(self.thinking.take());
            }
            _ if !is_kept => {}
            "branch_summary" => {
                let extra = extra(line);
                if let Some(summary) = &extra.summary {
                    self.push_text(
                        &id,
                        &format!("{BRANCH_INTRO}\n\n{summary}"),
                        iso(&extra.timestamp),
                    );
                }
            }
            "custom_message" => {
                let extra = extra(line);
                if let Some(content) = lenient_content(extra.content) {
                    let timestamp = iso(&extra.timestamp);
                    self.push(&id, Message::User(User { content, timestamp }));
                }
            }
            _ => match line.fields.message.and_then(|raw| read_message(raw.get())) {
                Some(message) => self.push(&id, message),
                None if line.fields.message.is_some() => {
                    tracing::warn!(%id, "a message is of no known form; it is left out");
                }
                None => {}
            },
        }
    }

    fn push(&mut self, id: &EntryId, message: Message) {
        match &message {
            Message::ToolResult(result) => {
                let open = self.open_calls.iter().position(|(id, _)| *id == result.tool_call_id);
                let Some(open) = open else { return }; // An answer without its question.
                self.open_calls.remove(open);
            }
            Message::BashExecution(bash) if bash.exclude_from_context => return,
            Message::User(_) | Message::BashExecution(_) => self.close_calls(),
            Message::Assistant(said) => {
                self.close_calls();
                let counted = said.usage.context_tokens();
                if counted > 0
                    && !matches!(said.stop_reason, StopReason::Error | StopReason::Aborted)
                {
                    self.tokens = Some(counted);
                }
                self.open_calls = said.content.0.iter().filter_map(call_of).collect();
            }
        }
        self.messages.push(Arc::new(message));
        self.entry_ids.push(id.clone());
    }

    fn push_text(&mut self, id: &EntryId, text: &str, timestamp: UnixMillis) {
        self.push(id, Message::User(User { content: Content::text(text), timestamp }));
    }

    fn summarise(&mut self, id: &EntryId, summary: &str, timestamp: UnixMillis) {
        self.push_text(id, &format!("{SUMMARY_INTRO}\n\n{summary}"), timestamp);
        self.summary = Some(summary.to_owned());
    }
}

/// Finds the last compaction, or the last reset as version 4 and its import have it.
fn last_boundary(path: &[&Line<'_>]) -> Option<Boundary> {
    let (at, extra) = path.iter().enumerate().rev().find_map(|(at, line)| {
        let is_boundary = |extra: &Extra| match line.fields.kind() {
            "compaction" | "reset" => true,
            "custom" => extra.custom_type.as_deref() == Some("reset"),
            _ => false,
        };
        matches!(line.fields.kind(), "compaction" | "reset" | "custom")
            .then(|| extra(line))
            .filter(is_boundary)
            .map(|extra| (at, extra))
    })?;
    let first_kept = extra.first_kept_entry_id.as_deref();
    let kept_from = path
        .iter()
        .take(at)
        .position(|line| first_kept.is_some() && line.fields.id() == first_kept)
        .unwrap_or(at);
    Some(Boundary { at, kept_from, summary: extra.summary, timestamp: iso(&extra.timestamp) })
}

fn extra(line: &Line<'_>) -> Extra {
    serde_json::from_slice(line.raw).unwrap_or_default()
}

fn entry_id(line: &Line<'_>) -> EntryId {
    EntryId::new(line.fields.id().unwrap_or_default())
}

fn call_of(part: &Part) -> Option<(CallId, String)> {
    match part {
        Part::ToolCall { id, name, .. } => Some((id.clone(), name.clone())),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    }
}

/// Reads a message; what an other version put into it does not make it unreadable.
fn read_message(raw: &str) -> Option<Message> {
    let known = by_role(raw).unwrap_or_else(|| serde_json::from_str(raw));
    if let Ok(message) = known {
        return Some(message);
    }
    let mut value: Value = serde_json::from_str(raw).ok()?;
    let fields = value.as_object_mut()?;
    let content = lenient_content(fields.remove("content").unwrap_or_default());
    if let Some(content) = content {
        fields.insert("content".to_owned(), serde_json::to_value(content).ok()?);
    }
    fields.remove("stopReason");
    fields.remove("usage");
    if matches!(fields.get("role")?.as_str()?, "custom" | "hookMessage") {
        fields.insert("role".to_owned(), Value::from("user"));
    }
    serde_json::from_value(value).ok()
}

/// Reads a message whose role comes first, as all programs write it: twice as fast, since
/// nothing has to be held back until the role is known. `None`: the role is not there.
fn by_role(raw: &str) -> Option<serde_json::Result<Message>> {
    let rest = raw.strip_prefix(r#"{"role":""#)?;
    let (role, _) = rest.split_once('"')?;
    Some(match role {
        "user" => serde_json::from_str(raw).map(Message::User),
        "assistant" => serde_json::from_str(raw).map(Message::Assistant),
        "toolResult" => serde_json::from_str(raw).map(Message::ToolResult),
        _ => return None,
    })
}

/// A text, or those parts that we know.
fn lenient_content(content: Value) -> Option<Content> {
    match content {
        Value::String(text) => Some(Content::text(text)),
        Value::Array(parts) => Some(Content(
            parts.into_iter().filter_map(|part| serde_json::from_value(part).ok()).collect(),
        )),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn iso(timestamp: &Value) -> UnixMillis {
    let parsed = timestamp.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    UnixMillis(parsed.map_or(0, jiff::Timestamp::as_millisecond))
}
