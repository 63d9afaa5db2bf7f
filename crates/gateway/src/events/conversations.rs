//! What watchers of conversations hear: `sessions.changed` and `session.message`.
//!
//! Turns tell this task which conversation they wrote to; it reads what is new in the file and
//! tells it to those who watch. Its queue is bounded: a hint that finds it full is dropped, and
//! the next one brings what that one would have.

use std::{collections::HashMap, sync::Arc};

use domain::{AgentId, EntryId, SessionId, SessionKey, TurnId};
use protocol::Version;
use serde::Serialize;
use serde_json::value::RawValue;
use store::Span;
use tokio::sync::mpsc;

use super::{Delivery, Events, Slow, To};
use crate::{
    rpc::{Row, Rows, shown_message},
    state::Gateway,
};

/// Hints that wait to be read.
const HINTS_MAX: usize = 256;
/// Most messages told at once; a client that needs older ones reads the history.
const MESSAGES_MAX: usize = 200;
/// Conversations whose place is remembered though nobody chose them.
const PLACES_MAX: usize = 1024;
/// Most bytes of messages looked at for one hint.
const BYTES_MAX: usize = 6 << 20;

/// The conversation that a hint is about.
pub(super) type Hints = mpsc::Receiver<SessionKey>;

/// A bounded queue of hints.
pub(super) fn hints() -> (mpsc::Sender<SessionKey>, Hints) {
    mpsc::channel(HINTS_MAX)
}

/// What happened to a conversation.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Someone did something with it, such as `patch`.
    By(&'static str),
    /// A turn of it came so far: `start` or `end`.
    Turn(&'static str, TurnId),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed<'a> {
    session_key: &'a SessionKey,
    agent_id: AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<TurnId>,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    session_key: &'a SessionKey,
    agent_id: &'a AgentId,
    message: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<EntryId>,
    message_seq: usize,
    session: &'a Row,
}

impl Events {
    /// Tells those who watch conversations that one of them changed.
    pub(crate) fn conversation_changed(&self, gateway: &Gateway, key: &SessionKey, what: Change) {
        if !self.callers().iter().any(|caller| caller.watching.hears_rows()) {
            return;
        }
        let entry = gateway.sessions_of(key).get(key);
        let row = entry.map(|entry| Rows::new(gateway).row(key, &entry));
        let session = match &what {
            Change::Turn("end", turn) => row.map(|row| row.after(turn)),
            Change::Turn(..) | Change::By(_) => row,
        };
        let (reason, phase, run_id) = match what {
            Change::By(reason) => (Some(reason), None, None),
            Change::Turn(phase, turn) => (None, Some(phase), Some(turn)),
        };
        let changed = Changed {
            session_key: key,
            agent_id: agent_of(gateway, key),
            reason,
            phase,
            run_id,
            ts: gateway.clock.now().0,
            session,
        };
        self.tell_newest("sessions.changed", &changed, To::RowWatchers);
    }

    /// Says that there may be new messages in a conversation.
    pub(crate) fn hint(&self, key: &SessionKey) {
        if self.callers().iter().any(|caller| caller.watching.hears_messages(key)) {
            // When it is full the next hint brings what this one would have.
            let _dropped_when_full = self.shared.hints.try_send(key.clone());
        }
    }

    fn tell_newest<P: Serialize>(&self, name: &str, payload: &P, to: To) {
        let Ok(text) = super::EventText::new(name, payload, None) else { return };
        let (text, version) = (Arc::new(text), Version::V4);
        self.deliver(&[Delivery { version, text, to, slow: Slow::Close }]);
    }
}

/// How far a conversation was told.
struct Place {
    session: SessionId,
    newest: Option<EntryId>,
    count: usize,
}

/// Follows hints until nobody can give any.
pub(super) async fn follow(gateway: Arc<Gateway>, mut hints: Hints) {
    let hard = gateway.lifecycle.hard.clone();
    let mut places: HashMap<SessionKey, Place> = HashMap::new();
    loop {
        let key = tokio::select! {
            biased;
            () = hard.cancelled() => return,
            hint = hints.recv() => match hint {
                Some(key) => key,
                None => return,
            },
        };
        let callers = gateway.events.callers();
        places.retain(|key, _| callers.iter().any(|it| it.watching.hears_messages(key)));
        if places.len() >= PLACES_MAX {
            // Those that nobody chose begin anew with their next message.
            places.retain(|key, _| callers.iter().any(|it| it.watching.hears(key)));
        }
        if let Some(place) = read(&gateway, &key, places.remove(&key)).await {
            places.insert(key, place);
        }
    }
}

/// Tells what is new since `place`; without one, only finds the place.
async fn read(gateway: &Gateway, key: &SessionKey, place: Option<Place>) -> Option<Place> {
    let index = gateway.sessions_of(key);
    let entry = index.get(key)?;
    let Some(mut place) = place else {
        let page = index.page(&entry, Span::Newest { skip: 0, limit: 0 }, 0).await.ok()??;
        let session = entry.session_id.clone();
        return Some(Place { session, newest: page.newest, count: page.total });
    };
    if place.session != entry.session_id {
        place = Place { session: entry.session_id.clone(), newest: None, count: 0 };
    }
    let since = Span::After { seq: place.count, id: place.newest.clone() };
    let mut page = index.page(&entry, since, BYTES_MAX).await.ok()?;
    if page.is_none() {
        // It goes on from an earlier message, or there is more than one wants to hear.
        let span = Span::Newest { skip: 0, limit: MESSAGES_MAX };
        let mut newest = index.page(&entry, span, BYTES_MAX).await.ok()??;
        let known = newest.messages.iter().rposition(|it| it.id == place.newest);
        newest.messages.drain(..known.map_or(newest.messages.len(), |at| at + 1));
        page = Some(newest);
    }
    let page = page?;
    let (row, agent) = (Rows::new(gateway).row(key, &entry), agent_of(gateway, key));
    for line in page.messages {
        let said = Said {
            session_key: key,
            agent_id: &agent,
            message_id: line.id.clone(),
            message_seq: line.place.map_or(page.total, |place| place.seq),
            message: shown_message(line, &entry.session_id),
            session: &row,
        };
        gateway.events.tell_newest("session.message", &said, To::MessageWatchers(key.clone()));
    }
    (place.count, place.newest) = (page.total, page.newest);
    Some(place)
}

fn agent_of(gateway: &Gateway, key: &SessionKey) -> AgentId {
    key.agent().unwrap_or_else(|| gateway.config().agents.default.clone())
}
