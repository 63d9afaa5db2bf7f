//! Takes up what waited when the process ended: messages become turns, notes wait on.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use config::QueueMode;
use domain::{SessionKey, TurnId};
use store::BacklogItem;

use super::Sessions;
use crate::{
    Submission, kept,
    notices::Note,
    queue::{Dropped, copy_of},
    session::Mail,
    table::Admission,
};

/// What waited in one conversation.
#[derive(Default)]
struct Waited {
    messages: Vec<(Submission, QueueMode)>,
    dropped: Vec<Dropped>,
}

impl Sessions {
    /// Takes up what waited before the start, under the same turn ids. What is in its transcript
    /// already is done with; what belongs to an agent that is not configured waits on.
    pub async fn take_up(&self, items: Vec<BacklogItem>) {
        let mut by_session: BTreeMap<SessionKey, Vec<BacklogItem>> = BTreeMap::new();
        for item in items {
            by_session.entry(item.session.clone()).or_default().push(item);
        }
        for (session, items) in by_session {
            self.take_up_in(&session, items).await;
        }
    }

    async fn take_up_in(&self, session: &SessionKey, items: Vec<BacklogItem>) {
        let io = &self.hub.io;
        let Ok(agent) = self.agent_of(session) else {
            tracing::warn!(%session, "messages wait for an agent that is not configured");
            return;
        };
        let sessions = io.store.sessions(&agent);
        let taken = match sessions.get(session) {
            Some(entry) => sessions.taken(&entry).await.unwrap_or_else(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, %session, "cannot look for messages in the transcript");
                HashSet::default()
            }),
            None => HashSet::default(),
        };
        let (done, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| taken.contains(&item.id));
        io.release(done.iter().map(|item| &*item.id));
        // A message that joined no turn becomes one itself; its copy for later would be a second.
        let copies: BTreeSet<String> =
            items.iter().map(|item| copy_of(&TurnId::new(&*item.id)).to_string()).collect();
        let (copies, items): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| copies.contains(&item.id));
        io.release(copies.iter().map(|item| &*item.id));
        let mut waited = Waited::default();
        for item in items {
            self.sort(item, &mut waited);
        }
        let Waited { messages, dropped } = waited;
        if messages.is_empty() && dropped.is_empty() {
            return;
        }
        tracing::info!(%session, messages = messages.len(), "taking up what waited");
        self.post(session, &agent, Mail::Resume { waiting: messages, dropped }).await;
    }

    fn sort(&self, item: BacklogItem, waited: &mut Waited) {
        let (id, session) = (item.id.clone(), item.session.clone());
        let understood = match &*item.kind {
            kept::MESSAGE => kept::read_message(item).map(|(message, mode)| {
                let admission = self.hub.table.admit(&message.turn, &session);
                if matches!(admission, Admission::New) {
                    waited.messages.push((message, mode));
                }
            }),
            kept::NOTE => kept::read_text(item).map(|text| {
                let note = Note { id: id.clone(), text };
                self.hub.io.notices.restore(&session, note);
            }),
            kept::SUMMARY => kept::read_text(item).map(|line| {
                let dropped = Dropped { id: id.clone(), line };
                waited.dropped.push(dropped);
            }),
            _ => None,
        };
        if understood.is_none() {
            tracing::warn!(id, %session, "something that waits is of no known form; it stays");
        }
    }
}
