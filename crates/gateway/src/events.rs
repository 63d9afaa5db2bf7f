//! The fan-out: from what happens in turns to what each connection is told.
//!
//! One task reads the agent's events, turns them into frames ([`translate`]) and puts each
//! into the outbox of every connection that may see it. A frame is written once per protocol
//! version; connections only add their own number. Nobody waits for a slow connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent::{Event, EventBody, Outcome};
use arc_swap::ArcSwap;
use domain::{ConnId, Scope, SessionKey, TurnId};
use protocol::{
    Version, compat,
    event::{Chat, Presence, Shutdown, Tick},
    frame::{EventText, StateVersion},
};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tracing::{info, warn};

use crate::{conn::Caller, heartbeats::Beat, state::Gateway};

mod conversations;
mod translate;
mod watching;

pub(crate) use conversations::Change;
pub(crate) use translate::Slow;
use translate::{Audience, Delivery, To, TurnView};
pub(crate) use watching::Watching;

/// Time between `tick` events.
pub(crate) const TICK: Duration = Duration::from_secs(30);
/// Oldest health payload.
const HEALTH_AGE_MAX: Duration = Duration::from_mins(1);
/// How soon a change shows in the health payload.
const HEALTH_DEBOUNCE: Duration = Duration::from_millis(100);
/// Shortest time between two health payloads, however much changes.
const HEALTH_AGE_MIN: Duration = Duration::from_secs(2);
/// How long comings and goings are gathered before they are told.
const PRESENCE_DEBOUNCE: Duration = Duration::from_millis(500);
/// Events taken from the agent's queue at once.
const BATCH_MAX: usize = 64;
/// Events that wait for one tap.
const TAP_EVENTS_MAX: usize = 512;

/// The fan-out. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    callers: ArcSwap<Vec<Arc<Caller>>>,
    /// Who started which turn. Entries go with their turn.
    owners: Mutex<HashMap<TurnId, ConnId>>,
    /// Who wants the raw events of which turn. A tap that is full is cut off: its reader sees
    /// the end and asks `Sessions::wait` for the outcome.
    taps: Mutex<HashMap<TurnId, Vec<mpsc::Sender<Event>>>>,
    mailbox: mpsc::Sender<Mail>,
    presence: Notify,
    /// Conversations that may have new messages.
    hints: mpsc::Sender<SessionKey>,
}

enum Mail {
    Settle(oneshot::Sender<()>),
}

/// The task's side of the fan-out.
pub(crate) struct Inbox {
    events: mpsc::Receiver<Event>,
    mail: mpsc::Receiver<Mail>,
    hints: conversations::Hints,
}

impl Events {
    /// Makes the fan-out; [`run`] moves the events.
    pub(crate) fn new(events: mpsc::Receiver<Event>) -> (Self, Inbox) {
        // One stop at a time asks for a settlement; a second one waits its turn.
        let (mailbox, mail) = mpsc::channel(4);
        let (hints, hinted) = conversations::hints();
        let shared = Shared {
            callers: ArcSwap::default(),
            owners: Mutex::default(),
            taps: Mutex::default(),
            mailbox,
            presence: Notify::new(),
            hints,
        };
        (Self { shared: Arc::new(shared) }, Inbox { events, mail, hints: hinted })
    }

    /// Lets a connection hear events.
    pub(crate) fn join(&self, caller: &Arc<Caller>) {
        self.shared.callers.rcu(|all| {
            let mut all = Vec::clone(all);
            all.push(Arc::clone(caller));
            all
        });
    }

    /// Forgets a connection.
    pub(crate) fn leave(&self, caller: &Caller) {
        self.shared
            .callers
            .rcu(|all| all.iter().filter(|it| it.conn != caller.conn).cloned().collect::<Vec<_>>());
    }

    /// Connections that hear events.
    pub(crate) fn callers(&self) -> Arc<Vec<Arc<Caller>>> {
        self.shared.callers.load_full()
    }

    /// Notes who starts a turn; to be called before it is submitted.
    pub(crate) fn claim(&self, turn: &TurnId, conn: &ConnId) {
        let mut owners = self.shared.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.entry(turn.clone()).or_insert_with(|| conn.clone());
    }

    /// Takes the note back when the turn was not begun.
    pub(crate) fn disclaim(&self, turn: &TurnId) {
        self.shared.owners.lock().unwrap_or_else(PoisonError::into_inner).remove(turn);
    }

    /// Gives the raw events of a turn; to be called before it is submitted. The stream ends
    /// with the turn, or earlier when its reader is too slow.
    pub(crate) fn tap(&self, turn: &TurnId) -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(TAP_EVENTS_MAX);
        let mut taps = self.shared.taps.lock().unwrap_or_else(PoisonError::into_inner);
        // Taps of turns that never began go when their reader has gone.
        taps.retain(|_, senders| senders.iter().any(|sender| !sender.is_closed()));
        taps.entry(turn.clone()).or_default().push(sender);
        receiver
    }

    /// Returns when every event that the agent has sent so far is in the outboxes.
    pub(crate) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        if self.shared.mailbox.send(Mail::Settle(done)).await.is_ok() {
            let _gone_when_the_task_ended = settled.await;
        }
    }

    /// Tells everyone that the gateway goes.
    pub(crate) fn announce_shutdown(&self, shutdown: &Shutdown) {
        let audience = self.audience();
        let mut out = Vec::new();
        if audience.v4 {
            push(&mut out, (Version::V4, To::Everyone), "shutdown", shutdown);
        }
        if audience.v3 {
            push(&mut out, (Version::V3, To::Everyone), "shutdown", &compat::shutdown(shutdown));
        }
        self.deliver(&out);
    }

    /// Notes that someone came or went; the others are told a moment later, all at once.
    pub(crate) fn presence_changed(&self) {
        self.shared.presence.notify_one();
    }

    /// Tells those who hear a conversation of something said in it without a turn.
    pub(crate) fn announce_chat(&self, session: &SessionKey, chat: &Chat) {
        let audience = self.audience();
        let mut out = Vec::new();
        if audience.v4 {
            push(&mut out, (Version::V4, To::Readers), "chat", chat);
        }
        if audience.v3
            && let Some(older) = compat::chat(chat)
        {
            push(&mut out, (Version::V3, To::Readers), "chat", &older);
        }
        self.deliver_in(session, &out);
    }

    /// Tells everyone how a heartbeat went.
    pub(crate) fn announce_heartbeat(&self, beat: &Beat) {
        self.announce("heartbeat", beat, None, (To::Everyone, Slow::Drop));
    }

    /// Tells the operators that hold `scope`. A connection whose outbox is full misses it.
    pub(crate) fn tell_holders<P: serde::Serialize>(&self, scope: Scope, name: &str, payload: &P) {
        self.announce(name, payload, None, (To::Holders(scope), Slow::Drop));
    }

    fn announce_presence(&self, gateway: &Gateway) {
        let presence = Presence { presence: gateway.roster.list(gateway.clock.now()) };
        self.announce("presence", &presence, Some(versions(gateway)), (To::Readers, Slow::Drop));
    }

    fn announce_health(&self, gateway: &Gateway) {
        let health = gateway.health.text();
        self.announce("health", &*health, Some(versions(gateway)), (To::Everyone, Slow::Close));
    }

    fn announce<P: serde::Serialize + ?Sized>(
        &self,
        name: &str,
        payload: &P,
        versions: Option<StateVersion>,
        (to, slow): (To, Slow),
    ) {
        let audience = self.audience();
        if !(audience.v3 || audience.v4) {
            return;
        }
        let Ok(text) = EventText::new(name, payload, versions) else { return };
        let text = Arc::new(text);
        let both = [Version::V3, Version::V4].map(|version| Delivery {
            version,
            text: Arc::clone(&text),
            to: to.clone(),
            slow,
        });
        self.deliver(&both);
    }

    fn audience(&self) -> Audience {
        let callers = self.shared.callers.load();
        Audience {
            v3: callers.iter().any(|it| it.version == Version::V3),
            v4: callers.iter().any(|it| it.version == Version::V4),
        }
    }

    fn deliver(&self, deliveries: &[Delivery]) {
        let callers = self.shared.callers.load();
        for delivery in deliveries {
            for caller in callers.iter().filter(|caller| delivery.is_for(caller)) {
                caller.outbox.send_event(&delivery.text, delivery.is_numbered(), delivery.slow);
            }
        }
    }

    /// The same for what happens in a turn: not for those who chose other conversations.
    fn deliver_in(&self, session: &SessionKey, deliveries: &[Delivery]) {
        let callers = self.shared.callers.load();
        for delivery in deliveries {
            let hears = |caller: &&Arc<Caller>| {
                let is_for = delivery.is_for(caller) && caller.watching.hears_turns(session);
                is_for || delivery.is_for_node(caller, session)
            };
            for caller in callers.iter().filter(hears) {
                caller.outbox.send_event(&delivery.text, delivery.is_numbered(), delivery.slow);
            }
        }
    }

    fn owner(&self, turn: &TurnId) -> Option<ConnId> {
        self.shared.owners.lock().unwrap_or_else(PoisonError::into_inner).get(turn).cloned()
    }

    fn feed_taps(&self, event: &Event) {
        let mut taps = self.shared.taps.lock().unwrap_or_else(PoisonError::into_inner);
        if taps.is_empty() {
            return;
        }
        let is_last = matches!(event.body, EventBody::Ended(_));
        if let Some(senders) = taps.get_mut(&event.turn) {
            senders.retain(|sender| sender.try_send(event.clone()).is_ok());
            if is_last || senders.is_empty() {
                taps.remove(&event.turn);
            }
        }
    }
}

/// Moves events until the agent is gone or the gateway stops hard.
pub(crate) async fn run(gateway: Arc<Gateway>, mut inbox: Inbox) {
    let events = gateway.events.clone();
    let hard = gateway.lifecycle.hard.clone();
    let shared = Arc::clone(&events.shared);
    gateway.lifecycle.tasks.spawn(conversations::follow(Arc::clone(&gateway), inbox.hints));
    let mut fan = Fan {
        gateway,
        events,
        turns: HashMap::new(),
        refresh_at: None,
        presence_at: None,
        refreshed: None,
    };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tick.reset();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    let mut config = fan.gateway.config.clone();
    fan.refresh_at = Some(Instant::now() + HEALTH_AGE_MAX);
    loop {
        let flush_at = fan.flush_at();
        let (refresh_at, presence_at) = (fan.refresh_at, fan.presence_at);
        tokio::select! {
            biased;
            () = hard.cancelled() => break,
            taken = inbox.events.recv_many(&mut batch, BATCH_MAX) => match taken {
                0 => break,
                _ => batch.drain(..).for_each(|event| fan.take(&event)),
            },
            () = until(flush_at) => fan.flush(),
            _ = tick.tick() => fan.tick(),
            () = until(refresh_at) => fan.refresh_health(),
            () = until(presence_at) => fan.announce_presence(),
            () = shared.presence.notified() => {
                fan.presence_at.get_or_insert(Instant::now() + PRESENCE_DEBOUNCE);
            }
            Ok(()) = config.changed() => fan.health_changed(),
            Some(Mail::Settle(done)) = inbox.mail.recv() => {
                let _asker_may_be_gone = done.send(());
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What the task owns.
struct Fan {
    gateway: Arc<Gateway>,
    events: Events,
    turns: HashMap<TurnId, TurnView>,
    refresh_at: Option<Instant>,
    presence_at: Option<Instant>,
    refreshed: Option<Instant>,
}

impl Fan {
    fn take(&mut self, event: &Event) {
        self.gateway.metrics.count(event);
        self.gateway.audit.by_agent(event);
        self.gateway.readers.hear(event);
        self.events.feed_taps(event);
        let audience = self.events.audience();
        let is_call = matches!(
            event.body,
            EventBody::CallStarted { .. }
                | EventBody::CallProgress { .. }
                | EventBody::CallEnded(_)
        );
        let owner = is_call.then(|| self.events.owner(&event.turn)).flatten();
        let view = self.turns.entry(event.turn.clone()).or_default();
        let deliveries = view.translate(event, audience, owner, Instant::now());
        let is_idle = view.is_idle();
        self.events.deliver_in(&event.session, &deliveries);
        self.tell_watchers(event);
        if let EventBody::Ended(outcome) = &event.body {
            self.over(event, outcome);
        } else if is_idle {
            self.turns.remove(&event.turn);
        }
    }

    /// What watchers of the conversation hear of a turn.
    fn tell_watchers(&self, event: &Event) {
        let change = match &event.body {
            EventBody::Started => Change::Turn("start", event.turn.clone()),
            EventBody::Ended(_) => Change::Turn("end", event.turn.clone()),
            EventBody::Model { .. } | EventBody::CallEnded(_) => {
                return self.events.hint(&event.session);
            }
            EventBody::Text { .. }
            | EventBody::Thinking { .. }
            | EventBody::CallStarted { .. }
            | EventBody::CallProgress { .. }
            | EventBody::Usage(_)
            | EventBody::Compaction { .. } => return,
        };
        self.events.hint(&event.session);
        self.events.conversation_changed(&self.gateway, &event.session, change);
    }

    fn over(&mut self, event: &Event, outcome: &Outcome) {
        self.turns.remove(&event.turn);
        self.events.disclaim(&event.turn);
        self.health_changed();
        let took_ms = outcome.ended.since(outcome.started);
        info!(turn = %event.turn, session = %event.session, stop = ?outcome.stop, took_ms, "turn over");
    }

    fn flush_at(&self) -> Option<Instant> {
        self.turns.values().filter_map(TurnView::flush_at).min()
    }

    fn flush(&mut self) {
        let (now, audience) = (Instant::now(), self.events.audience());
        for view in self.turns.values_mut() {
            let deliveries = view.flush_due(audience, now);
            match view.session() {
                Some(session) => self.events.deliver_in(session, &deliveries),
                None => self.events.deliver(&deliveries),
            }
        }
    }

    fn tick(&self) {
        let tick = Tick { ts: self.gateway.clock.now().0 };
        self.events.announce("tick", &tick, None, (To::Everyone, Slow::Drop));
    }

    fn announce_presence(&mut self) {
        self.presence_at = None;
        self.events.announce_presence(&self.gateway);
    }

    fn health_changed(&mut self) {
        let now = Instant::now();
        let allowed = self.refreshed.map_or(now, |at| at + HEALTH_AGE_MIN);
        let soon = allowed.max(now + HEALTH_DEBOUNCE);
        self.refresh_at = Some(self.refresh_at.map_or(soon, |at| at.min(soon)));
    }

    fn refresh_health(&mut self) {
        let gateway = &self.gateway;
        let loaded = gateway.loaded.borrow().clone();
        let config = (&*gateway.config(), &loaded.snapshot.problems[..]);
        gateway.health.refresh(config, &gateway.store, &*gateway.clock);
        self.events.announce_health(gateway);
        let now = Instant::now();
        self.refreshed = Some(now);
        self.refresh_at = Some(now + HEALTH_AGE_MAX);
    }
}

fn versions(gateway: &Gateway) -> StateVersion {
    StateVersion { presence: gateway.roster.version(), health: gateway.health.version() }
}

fn push<P: serde::Serialize>(
    out: &mut Vec<Delivery>,
    (version, to): (Version, To),
    name: &str,
    payload: &P,
) {
    match EventText::new(name, payload, None) {
        Ok(text) => out.push(Delivery { version, text: Arc::new(text), to, slow: Slow::Close }),
        Err(error) => warn!(name, %error, "event is no JSON"),
    }
}
