//! Wakes agents: by the clock, and when something happened that they should look at.
//!
//! One task knows when each agent is due. It starts turns beside it and hears of their end; a
//! conversation that is busy is asked again a moment later. What is told of it is the `heartbeat`
//! event; an answer that is for a person is told as `chat`, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{AgentId, SessionKey};
use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tracing::warn;

use crate::state::Gateway;

mod beat;

use beat::Outcome;

/// Wakes that may wait to be read; one that finds no room is like one that is there.
const WAKES_MAX: usize = 64;
/// How long wakes of one conversation are gathered.
const GATHERED: Duration = Duration::from_millis(250);
/// How soon a busy conversation is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes agents. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Heartbeats {
    shared: Arc<Shared>,
}

struct Shared {
    mailbox: mpsc::Sender<Wake>,
    is_on: watch::Sender<bool>,
    last: Mutex<Option<Beat>>,
}

/// What is to be woken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wake {
    agent: AgentId,
    session: SessionKey,
    cause: Cause,
}

/// Why an agent is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It is time.
    Clock,
    /// Something happened.
    Event,
}

/// What is waiting to be read.
pub(crate) struct Inbox(mpsc::Receiver<Wake>);

/// How a heartbeat went, as clients are told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Beat {
    ts: i64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<String>,
    duration_ms: u64,
    has_media: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    silent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    indicator_type: Option<&'static str>,
}

impl Heartbeats {
    /// Makes them; [`run`] does the waking.
    pub(crate) fn new() -> (Self, Inbox) {
        let (mailbox, inbox) = mpsc::channel(WAKES_MAX);
        let shared = Shared { mailbox, is_on: watch::Sender::new(true), last: Mutex::default() };
        (Self { shared: Arc::new(shared) }, Inbox(inbox))
    }

    /// Has an agent look at a conversation soon.
    pub(crate) fn wake(&self, agent: AgentId, session: SessionKey) {
        let wake = Wake { agent, session, cause: Cause::Event };
        let _full_of_others = self.shared.mailbox.try_send(wake);
    }

    /// Switches them on or off until the gateway ends.
    pub(crate) fn switch(&self, is_on: bool) {
        self.shared.is_on.send_replace(is_on);
    }

    /// How the last one went, if there was one.
    pub(crate) fn last(&self) -> Option<Beat> {
        self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_on(&self) -> bool {
        *self.shared.is_on.borrow()
    }

    fn tell(&self, gateway: &Gateway, beat: Beat) {
        gateway.events.announce_heartbeat(&beat);
        *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(beat);
    }
}

/// Wakes agents until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>, Inbox(mut inbox): Inbox) {
    let soft = gateway.lifecycle.soft.clone();
    let mut config = gateway.config.clone();
    let mut keeper = Keeper {
        gateway,
        rounds: BTreeMap::new(),
        waiting: BTreeMap::new(),
        busy: BTreeSet::new(),
        running: JoinSet::new(),
    };
    keeper.plan(Instant::now());
    loop {
        let next = keeper.next();
        tokio::select! {
            biased;
            () = soft.cancelled() => break,
            Some(joined) = keeper.running.join_next() => keeper.ended(joined),
            Some(wake) = inbox.recv() => keeper.ask(wake, Instant::now() + GATHERED),
            Ok(()) = config.changed() => keeper.plan(Instant::now()),
            () = until(next) => keeper.begin(Instant::now()),
        }
    }
    // The turns themselves are the sessions' to end.
    keeper.running.shutdown().await;
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// An agent that the clock wakes.
struct Round {
    every: Duration,
    due: Instant,
}

/// What the task owns.
struct Keeper {
    gateway: Arc<Gateway>,
    rounds: BTreeMap<AgentId, Round>,
    /// Conversations that are to be looked at, and when.
    waiting: BTreeMap<SessionKey, (Instant, Wake)>,
    /// Conversations in which a heartbeat runs.
    busy: BTreeSet<SessionKey>,
    running: JoinSet<(Wake, Outcome)>,
}

impl Keeper {
    /// Follows the configuration. An agent whose interval stays the same keeps its time.
    fn plan(&mut self, now: Instant) {
        let config = self.gateway.config();
        let mut before = std::mem::take(&mut self.rounds);
        for agent in config.agents.list.iter().filter(|agent| agent.heartbeat.runs) {
            let Some(every) = agent.heartbeat_every else { continue };
            let known = before.remove(&agent.id).filter(|round| round.every == every);
            let round = known.unwrap_or(Round { every, due: now + every });
            self.rounds.insert(agent.id.clone(), round);
        }
    }

    fn next(&self) -> Option<Instant> {
        let rounds = self.rounds.values().map(|round| round.due);
        rounds.chain(self.waiting.values().map(|(at, _)| *at)).min()
    }

    /// Has a conversation looked at, at `at` or when it was to be looked at anyway. What happened
    /// goes before the clock.
    fn ask(&mut self, wake: Wake, at: Instant) {
        let entry = self.waiting.entry(wake.session.clone()).or_insert((at, wake.clone()));
        entry.0 = entry.0.min(at);
        if wake.cause == Cause::Event {
            entry.1 = wake;
        }
    }

    /// Begins what is due.
    fn begin(&mut self, now: Instant) {
        let config = self.gateway.config();
        let mut due = Vec::new();
        for (agent, round) in self.rounds.iter_mut().filter(|(_, round)| round.due <= now) {
            round.due = now + round.every;
            if let Some(agent) = config.agents.get(agent) {
                let session = self.gateway.session_key(&agent.heartbeat.session, Some(&agent.id));
                due.push(Wake { agent: agent.id.clone(), session, cause: Cause::Clock });
            }
        }
        for wake in due {
            self.ask(wake, now);
        }
        let ready: Vec<SessionKey> = self
            .waiting
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(session, _)| session.clone())
            .collect();
        for session in ready {
            let Some((_, wake)) = self.waiting.remove(&session) else { continue };
            if self.busy.insert(session) {
                let gateway = Arc::clone(&self.gateway);
                self.running.spawn(async move {
                    let outcome = beat::once(&gateway, &wake).await;
                    (wake, outcome)
                });
            } else {
                self.ask(wake, now + RETRY);
            }
        }
    }

    fn ended(&mut self, joined: Result<(Wake, Outcome), JoinError>) {
        match joined {
            Ok((wake, outcome)) => {
                self.busy.remove(&wake.session);
                match outcome {
                    Outcome::Told(beat) => self.gateway.heartbeats.tell(&self.gateway, beat),
                    Outcome::Busy => self.ask(wake, Instant::now() + RETRY),
                    Outcome::Off => {}
                }
            }
            Err(error) => {
                warn!(%error, "a heartbeat broke");
                // Which one is not known; the others find their place again with their end.
                self.busy.clear();
            }
        }
    }
}
