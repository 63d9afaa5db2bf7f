//! The loop: ask the model, run what it calls, until it is done.
//!
//! ```text
//!   steers ─► compact? ─► ask ─► store reply ─► calls? ─no─► done
//!     ▲                    │                      │ yes
//!     │                    └ failed / halted      ▼
//!     └────────────── store results ◄──────── dispatch
//! ```
//!
//! The turn owns the transcript while it runs and hands it back with what it did not get to.
//! Invariant: whatever is in a request to the model is on disk before it is sent.

use std::sync::Arc;

use config::ModelRef;
use domain::{Assistant, Call, Content, Message, Part, StopReason, Usage, User, transcript::Body};
use futures_util::StreamExt as _;
use models::{Delta, ErrorKind, ModelError};
use store::{StoreError, Transcript};
use tokio::sync::{mpsc, oneshot};

use crate::{
    EventBody, Refusal, Stop, Submission, brief::Brief, compact, dispatch, emitter::Emitter,
    halt::Halt, io::Io, machines::Machines, overflow::Recovery, speech::Speech,
};

/// Model requests in one turn, a guard against endless loops.
const STEPS_MAX: usize = 400;

/// Most of a broken reply that is kept.
const PARTIAL_BYTES_MAX: usize = 64 * 1024;

/// A turn about to run. Its message is in the transcript already.
pub(crate) struct Turn {
    pub(crate) brief: Arc<Brief>,
    pub(crate) candidates: Vec<ModelRef>,
    pub(crate) transcript: Transcript,
    pub(crate) emitter: Arc<Emitter>,
    pub(crate) halt: Halt,
    pub(crate) machines: Arc<Machines>,
    /// Messages that join at the next boundary. Bounded by the queue's cap; when it is full
    /// the session keeps the message for a turn of its own.
    pub(crate) inbox: mpsc::Receiver<Interjection>,
}

impl Turn {
    /// What its calls stand on.
    pub(crate) fn ground(&self) -> dispatch::Ground<'_> {
        let Self { brief, emitter, halt, machines, .. } = self;
        dispatch::Ground { brief, emitter, halt, machines }
    }
}

/// Something that joins a running turn.
pub(crate) enum Interjection {
    /// A person's message, for the model to see.
    Steer(Submission),
    /// A message put in the assistant's mouth.
    Inject { message: Message, stored: oneshot::Sender<Result<domain::EntryId, StoreError>> },
}

/// A turn that ended.
pub(crate) struct Finished {
    pub(crate) transcript: Transcript,
    pub(crate) stop: Stop,
    pub(crate) texts: Vec<String>,
    pub(crate) last: Option<Assistant>,
    pub(crate) usage: Usage,
    /// Calls that whoever asked is to run.
    pub(crate) handed_over: Vec<Call>,
    /// How the model server refused the request that ended it.
    pub(crate) refusal: Option<Refusal>,
    /// Turns whose messages joined this one.
    pub(crate) steered: Vec<domain::TurnId>,
    /// Messages that came too late.
    pub(crate) unread: Vec<Submission>,
    pub(crate) compactions: u64,
    /// Whether a call used the session's sandbox.
    pub(crate) has_entered: bool,
}

/// What came of one model request.
enum Reply {
    Whole(Box<Assistant>),
    Halted { reason: &'static str, partial: String },
    Failed { error: ModelError, partial: String },
}

#[derive(Default)]
struct Progress {
    texts: Vec<String>,
    last: Option<Assistant>,
    usage: Usage,
    handed_over: Vec<Call>,
    refusal: Option<Refusal>,
    steered: Vec<domain::TurnId>,
    unread: Vec<Submission>,
    compactions: u64,
}

/// Runs a turn to its end. Never fails: what goes wrong is its [`Stop`].
pub(crate) async fn run(mut turn: Turn, io: &Io) -> Finished {
    let mut progress = Progress::default();
    let stop = match steps(&mut turn, io, &mut progress).await {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot store the turn");
            Stop::Failed { kind: "unknown", error: with_causes(&error) }
        }
    };
    let mut unread = progress.unread;
    unread.extend(close(&mut turn.inbox).await);
    Finished {
        transcript: turn.transcript,
        stop,
        texts: progress.texts,
        last: progress.last,
        usage: progress.usage,
        handed_over: progress.handed_over,
        refusal: progress.refusal,
        steered: progress.steered,
        unread,
        compactions: progress.compactions,
        has_entered: turn.machines.has_entered(),
    }
}

async fn steps(turn: &mut Turn, io: &Io, done: &mut Progress) -> Result<Stop, StoreError> {
    let mut recovery = Recovery::default();
    for _ in 0..STEPS_MAX {
        take_interjections(turn, io, done).await?;
        if compact::is_due(turn, io) {
            done.compactions += compact::run(turn, io, "").await?;
        }
        match ask(turn, io, recovery.result_bytes_max).await {
            Reply::Whole(reply) => {
                let calls = calls(&reply);
                store_reply(turn, *reply, done).await?;
                if calls.is_empty() {
                    // What a person said meanwhile wants an answer; a note put in does not.
                    if !take_interjections(turn, io, done).await? {
                        return Ok(Stop::Done);
                    }
                    continue;
                }
                let is_of_client = |it: &&Call| turn.brief.is_of_client(&it.name);
                done.handed_over = calls.iter().filter(is_of_client).cloned().collect();
                if let Some(reason) = dispatch::all(calls, turn, io, done.last.as_ref()).await? {
                    return Ok(Stop::Aborted { reason });
                }
                if !done.handed_over.is_empty() {
                    return Ok(Stop::Done);
                }
            }
            Reply::Halted { reason, partial } => {
                store_broken(turn, io, &partial, StopReason::Aborted, None).await?;
                done.texts.extend(Speech::spoken(&partial));
                return Ok(Stop::Aborted { reason });
            }
            Reply::Failed { error, .. } if overflows(&error) => {
                let made = compact::run(turn, io, "").await?;
                done.compactions += made;
                if !recovery.next(made > 0, compact::window(turn, io)) {
                    done.refusal = Some(Refusal::of(&error));
                    return fail(turn, io, &error, "").await;
                }
            }
            Reply::Failed { error, partial } => {
                done.refusal = Some(Refusal::of(&error));
                return fail(turn, io, &error, &partial).await;
            }
        }
    }
    let error = format!("stopped after {STEPS_MAX} model requests without an end");
    Ok(Stop::Failed { kind: "unknown", error })
}

/// Ends a turn whose request failed.
async fn fail(
    turn: &mut Turn,
    io: &Io,
    error: &ModelError,
    partial: &str,
) -> Result<Stop, StoreError> {
    let text = error.to_string();
    // Of a reply without end its beginning is enough.
    let partial = &partial[..partial.floor_char_boundary(PARTIAL_BYTES_MAX)];
    store_broken(turn, io, partial, StopReason::Error, Some(text.clone())).await?;
    Ok(Stop::Failed { kind: kind(error), error: text })
}

/// Asks the model and tells what it says while it says it.
async fn ask(turn: &Turn, io: &Io, result_bytes_max: Option<usize>) -> Reply {
    let brief = Arc::clone(&turn.brief);
    let messages = turn.transcript.context().messages.clone();
    let mut stream = io.models.stream_with_fallback(
        &turn.brief.config,
        turn.brief.agent(),
        turn.candidates.clone(),
        move |model| brief.request(model, messages.clone(), result_bytes_max),
    );
    let mut speech = Speech::default();
    loop {
        let next = tokio::select! {
            biased;
            reason = turn.halt.reached() => {
                return Reply::Halted { reason, partial: speech.into_text() };
            }
            next = stream.next() => next,
        };
        match next {
            Some(Ok(Delta::Done(reply))) => {
                turn.emitter.flush_text(speech.audible()).await;
                // Read to its end, the answer leaves its connection for the next request.
                let _end = stream.next().await;
                return Reply::Whole(reply);
            }
            Some(Ok(delta)) => tell(delta, &mut speech, &turn.emitter).await,
            Some(Err(error)) => return Reply::Failed { error, partial: speech.into_text() },
            None => return Reply::Failed { error: ended_early(turn), partial: speech.into_text() },
        }
    }
}

async fn tell(delta: Delta, speech: &mut Speech, emitter: &Emitter) {
    match delta {
        Delta::Text(text) => {
            if let Some(new) = speech.hear(&text) {
                emitter.text(speech.audible(), &new);
            }
        }
        Delta::Thinking(delta) => {
            // Thinking is for the eye only: with no room it is dropped.
            let _sent = emitter.offer(EventBody::Thinking { delta });
        }
        Delta::TextWasThinking => {
            speech.forget();
            emitter.forget_text();
        }
        Delta::Model { provider, model } => {
            emitter.send(EventBody::Model { provider, model }).await;
        }
        // The call is told of when it starts to run; `Done` ends the stream before this.
        Delta::CallStarted { .. } | Delta::Done(_) => {}
    }
}

/// Stores what joined meanwhile; says whether a person's message was among it.
async fn take_interjections(
    turn: &mut Turn,
    io: &Io,
    done: &mut Progress,
) -> Result<bool, StoreError> {
    let before = done.steered.len();
    while let Ok(interjection) = turn.inbox.try_recv() {
        match interjection {
            Interjection::Steer(submission) => {
                let content = submission.content.clone();
                let user = User { content, timestamp: io.clock.now() };
                let lines = vec![Body::Message { message: Message::User(user) }];
                let taken = io.waiting([submission.turn.as_str()]);
                if let Err(error) = turn.transcript.append_taken(lines, &taken).await {
                    done.unread.push(submission);
                    return Err(error);
                }
                io.release(taken.iter().map(String::as_str));
                done.steered.push(submission.turn);
            }
            Interjection::Inject { message, stored } => {
                let result = append(&mut turn.transcript, message).await;
                // The asker may have gone; the line is stored all the same.
                let _sent = stored.send(result);
            }
        }
    }
    Ok(done.steered.len() > before)
}

/// Appends one message.
pub(crate) async fn append(
    transcript: &mut Transcript,
    message: Message,
) -> Result<domain::EntryId, StoreError> {
    let ids = transcript.append(vec![Body::Message { message }]).await?;
    Ok(ids.into_iter().next().unwrap_or_else(|| domain::EntryId::new("")))
}

async fn store_reply(
    turn: &mut Turn,
    reply: Assistant,
    done: &mut Progress,
) -> Result<(), StoreError> {
    append(&mut turn.transcript, Message::Assistant(reply.clone())).await?;
    turn.emitter.send(EventBody::Usage(reply.usage)).await;
    done.usage += reply.usage;
    done.texts.extend(Speech::spoken(&text_of(&reply.content)));
    done.last = Some(reply);
    Ok(())
}

/// Keeps what a broken reply brought, so that neither person nor model wonders.
async fn store_broken(
    turn: &mut Turn,
    io: &Io,
    partial: &str,
    stop_reason: StopReason,
    error_message: Option<String>,
) -> Result<(), StoreError> {
    if partial.is_empty() && error_message.is_none() {
        return Ok(());
    }
    let model = turn.candidates.first();
    let content = if partial.is_empty() { Content::default() } else { Content::text(partial) };
    let reply = Assistant {
        content,
        api: String::new(),
        provider: model.map(|it| it.provider.clone()).unwrap_or_default(),
        model: model.map(|it| it.model.clone()).unwrap_or_default(),
        usage: Usage::default(),
        stop_reason,
        error_message,
        timestamp: io.clock.now(),
    };
    append(&mut turn.transcript, Message::Assistant(reply)).await?;
    Ok(())
}

fn calls(reply: &Assistant) -> Vec<Call> {
    let call = |part: &Part| match part {
        Part::ToolCall { id, name, arguments, .. } => {
            Some(Call { id: id.clone(), name: name.clone(), arguments: arguments.clone() })
        }
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    };
    reply.content.0.iter().filter_map(call).collect()
}

/// All text of a reply in one piece, as it was streamed.
fn text_of(content: &Content) -> String {
    let text = |part: &Part| match part {
        Part::Text { text, .. } => Some(text.clone()),
        Part::Thinking { .. } | Part::Image { .. } | Part::ToolCall { .. } => None,
    };
    content.0.iter().filter_map(text).collect()
}

/// Hands back what nobody read. Closing first makes sure that nothing arrives in between.
async fn close(inbox: &mut mpsc::Receiver<Interjection>) -> Vec<Submission> {
    inbox.close();
    let mut unread = Vec::new();
    while let Some(interjection) = inbox.recv().await {
        match interjection {
            Interjection::Steer(submission) => unread.push(submission),
            // Dropping `stored` tells the session to do it itself.
            Interjection::Inject { .. } => {}
        }
    }
    unread
}

fn overflows(error: &ModelError) -> bool {
    error.kind == ErrorKind::ContextOverflow
}

fn ended_early(turn: &Turn) -> ModelError {
    let model = turn.candidates.first();
    ModelError {
        kind: ErrorKind::Garbage,
        provider: model.map(|it| it.provider.clone()).unwrap_or_default(),
        model: model.map(|it| it.model.clone()).unwrap_or_default(),
        text: "the reply ended before it was complete".to_owned(),
        status: None,
        retry_after: None,
    }
}

/// The wire's word for a failure (`spec: gateway-protocol` §11.2).
fn kind(error: &ModelError) -> &'static str {
    match error.kind {
        ErrorKind::RateLimit => "rate_limit",
        ErrorKind::Timeout => "timeout",
        ErrorKind::ContextOverflow => "context_length",
        ErrorKind::Auth
        | ErrorKind::Billing
        | ErrorKind::Server
        | ErrorKind::Format
        | ErrorKind::Garbage
        | ErrorKind::TooLarge => "unknown",
    }
}

/// An error and its causes on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
