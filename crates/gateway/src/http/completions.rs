//! `POST /v1/chat/completions`: a turn of an agent in the shape of `OpenAI`'s API.

use std::sync::Arc;

use agent::{Outcome, Stop, Submission};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode},
};
use config::QueueMode;
use domain::{Call, TurnId, Usage};
use serde::Serialize;
use tracing::warn;

use super::{
    client_tools,
    reply::{self, Kind, Reply},
    run::{Begun, FAILED, Run, arguments, failed, invalid, refused, words},
    target,
};
use crate::state::Gateway;

mod prompt;
mod request;
mod stream;

use request::ChatRequest;

/// Largest request body.
const BODY_BYTES_MAX: usize = 20 << 20;

/// What each answer says of itself.
struct Heading {
    id: String,
    created: i64,
    model: String,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Tokens,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Said<'a>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

/// A call of one of the client's tools.
#[derive(Serialize)]
struct ToolCall<'a> {
    /// Only where calls come in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: String,
}

/// What a turn cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Tokens {
    #[serde(rename = "prompt_tokens")]
    prompt: u64,
    #[serde(rename = "completion_tokens")]
    completion: u64,
    #[serde(rename = "total_tokens")]
    total: u64,
}

/// Answers a request whose sender was let in.
pub(crate) async fn answer(gateway: Arc<Gateway>, headers: HeaderMap, body: Body) -> Reply {
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return invalid(StatusCode::PAYLOAD_TOO_LARGE, "payload too large");
    };
    let request: ChatRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return invalid(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    drop(body);
    let asked = (request.model.as_deref(), request.user.as_deref());
    let target = match target::of(&gateway, &headers, asked) {
        Ok(target) => target,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, text),
    };
    let tools = match client_tools::of(&request.tools, &request.tool_choice) {
        Ok(tools) => tools,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    let prompt = match prompt::of(&request.messages) {
        Ok(prompt) => prompt,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    let wants_usage = request.wants_usage();
    let heading = Heading {
        id: format!("chatcmpl_{}", uuid::Uuid::new_v4()),
        created: gateway.clock.now().0 / 1000,
        model: request.model.unwrap_or_else(|| "openclaw".to_owned()),
    };
    let turn = TurnId::new(heading.id.as_str());
    let submission = Submission {
        channel: target.channel,
        extra_system: prompt.system,
        // Each request has an answer of its own, so it never joins another's turn.
        queue: Some(QueueMode::Followup),
        client_tools: tools,
        output_tokens_max: request.max_completion_tokens.or(request.max_tokens),
        ..Submission::of(turn, target.session, prompt.content)
    };
    let is_streamed = request.stream.unwrap_or(false);
    match Run::begin(&gateway, submission, is_streamed).await {
        Ok(Begun::Turn(run, Some(events))) => {
            stream::reply(heading, run, events, wants_usage).await
        }
        Ok(Begun::Turn(mut run, None)) => match run.outcome().await {
            Some(outcome) => finished(&heading, &outcome),
            None => reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, FAILED),
        },
        Ok(Begun::Said(text)) if is_streamed => stream::whole(&heading, &text, wants_usage),
        Ok(Begun::Said(text)) => {
            completion(&heading, (&text, "stop"), &[], Tokens::from(Usage::default()))
        }
        Err(error) => refused(&error),
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let prompt = usage.input + usage.cache_read + usage.cache_write;
        let completion = usage.output;
        Self { prompt, completion, total: prompt + completion }
    }
}

fn finished(heading: &Heading, outcome: &Outcome) -> Reply {
    match &outcome.stop {
        Stop::Done | Stop::Aborted { .. } => {
            let usage = Tokens::from(outcome.usage);
            let calls = &outcome.handed_over;
            let end = finish_reason(calls, outcome.is_cut_short);
            completion(heading, (&words(outcome), end), calls, usage)
        }
        Stop::Failed { kind, error } => {
            warn!(kind, error, "turn failed");
            failed(outcome, error)
        }
    }
}

fn completion(
    heading: &Heading,
    (text, finish_reason): (&str, &'static str),
    calls: &[Call],
    usage: Tokens,
) -> Reply {
    let message = Said {
        role: "assistant",
        content: (!text.is_empty()).then_some(text),
        tool_calls: calls.iter().map(tool_call).collect(),
    };
    let completion = Completion {
        id: &heading.id,
        object: "chat.completion",
        created: heading.created,
        model: &heading.model,
        choices: [Choice { index: 0, message, finish_reason }],
        usage,
    };
    reply::json(StatusCode::OK, &completion)
}

fn tool_call(call: &Call) -> ToolCall<'_> {
    let function = Function { name: &call.name, arguments: arguments(call) };
    ToolCall { index: None, id: call.id.as_str(), kind: "function", function }
}

fn finish_reason(calls: &[Call], is_cut_short: bool) -> &'static str {
    match (calls, is_cut_short) {
        ([], true) => "length",
        ([], false) => "stop",
        ([_, ..], _) => "tool_calls",
    }
}
