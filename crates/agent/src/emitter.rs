//! Numbers and sends the events of one turn.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use domain::{AgentId, Clock, SessionId, SessionKey, TurnId};
use tokio::sync::mpsc;

use crate::{Event, EventBody};

/// Who speaks.
#[derive(Clone, Debug)]
pub(crate) struct Speaker {
    pub(crate) turn: TurnId,
    pub(crate) session: SessionKey,
    pub(crate) session_id: SessionId,
    pub(crate) agent: AgentId,
    pub(crate) verbose: Arc<str>,
    /// Whether the turn is a heartbeat.
    pub(crate) is_heartbeat: bool,
}

/// Sends the events of one turn, in order.
///
/// The queue behind it is bounded. Text and progress never wait: text that finds it full is
/// kept and goes with the next piece, progress is dropped because the next one replaces it.
/// Everything else waits for room.
pub(crate) struct Emitter {
    speaker: Speaker,
    clock: Arc<dyn Clock>,
    sender: mpsc::Sender<Event>,
    seq: AtomicU64,
    held: Mutex<String>,
}

impl Emitter {
    pub(crate) fn new(
        speaker: Speaker,
        clock: Arc<dyn Clock>,
        sender: mpsc::Sender<Event>,
    ) -> Self {
        Self { speaker, clock, sender, seq: AtomicU64::new(0), held: Mutex::default() }
    }

    /// The same for a turn that is, or is not, a heartbeat.
    pub(crate) fn of_heartbeat(mut self, is_heartbeat: bool) -> Self {
        self.speaker.is_heartbeat = is_heartbeat;
        self
    }

    /// Sends and waits for room. A closed queue means that nobody watches.
    pub(crate) async fn send(&self, body: EventBody) {
        if let Ok(room) = self.sender.reserve().await {
            room.send(self.event(body));
        }
    }

    /// Sends if there is room now; says whether it was sent.
    pub(crate) fn offer(&self, body: EventBody) -> bool {
        match self.sender.try_reserve() {
            Ok(room) => {
                room.send(self.event(body));
                true
            }
            Err(_) => false,
        }
    }

    /// Sends new text, together with what found no room before.
    pub(crate) fn text(&self, so_far: &str, delta: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.push_str(delta);
        let body = EventBody::Text { so_far: Arc::from(so_far), delta: held.clone() };
        if self.offer(body) {
            held.clear();
        }
    }

    /// Takes back text that found no room yet.
    pub(crate) fn forget_text(&self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sends text that is still held back, waiting for room.
    pub(crate) async fn flush_text(&self, so_far: &str) {
        let delta = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        if !delta.is_empty() {
            self.send(EventBody::Text { so_far: Arc::from(so_far), delta }).await;
        }
    }

    fn event(&self, body: EventBody) -> Event {
        Event {
            turn: self.speaker.turn.clone(),
            session: self.speaker.session.clone(),
            session_id: self.speaker.session_id.clone(),
            agent: self.speaker.agent.clone(),
            seq: self.seq.fetch_add(1, Ordering::Relaxed) + 1,
            at: self.clock.now(),
            verbose: Arc::clone(&self.speaker.verbose),
            is_heartbeat: self.speaker.is_heartbeat,
            body,
        }
    }
}
