//! `POST /v1/responses`: a turn of an agent in the shape of `OpenAI`'s newer API.

use std::sync::Arc;

use agent::{Outcome, Stop, Submission};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode},
};
use config::QueueMode;
use domain::{SessionKey, TurnId, Usage};
use tracing::warn;

use super::{
    client_tools,
    reply::{self, Kind, Reply},
    run::{Begun, FAILED, Run, failed, invalid, refused, words},
    target,
    transcript::Prompt,
};
use crate::{
    fetch::{Fetcher, Reach},
    state::Gateway,
};

mod answer;
mod prompt;
mod recent;
mod remote;
mod request;
mod stream;

use answer::{Heading, Status};
pub(crate) use recent::Recent;
use request::ResponsesRequest;

/// Answers a request whose sender was let in.
pub(crate) async fn answer(gateway: Arc<Gateway>, headers: HeaderMap, body: Body) -> Reply {
    let config = gateway.config();
    let intake = &config.gateway.intake;
    let Ok(body) = to_bytes(body, intake.body_bytes_max).await else {
        return invalid(StatusCode::PAYLOAD_TOO_LARGE, "payload too large");
    };
    let request = match ResponsesRequest::parse(&body) {
        Ok(request) => request,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    drop(body);
    let fetcher = Fetcher::new(Reach::Public);
    let remotes = match remote::fetch(&request, intake, &fetcher).await {
        Ok(remotes) => remotes,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    let prompt = match prompt::of(&request, intake, &remotes) {
        Ok(prompt) => prompt,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    let (submission, heading) = match prepared(&gateway, &headers, &request, prompt) {
        Ok(prepared) => prepared,
        Err(text) => return invalid(StatusCode::BAD_REQUEST, &text),
    };
    gateway.responses.remember(&heading.id, &submission.session);
    let is_streamed = request.stream.unwrap_or(false);
    match Run::begin(&gateway, submission, is_streamed).await {
        Ok(Begun::Turn(run, Some(events))) => stream::reply(heading, run, events).await,
        Ok(Begun::Turn(mut run, None)) => match run.outcome().await {
            Some(outcome) => {
                finished(&heading, &outcome, client_tools::is_required(&request.tool_choice))
            }
            None => reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, FAILED),
        },
        Ok(Begun::Said(text)) if is_streamed => stream::whole(&heading, &text),
        Ok(Begun::Said(text)) => {
            let response = heading.response(Status::Completed, &text, &[], Usage::default());
            reply::json(StatusCode::OK, &response)
        }
        Err(error) => refused(&error),
    }
}

fn prepared(
    gateway: &Gateway,
    headers: &HeaderMap,
    request: &ResponsesRequest,
    prompt: Prompt,
) -> Result<(Submission, Heading), String> {
    let asked = (Some(request.model.as_str()), request.user.as_deref());
    let target = target::of(gateway, headers, asked)?;
    let tools = client_tools::of(&request.tools, &request.tool_choice)?;
    let heading = Heading {
        id: format!("resp_{}", uuid::Uuid::new_v4()),
        message: format!("msg_{}", uuid::Uuid::new_v4()),
        created: gateway.clock.now().0 / 1000,
        model: request.model.clone(),
    };
    let session = continued(gateway, headers, request, &target.session);
    let turn = TurnId::new(heading.id.as_str());
    let submission = Submission {
        channel: target.channel,
        extra_system: prompt.system,
        // Each request has an answer of its own, so it never joins another's turn.
        queue: Some(QueueMode::Followup),
        client_tools: tools,
        output_tokens_max: request.max_output_tokens,
        ..Submission::of(turn, session.unwrap_or(target.session), prompt.content)
    };
    Ok((submission, heading))
}

/// The conversation of the response that this one goes on from, if it is of the same agent and
/// the request names no other conversation.
fn continued(
    gateway: &Gateway,
    headers: &HeaderMap,
    request: &ResponsesRequest,
    fresh: &SessionKey,
) -> Option<SessionKey> {
    let previous = request.previous_response_id.as_deref()?;
    if headers.contains_key("x-openclaw-session-key") || request.user.is_some() {
        return None;
    }
    let session = gateway.responses.session_of(previous)?;
    (session.agent() == fresh.agent()).then_some(session)
}

fn finished(heading: &Heading, outcome: &Outcome, is_call_required: bool) -> Reply {
    match &outcome.stop {
        Stop::Done if is_call_required && outcome.handed_over.is_empty() => {
            let text = "the model called none of the tools, and a call was required";
            reply::error(StatusCode::BAD_GATEWAY, Kind::ApiError, text)
        }
        Stop::Done | Stop::Aborted { .. } => {
            let (text, calls) = (words(outcome), &outcome.handed_over);
            let status = Status::of(outcome.is_cut_short && calls.is_empty());
            let response = heading.response(status, &text, calls, outcome.usage);
            reply::json(StatusCode::OK, &response)
        }
        Stop::Failed { kind, error } => {
            warn!(kind, error, "turn failed");
            if outcome.refusal.is_some() {
                return failed(outcome, error);
            }
            let response = heading.failed(error, outcome.usage);
            reply::json(StatusCode::INTERNAL_SERVER_ERROR, &response)
        }
    }
}
