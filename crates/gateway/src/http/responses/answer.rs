//! A response and its items, as `OpenAI`'s clients know them (`spec: http` §5.3).

use domain::{Call, Usage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::run::arguments;

/// What each answer says of itself.
pub(super) struct Heading {
    /// The response's id, which is also the turn's.
    pub(super) id: String,
    /// The id of its message.
    pub(super) message: String,
    /// When it was asked for, in seconds since 1970.
    pub(super) created: i64,
    /// The model, as the client called it.
    pub(super) model: String,
}

/// How far a response or an item is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// More will come.
    InProgress,
    /// All is there.
    Completed,
    /// The limit of its length ended it.
    Incomplete,
    /// There is no answer.
    Failed,
}

impl Status {
    /// That of an answer, which the limit of its length may have ended.
    pub(super) fn of(is_cut_short: bool) -> Self {
        if is_cut_short { Self::Incomplete } else { Self::Completed }
    }
}

/// A response.
#[derive(Debug, Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: i64,
    status: Status,
    model: &'a str,
    output: Vec<Value>,
    usage: Tokens,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete_details: Option<Value>,
}

#[derive(Debug, Serialize)]
struct Tokens {
    #[serde(rename = "input_tokens")]
    input: u64,
    #[serde(rename = "output_tokens")]
    output: u64,
    #[serde(rename = "total_tokens")]
    total: u64,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let input = usage.input + usage.cache_read + usage.cache_write;
        Self { input, output: usage.output, total: input + usage.output }
    }
}

impl Heading {
    /// A response with a text, if there is one, and calls.
    pub(super) fn response(
        &self,
        status: Status,
        text: &str,
        calls: &[Call],
        usage: Usage,
    ) -> Response<'_> {
        let message = (!text.is_empty()).then(|| self.message_item(Status::Completed, text));
        let calls = calls.iter().map(|call| call_item(call, Status::Completed));
        self.with(status, message.into_iter().chain(calls).collect(), usage)
    }

    /// A response to which nothing is there yet.
    pub(super) fn begun(&self) -> Response<'_> {
        self.with(Status::InProgress, Vec::new(), Usage::default())
    }

    /// A response that will not come.
    pub(super) fn failed(&self, text: &str, usage: Usage) -> Response<'_> {
        let error = Some(json!({ "code": "api_error", "message": text }));
        Response { error, ..self.with(Status::Failed, Vec::new(), usage) }
    }

    fn with(&self, status: Status, output: Vec<Value>, usage: Usage) -> Response<'_> {
        Response {
            id: &self.id,
            object: "response",
            created_at: self.created,
            status,
            model: &self.model,
            output,
            usage: usage.into(),
            error: None,
            incomplete_details: matches!(status, Status::Incomplete)
                .then(|| json!({ "reason": "max_output_tokens" })),
        }
    }

    /// The message with what it says so far.
    pub(super) fn message_item(&self, status: Status, text: &str) -> Value {
        let content = match status {
            Status::InProgress => json!([]),
            Status::Completed | Status::Incomplete | Status::Failed => json!([text_part(text)]),
        };
        json!({
            "type": "message", "id": self.message, "role": "assistant",
            "content": content, "status": status,
        })
    }
}

/// A piece of a message.
pub(super) fn text_part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [] })
}

/// A call of one of the client's tools.
pub(super) fn call_item(call: &Call, status: Status) -> Value {
    let arguments = match status {
        Status::InProgress => String::new(),
        Status::Completed | Status::Incomplete | Status::Failed => arguments(call),
    };
    json!({
        "type": "function_call", "id": format!("fc_{}", call.id), "call_id": call.id,
        "name": call.name, "arguments": arguments, "status": status,
    })
}
