//! Which sessions live and which turns are known: the hub's one piece of shared state.
//!
//! A leaf: the lock is held for a look-up, never across an await. Ended turns are remembered
//! for [`KEPT`] and at most [`ENDED_MAX`] of them, so that a repeated id is answered and not
//! run again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{SessionKey, TurnId};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{Outcome, origin::Trail, session::Mail};

/// How long an ended turn is remembered.
const KEPT: Duration = Duration::from_mins(10);

/// Ended turns that are remembered; the oldest goes when one more ends.
const ENDED_MAX: usize = 1000;

/// Live sessions and known turns.
#[derive(Default)]
pub(crate) struct Table(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    sessions: HashMap<SessionKey, mpsc::Sender<Mail>>,
    turns: HashMap<TurnId, Record>,
    ended: VecDeque<(Instant, TurnId)>,
    running: HashMap<TurnId, (SessionKey, Trail)>,
    closing: bool,
}

struct Record {
    session: SessionKey,
    state: watch::Sender<Option<Arc<Outcome>>>,
}

/// What is known of a turn that is about to be submitted.
pub(crate) enum Admission {
    /// Nothing: it is now.
    New,
    /// It was submitted before and is not over.
    InFlight,
    /// It was submitted before and is over.
    Done(Arc<Outcome>),
    /// No turn is taken in any more.
    Closing,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a turn's id in, unless it is known.
    pub(crate) fn admit(&self, turn: &TurnId, session: &SessionKey) -> Admission {
        let mut inner = self.lock();
        if inner.closing {
            return Admission::Closing;
        }
        if let Some(record) = inner.turns.get(turn) {
            return match &*record.state.borrow() {
                Some(outcome) => Admission::Done(Arc::clone(outcome)),
                None => Admission::InFlight,
            };
        }
        let (state, _) = watch::channel(None);
        inner.turns.insert(turn.clone(), Record { session: session.clone(), state });
        Admission::New
    }

    /// Forgets a turn that was refused after all.
    pub(crate) fn forget(&self, turn: &TurnId) {
        let mut inner = self.lock();
        inner.turns.remove(turn);
        inner.running.remove(turn);
    }

    /// Notes that a turn left the queue, and how far from a person's word it is.
    pub(crate) fn started(&self, turn: &TurnId, session: &SessionKey, trail: Trail) {
        self.lock().running.insert(turn.clone(), (session.clone(), trail));
    }

    /// How far from a person's word the conversation's running turn is; where none runs, a
    /// person speaks.
    pub(crate) fn trail(&self, session: &SessionKey) -> Trail {
        let inner = self.lock();
        let found = inner.running.values().find(|(it, _)| it == session);
        found.map(|(_, trail)| trail.clone()).unwrap_or_default()
    }

    /// Whether a turn runs now.
    pub(crate) fn is_running(&self, turn: &TurnId) -> bool {
        self.lock().running.contains_key(turn)
    }

    /// Notes how a turn ended and tells who waits for it.
    pub(crate) fn finish(&self, turn: &TurnId, outcome: &Arc<Outcome>) {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.running.remove(turn);
        if let Some(record) = inner.turns.get(turn) {
            record.state.send_replace(Some(Arc::clone(outcome)));
            inner.ended.push_back((now, turn.clone()));
        }
        while let Some((at, _)) = inner.ended.front() {
            if inner.ended.len() <= ENDED_MAX && now.duration_since(*at) < KEPT {
                break;
            }
            if let Some((_, old)) = inner.ended.pop_front() {
                inner.turns.remove(&old);
            }
        }
    }

    /// Follows a turn; `None` when it is not known.
    pub(crate) fn follow(&self, turn: &TurnId) -> Option<watch::Receiver<Option<Arc<Outcome>>>> {
        self.lock().turns.get(turn).map(|record| record.state.subscribe())
    }

    /// The conversation of a turn that is known.
    pub(crate) fn session_of(&self, turn: &TurnId) -> Option<SessionKey> {
        self.lock().turns.get(turn).map(|record| record.session.clone())
    }

    /// Turns that run now.
    pub(crate) fn running(&self) -> Vec<(SessionKey, TurnId)> {
        let inner = self.lock();
        let each =
            |(turn, (session, _)): (&TurnId, &(SessionKey, Trail))| (session.clone(), turn.clone());
        inner.running.iter().map(each).collect()
    }

    /// The mailbox of a live session.
    pub(crate) fn mailbox(&self, session: &SessionKey) -> Option<mpsc::Sender<Mail>> {
        self.lock().sessions.get(session).cloned()
    }

    /// The mailbox of a session, made by `start` when it does not live.
    pub(crate) fn mailbox_or(
        &self,
        session: &SessionKey,
        start: impl FnOnce() -> mpsc::Sender<Mail>,
    ) -> mpsc::Sender<Mail> {
        self.lock().sessions.entry(session.clone()).or_insert_with(start).clone()
    }

    /// Takes a session out if its mailbox is empty; mail that comes later starts a new one.
    pub(crate) fn leave(&self, session: &SessionKey, inbox: &mpsc::Receiver<Mail>) -> bool {
        let mut inner = self.lock();
        let empty = inbox.is_empty();
        if empty {
            inner.sessions.remove(session);
        }
        empty
    }

    /// Whether no turn is taken in any more.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Refuses turns from now on; gives the mailboxes of all live sessions.
    pub(crate) fn close(&self) -> Vec<mpsc::Sender<Mail>> {
        let mut inner = self.lock();
        inner.closing = true;
        inner.sessions.values().cloned().collect()
    }
}
