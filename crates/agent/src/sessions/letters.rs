//! Letters: what one session writes to another, and what the two then say to each other.
//!
//! ```text
//!   sender ──letter──► other ──answer──► sender ──answer──► other ─ … ─► other: what is to be
//!                              └─ REPLY_SKIP, silence, or the set number of answers ─► told here?
//! ```
//!
//! The first answer is waited for as long as the letter says; all else happens in the
//! background. Nobody waits for who waits for them, and [`crate::origin`] bounds the whole.

use std::{sync::Arc, time::Duration};

use domain::{Content, SessionKey, TurnId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tools::ports::{Letter, SendStatus, Sent};
use tracing::{Instrument as _, info_span};

use super::{
    Link, Lookup, Sessions,
    peers::{Found, find, undelivered},
    spawn::TOO_FAR,
};
use crate::{
    Origin, Outcome, Stop, Submission,
    origin::{INTERNAL, Trail},
    waits::Waits,
};

/// Exchanges that go on in the background at once. One more ends with its first answer.
const TALKS_MAX: usize = 32;

/// Longest wait for one turn of an exchange in the background. Turns have limits of their own,
/// but may wait for their place.
const TURN_MAX: Duration = Duration::from_hours(1);

/// Most characters of a letter that are repeated where its outcome is told.
const QUOTE_CHARS_MAX: usize = 2000;

/// What letters need besides the hub.
pub(super) struct Desk {
    waits: Waits,
    talks: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { waits: Waits::default(), talks: Arc::new(Semaphore::new(TALKS_MAX)) }
    }
}

/// Delivers a letter.
pub(super) async fn send(sessions: &Sessions, sender: &SessionKey, letter: Letter) -> Sent {
    let target = match find(sessions, sender, &letter.to) {
        Found::Session(key) if key == *sender => {
            let note = "this is the session itself: just go on".to_owned();
            return undelivered(SendStatus::Error, note);
        }
        Found::Session(key) => key,
        Found::Nobody(note) => return undelivered(SendStatus::Error, note),
        Found::Forbidden(note) => return undelivered(SendStatus::Forbidden, note),
    };
    let Some(trail) = sessions.hub.table.trail(sender).further() else {
        return undelivered(SendStatus::Forbidden, TOO_FAR.to_owned());
    };
    let talk = Talk { sender: sender.clone(), target, trail, text: letter.text };
    let message = talk.message(&talk.target, &talk.sender, &talk.text, RECEIVED);
    let turn = message.turn.clone();
    let wait = (!letter.patience.is_zero())
        .then(|| sessions.hub.letters.waits.begin(sender, &talk.target));
    if let Err(error) = sessions.submit(message).await {
        let note = crate::turn::with_causes(&error);
        return Sent { session: Some(talk.target), ..undelivered(SendStatus::Error, note) };
    }
    let answer = match &wait {
        Some(Some(_waiting)) => Some(sessions.wait(&turn, letter.patience).await),
        Some(None) | None => None,
    };
    let note = matches!(wait, Some(None)).then(|| WAITS_FOR_US.to_owned());
    let sent = Sent {
        status: SendStatus::Accepted,
        session: Some(talk.target.clone()),
        reply: None,
        goes_on: false,
        turn: turn.clone(),
        note,
    };
    match answer {
        None => Sent { goes_on: talk.go_on(sessions, First::Of(turn)), ..sent },
        Some(Lookup::Pending) => {
            let note = Some("no answer yet; the other session goes on with it".to_owned());
            Sent { status: SendStatus::Timeout, note, ..sent }
        }
        Some(Lookup::Done(outcome)) => answered(sessions, talk, sent, &outcome),
    }
}

fn answered(sessions: &Sessions, talk: Talk, sent: Sent, outcome: &Outcome) -> Sent {
    let reply = outcome.texts.last().cloned();
    match &outcome.stop {
        Stop::Done => {
            let goes_on = talk.go_on(sessions, First::Is(reply.clone()));
            Sent { status: SendStatus::Ok, reply, goes_on, ..sent }
        }
        Stop::Aborted { reason: "timeout" } => {
            let note = Some("the other session ran out of time".to_owned());
            Sent { status: SendStatus::Timeout, reply, note, ..sent }
        }
        Stop::Aborted { .. } => {
            let note = Some("the other session was stopped".to_owned());
            Sent { status: SendStatus::Error, reply, note, ..sent }
        }
        Stop::Failed { error, .. } => {
            Sent { status: SendStatus::Error, reply, note: Some(error.clone()), ..sent }
        }
    }
}

const WAITS_FOR_US: &str = "the other session waits for an answer of this one, so this call did not wait; it reads \
the message when it is free";

const RECEIVED: &str = "The message is from another session of yours, not from the person. Do what it asks as far \
as your own rules let you, and answer it: your answer goes back to that session.";

const ANSWERED: &str = "The message is another session's answer to what you wrote it, not from the person. Answer it \
if something is left to say; your answer goes back to that session. If nothing is, answer exactly REPLY_SKIP.";

const TOLD: &str = "An exchange with another session has ended, and nobody but the people of this chat reads your \
answer now. Say what of it they should know, in your own voice. If there is nothing, answer exactly ANNOUNCE_SKIP.";

/// Two sessions that write to each other.
struct Talk {
    sender: SessionKey,
    target: SessionKey,
    trail: Trail,
    text: String,
}

/// The first answer.
enum First {
    /// Known already; `None` is silence.
    Is(Option<String>),
    /// What this turn says.
    Of(TurnId),
}

impl Talk {
    /// What `to` is told by `from`.
    fn message(&self, to: &SessionKey, from: &SessionKey, text: &str, context: &str) -> Submission {
        let whole = Content::text(format!("[Message from session {from}]\n{text}"));
        let mut message = Submission::of(TurnId::random(), to.clone(), whole);
        INTERNAL.clone_into(&mut message.channel);
        message.extra_system = Some(context.to_owned());
        message.origin = Origin::Letter(self.trail.clone());
        message.is_kept = true;
        message
    }

    /// Goes on in the background; says whether it does.
    fn go_on(self, sessions: &Sessions, first: First) -> bool {
        let hub = &sessions.hub;
        let Ok(place) = Arc::clone(&hub.letters.talks).try_acquire_owned() else { return false };
        let (link, stopping) = (hub.io.link.clone(), hub.stopping.clone());
        let span = info_span!("talk", from = %self.sender, to = %self.target);
        let talk = stopping.run_until_cancelled_owned(self.run(link, first, place));
        hub.tasks.spawn(talk.instrument(span));
        true
    }

    async fn run(self, link: Link, first: First, _place: OwnedSemaphorePermit) {
        let answer = match first {
            First::Is(answer) => answer,
            First::Of(turn) => answer_of(&link, &turn).await,
        };
        let Some(answer) = answer else { return };
        let Some(rounds) = link.reach().map(|sessions| sessions.config().session.ping_pong_max)
        else {
            return;
        };
        let (mut latest, mut hears, mut spoke) = (answer.clone(), &self.sender, &self.target);
        for _ in 0..rounds {
            let message = self.message(hears, spoke, &latest, ANSWERED);
            let Some(next) = self.say(&link, message).await else { break };
            latest = next;
            (hears, spoke) = (spoke, hears);
        }
        if !self.target.is_subagent() {
            let message =
                self.message(&self.target, &self.sender, &self.summary(&answer, &latest), TOLD);
            // What it says is heard by whoever reads along.
            let _told = self.say(&link, message).await;
        }
    }

    /// Has a session answer; `None` when it does not.
    async fn say(&self, link: &Link, message: Submission) -> Option<String> {
        if !self.trail.spend() {
            return None;
        }
        let turn = message.turn.clone();
        link.reach()?.submit(message).await.ok()?;
        answer_of(link, &turn).await
    }

    fn summary(&self, first: &str, latest: &str) -> String {
        let cut = |text: &str| text.chars().take(QUOTE_CHARS_MAX).collect::<String>();
        let mut text = format!(
            "The exchange is over.\n\nIt began with: {}\n\nYour first answer: {}",
            cut(&self.text),
            cut(first)
        );
        if latest != first {
            text.push_str("\n\nThe latest answer: ");
            text.push_str(&cut(latest));
        }
        text
    }
}

/// What a turn said last; `None` when it said nothing or did not get to its end.
async fn answer_of(link: &Link, turn: &TurnId) -> Option<String> {
    let mut state = link.reach()?.follow(turn)?;
    let ended = tokio::time::timeout(TURN_MAX, state.wait_for(Option::is_some)).await.ok()?.ok()?;
    let outcome = ended.as_ref().filter(|outcome| outcome.stop == Stop::Done)?;
    outcome.texts.last().cloned()
}
