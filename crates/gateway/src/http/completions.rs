//! `POST /v1/chat/completions`: a turn of an agent in the shape of `OpenAI`'s API.

use std::sync::Arc;

use agent::{Lookup, Outcome, Stop, Submission, SubmitError, Submitted};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode},
};
use config::QueueMode;
use domain::{SessionKey, TurnId, Usage};
use serde::Serialize;
use tracing::warn;

use super::reply::{self, Kind, Reply};
use crate::{rpc::error::chain, state::Gateway};

mod prompt;
mod request;
mod stream;
mod target;

use request::ChatRequest;

/// Largest request body.
const BODY_BYTES_MAX: usize = 20 << 20;
/// What is said when a turn has no words.
const SILENCE: &str = "No response from OpenClaw.";
/// What is said of failures whose text is not for strangers.
const FAILED: &str = "internal error";
/// How long a turn may take; longer than any.
const PATIENCE: std::time::Duration = std::time::Duration::from_hours(24);

/// A turn that was begun for a client. Stopped when the client goes before its end.
struct Run {
    gateway: Arc<Gateway>,
    session: SessionKey,
    turn: TurnId,
    is_over: bool,
}

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
    content: &'a str,
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
    let target = match target::of(&gateway, &headers, &request) {
        Ok(target) => target,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, text),
    };
    let Some(prompt) = prompt::of(&request.messages) else {
        return invalid(StatusCode::BAD_REQUEST, "Missing user message in `messages`.");
    };
    let heading = Heading {
        id: format!("chatcmpl_{}", uuid::Uuid::new_v4()),
        created: gateway.clock.now().0 / 1000,
        model: request.model.unwrap_or_else(|| "openclaw".to_owned()),
    };
    let submission = Submission {
        turn: TurnId::new(heading.id.as_str()),
        session: target.session,
        content: prompt.content,
        channel: target.channel,
        thinking: None,
        extra_system: prompt.system,
        timeout: None,
        // Each request has an answer of its own, so it never joins another's turn.
        queue: Some(QueueMode::Followup),
    };
    let is_streamed = request.stream.unwrap_or(false);
    let wants_usage = request.stream_options.is_some_and(|it| it.include_usage);
    let events = is_streamed.then(|| gateway.events.tap(&submission.turn));
    let mut run = Run {
        gateway: Arc::clone(&gateway),
        session: submission.session.clone(),
        turn: submission.turn.clone(),
        is_over: false,
    };
    match gateway.sessions.submit(submission).await {
        Ok(Submitted::Started | Submitted::InFlight | Submitted::Done(_)) => {}
        Ok(Submitted::Stopped(turns)) => {
            run.is_over = true;
            let text = format!("Stopped: {}.", turns.len());
            return match events {
                Some(_) => stream::whole(&heading, &text, wants_usage),
                None => completion(&heading, &text, Tokens::from(Usage::default())),
            };
        }
        Err(error) => {
            run.is_over = true;
            return refused(&error);
        }
    }
    match events {
        Some(events) => stream::reply(heading, run, events, wants_usage),
        None => match run.outcome().await {
            Some(outcome) => finished(&heading, &outcome),
            None => reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, FAILED),
        },
    }
}

impl Run {
    /// Waits for the end of the turn.
    async fn outcome(&mut self) -> Option<Arc<Outcome>> {
        match self.gateway.sessions.wait(&self.turn, PATIENCE).await {
            Lookup::Done(outcome) => {
                self.is_over = true;
                Some(outcome)
            }
            Lookup::Pending => None,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (gateway, session, turn) =
            (Arc::clone(&self.gateway), self.session.clone(), self.turn.clone());
        self.gateway.lifecycle.tasks.spawn(async move {
            tracing::debug!(%turn, "client went, turn is stopped");
            gateway.sessions.abort(&session, Some(&turn)).await;
        });
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let prompt = usage.input + usage.cache_read + usage.cache_write;
        let completion = usage.output;
        Self { prompt, completion, total: prompt + completion }
    }
}

/// The text of a turn, or something in its place.
fn words(outcome: &Outcome) -> String {
    let text = outcome.text();
    if text.is_empty() { SILENCE.to_owned() } else { text }
}

fn finished(heading: &Heading, outcome: &Outcome) -> Reply {
    match &outcome.stop {
        Stop::Done | Stop::Aborted { .. } => {
            completion(heading, &words(outcome), Tokens::from(outcome.usage))
        }
        Stop::Failed { kind, error } => {
            warn!(kind, error, "turn failed");
            reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, error)
        }
    }
}

fn completion(heading: &Heading, text: &str, usage: Tokens) -> Reply {
    let message = Said { role: "assistant", content: text };
    let completion = Completion {
        id: &heading.id,
        object: "chat.completion",
        created: heading.created,
        model: &heading.model,
        choices: [Choice { index: 0, message, finish_reason: "stop" }],
        usage,
    };
    reply::json(StatusCode::OK, &completion)
}

fn refused(error: &SubmitError) -> Reply {
    match error {
        SubmitError::Empty | SubmitError::UnknownAgent(_) => {
            invalid(StatusCode::BAD_REQUEST, &error.to_string())
        }
        SubmitError::Closing | SubmitError::QueueFull | SubmitError::Busy => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            reply::error(status, Kind::ApiError, &error.to_string())
        }
        // What the owner must change in the config, said in full.
        SubmitError::NoSandbox(_) => {
            reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, &error.to_string())
        }
        SubmitError::Store(_) | _ => {
            warn!(error = chain(error), "cannot take the message");
            reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, FAILED)
        }
    }
}

fn invalid(status: StatusCode, text: &str) -> Reply {
    reply::error(status, Kind::InvalidRequestError, text)
}
