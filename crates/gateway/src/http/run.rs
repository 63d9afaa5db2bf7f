//! A turn that was begun for a client of the API, and what became of it in words.

use std::{sync::Arc, time::Duration};

use agent::{Event, Lookup, Outcome, Submission, SubmitError, Submitted};
use axum::http::{HeaderValue, StatusCode, header};
use domain::{SessionKey, TurnId};
use tokio::sync::mpsc;
use tracing::warn;

use super::reply::{self, Kind, Reply};
use crate::{rpc::error::chain, state::Gateway};

/// What is said when a turn has no words.
const SILENCE: &str = "No response from OpenClaw.";
/// What is said of failures whose text is not for strangers.
pub(super) const FAILED: &str = "internal error";
/// How long a turn may take; longer than any.
const PATIENCE: Duration = Duration::from_hours(24);

/// A turn that was begun for a client. Stopped when the client goes before its end.
pub(super) struct Run {
    gateway: Arc<Gateway>,
    session: SessionKey,
    turn: TurnId,
    /// Whether there is nothing left to stop.
    pub(super) is_over: bool,
}

/// What a submission led to.
pub(super) enum Begun {
    /// A turn; its events, where they were wanted.
    Turn(Run, Option<mpsc::Receiver<Event>>),
    /// No turn, but this to say.
    Said(String),
}

impl Run {
    /// Submits a message. Events are there from the first when `is_watched`.
    ///
    /// # Errors
    ///
    /// Why there is no turn.
    pub(super) async fn begin(
        gateway: &Arc<Gateway>,
        submission: Submission,
        is_watched: bool,
    ) -> Result<Begun, SubmitError> {
        let events = is_watched.then(|| gateway.events.tap(&submission.turn));
        let mut run = Self {
            gateway: Arc::clone(gateway),
            session: submission.session.clone(),
            turn: submission.turn.clone(),
            is_over: false,
        };
        let submitted = gateway.sessions.submit(submission).await;
        run.is_over =
            !matches!(submitted, Ok(Submitted::Started | Submitted::InFlight | Submitted::Done(_)));
        match submitted? {
            Submitted::Stopped(turns) => Ok(Begun::Said(format!("Stopped: {}.", turns.len()))),
            Submitted::Started | Submitted::InFlight | Submitted::Done(_) => {
                Ok(Begun::Turn(run, events))
            }
        }
    }

    /// Waits for the end of the turn.
    pub(super) async fn outcome(&mut self) -> Option<Arc<Outcome>> {
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

/// The text of a turn, or something in its place. A turn that only calls needs no words.
pub(super) fn words(outcome: &Outcome) -> String {
    let text = outcome.text();
    if text.is_empty() && outcome.handed_over.is_empty() { SILENCE.to_owned() } else { text }
}

/// The arguments of a call as the API carries them: JSON in a string.
pub(super) fn arguments(call: &domain::Call) -> String {
    call.arguments.to_string()
}

/// What of `all` is still to be said when `sent` was. The end of a reply loses its blanks in
/// `all`, so they are looked past; what was sent otherwise is not taken back.
pub(super) fn rest(sent: &str, all: &str) -> String {
    if sent.trim().is_empty() {
        return all.to_owned();
    }
    let mut left = all.chars().filter(|c| !c.is_whitespace());
    let is_start = sent.chars().filter(|c| !c.is_whitespace()).all(|c| left.next() == Some(c));
    if !is_start {
        return String::new();
    }
    let said = sent.chars().filter(|c| !c.is_whitespace()).count();
    let after = all
        .char_indices()
        .filter(|(_, c)| !c.is_whitespace())
        .nth(said - 1)
        .map_or(all.len(), |(at, c)| at + c.len_utf8());
    let rest = all.get(after..).unwrap_or_default();
    if rest.trim().is_empty() { String::new() } else { rest.to_owned() }
}

/// What a client is told whose message was not taken.
pub(super) fn refused(error: &SubmitError) -> Reply {
    match error {
        SubmitError::Empty
        | SubmitError::UnknownAgent(_)
        | SubmitError::Blocked
        | SubmitError::ToolNameTaken(_) => invalid(StatusCode::BAD_REQUEST, &error.to_string()),
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

/// What a client is told whose turn failed. What a model server refused keeps its status, and the
/// wait that it asks for, so that a client's own handling of limits works; what went wrong between
/// the server and us is a gateway's error.
pub(super) fn failed(outcome: &Outcome, text: &str) -> Reply {
    let Some(refusal) = outcome.refusal else {
        return reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, text);
    };
    let (status, kind) = match refusal.status {
        status @ (401 | 403) => (status, Kind::AuthenticationError),
        429 => (429, Kind::RateLimitError),
        status @ (503 | 529) => (status, Kind::OverloadedError),
        504 => (504, Kind::ApiError),
        status @ 400..=499 => (status, Kind::InvalidRequestError),
        _ => (502, Kind::ApiError),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut reply = reply::error(status, kind, text);
    if let Some(wait) = refusal.retry_after {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

/// The request makes no sense.
pub(super) fn invalid(status: StatusCode, text: &str) -> Reply {
    reply::error(status, Kind::InvalidRequestError, text)
}

#[cfg(test)]
mod tests {
    use super::rest;

    #[test]
    fn only_what_was_not_sent_is_still_said() {
        assert_eq!(rest("", "all"), "all");
        assert_eq!(rest("one \n\ntwo", "one\n\ntwo"), "");
        assert_eq!(rest("one", "one\n\ntwo"), "\n\ntwo");
        assert_eq!(rest("other", "one"), "");
    }
}
