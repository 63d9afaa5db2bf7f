//! Owns the book of devices while the gateway runs: one lock held for moments, one writer.
//!
//! A handshake reads and changes the book in memory and never waits for the disk. Changes that a
//! person makes are answered when they are on the disk. Notes of no weight (who used a token
//! when) are written with the next change, every half minute, or at the stop.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Clock, Scope, UnixMillis};
use protocol::event::PairResolved;
use store::{DeviceFiles, DeviceToken, PairedDevice, PendingDevice, StoreError};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::{info, warn};

use crate::{
    conn::Caller,
    events::Events,
    lifecycle::Lifecycle,
    pairing::{Ask, Book, Fate, Outcome, Progress, Refused},
    rpc::RpcError,
};

/// How long notes of no weight may wait.
const NOTES_EVERY: Duration = Duration::from_secs(30);
/// How often those who wait for an answer look whether the request still lives.
const EXPIRY_LOOK: Duration = Duration::from_secs(5);
/// Close code for clients whose device is no longer welcome.
const INVALIDATED: u16 = 4001;

/// The devices. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Devices {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    files: DeviceFiles,
    /// The version of the book that should be on the disk.
    wanted: watch::Sender<u64>,
    /// The version that is, or that could not be written.
    written: watch::Sender<Written>,
    events: Events,
    clock: Arc<dyn Clock>,
}

struct State {
    book: Book,
    version: u64,
    has_notes: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Written {
    version: u64,
    is_lost: bool,
}

impl Devices {
    /// Reads the book. Blocks; meant for the start.
    pub(crate) fn open(
        files: DeviceFiles,
        events: Events,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let book = Book::new(files.read(clock.now())?);
        let shared = Shared {
            state: Mutex::new(State { book, version: 0, has_notes: false }),
            files,
            wanted: watch::Sender::new(0),
            written: watch::Sender::default(),
            events,
            clock,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Lets a device in, or notes that it asks. Who may approve is told.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Outcome {
        let now = self.shared.clock.now();
        let fresh = uuid::Uuid::new_v4().to_string();
        let mut state = self.lock();
        let outcome = state.book.ask(ask, &fresh, now);
        match &outcome {
            Outcome::Admitted { is_changed: false, .. } | Outcome::Waits { is_new: false, .. } => {}
            Outcome::Admitted { .. } | Outcome::Waits { .. } => self.note_change(&mut state),
        }
        drop(state);
        match &outcome {
            Outcome::Admitted { approved: Some(request), .. } => {
                info!(device = ask.device, role = ask.role, "device approved without asking");
                self.resolved(request, ask.device, "approved", now);
            }
            Outcome::Waits { request, is_new: true, reason, .. } => {
                let (request, reason) = (&**request, reason.as_str());
                info!(device = ask.device, request = request.request_id, reason, "pairing asked");
                self.shared.events.tell_holders(Scope::Pairing, "device.pair.requested", request);
            }
            Outcome::Admitted { .. } | Outcome::Waits { .. } => {}
        }
        outcome
    }

    /// The token of a paired device for a role, made if need be.
    pub(crate) fn token(&self, device: &str, role: &str, scopes: &[String]) -> Option<DeviceToken> {
        let mut state = self.lock();
        let (fresh, now) = (fresh_token(), self.shared.clock.now());
        let (token, is_new) = state.book.ensure_token(device, (role, scopes), &fresh, now)?;
        if is_new {
            self.note_change(&mut state);
        }
        Some(token)
    }

    /// The scopes of a device's token for a role, if `sent` is it. Notes the use.
    pub(crate) fn verify(&self, device: &str, role: &str, sent: &str) -> Option<Vec<String>> {
        let mut state = self.lock();
        let scopes = state.book.verify(device, role, sent)?.scopes.clone();
        state.book.used(device, role, self.shared.clock.now());
        state.has_notes = true;
        Some(scopes)
    }

    /// Notes that a paired device asks for more scopes; the request's id. What it may do already
    /// counts as approved.
    pub(crate) fn ask_for_scopes(
        &self,
        device: &str,
        role: &str,
        scopes: &[String],
    ) -> Option<String> {
        let known = self.paired(device)?;
        let ask = Ask {
            device,
            public_key: &known.public_key,
            role,
            scopes,
            about: &known.about,
            is_silent: false,
            pins_metadata: false,
        };
        match self.ask(&ask) {
            Outcome::Waits { request, .. } => Some(request.request_id),
            Outcome::Admitted { .. } => {
                let id = uuid::Uuid::new_v4().to_string();
                let fate = Fate::Approved { scopes: scopes.to_vec() };
                self.lock().book.note_answer(&id, device, fate);
                Some(id)
            }
        }
    }

    /// Returns when a request of `device` is answered or too old; `None` when there is none.
    pub(crate) async fn fate(&self, request: &str, device: &str) -> Option<Fate> {
        let mut changed = self.shared.wanted.subscribe();
        loop {
            let progress = {
                let mut state = self.lock();
                state.book.expire(self.shared.clock.now());
                state.book.progress(request, device)?
            };
            if let Progress::Answered(fate) = progress {
                return Some(fate);
            }
            // A request that merely grows old changes nothing that could be waited for.
            let _may_be_over = timeout(EXPIRY_LOOK, changed.changed()).await;
        }
    }

    /// Whether `sent` was a device's token for a role until it was taken back.
    pub(crate) fn revoked(&self, device: &str, role: &str, sent: &str) -> bool {
        self.lock().book.is_revoked(device, role, sent)
    }

    /// Whether a device has a token for a role that would be taken.
    pub(crate) fn has_token(&self, device: &str, role: &str) -> bool {
        let state = self.lock();
        let token = state.book.paired(device).and_then(|it| it.tokens.get(role));
        token.is_some_and(|token| token.revoked_at_ms.is_none())
    }

    /// A device that was let in.
    pub(crate) fn paired(&self, device: &str) -> Option<PairedDevice> {
        self.lock().book.paired(device).cloned()
    }

    /// Requests that wait, and devices that were let in.
    pub(crate) fn list(&self) -> (Vec<PendingDevice>, Vec<PairedDevice>) {
        let mut state = self.lock();
        (state.book.pending(self.shared.clock.now()), state.book.all_paired())
    }

    /// Changes the book, and returns when the change is on the disk.
    pub(crate) async fn change<T>(
        &self,
        change: impl FnOnce(&mut Book, UnixMillis) -> Result<T, Refused>,
    ) -> Result<T, RpcError> {
        let (changed, version) = {
            let mut state = self.lock();
            let changed = change(&mut state.book, self.shared.clock.now())?;
            self.note_change(&mut state);
            (changed, state.version)
        };
        let mut written = self.shared.written.subscribe();
        match written.wait_for(|it| it.version >= version).await.map(|it| it.is_lost) {
            Ok(false) => Ok(changed),
            Ok(true) | Err(_) => Err(RpcError::unavailable("cannot write the devices to disk")),
        }
    }

    /// Tells who may approve what became of a request.
    pub(crate) fn resolved(
        &self,
        request: &str,
        device: &str,
        decision: &'static str,
        now: UnixMillis,
    ) {
        let event = PairResolved { request_id: request, device_id: device, decision, ts: now.0 };
        self.shared.events.tell_holders(Scope::Pairing, "device.pair.resolved", &event);
    }

    /// Ends the connections of a device that `is_meant` picks.
    pub(crate) fn drop_clients(
        &self,
        device: &str,
        reason: &'static str,
        is_meant: impl Fn(&Caller) -> bool,
    ) {
        for caller in self.shared.events.callers().iter() {
            if caller.principal.is_device(device) && is_meant(caller) {
                caller.outbox.close(INVALIDATED, reason);
            }
        }
    }

    /// Ends a connection whose device lost its standing while the connection came to be.
    pub(crate) fn recheck(&self, caller: &Caller) {
        let Some(device) = &caller.principal.device else { return };
        let role = caller.principal.role.as_str();
        if !self.has_token(device.as_str(), role) {
            caller.outbox.close(INVALIDATED, "client invalidated: device token revoked");
        }
    }

    fn note_change(&self, state: &mut State) {
        state.version += 1;
        self.shared.wanted.send_replace(state.version);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_records(&self, is_for_notes: bool) -> Option<(store::DeviceRecords, u64)> {
        let mut state = self.lock();
        let is_behind = self.shared.written.borrow().version < state.version;
        if !(is_behind || (is_for_notes && state.has_notes)) {
            return None;
        }
        state.has_notes = false;
        Some((state.book.records(), state.version))
    }

    async fn write(&self, is_for_notes: bool) {
        let Some((records, version)) = self.take_records(is_for_notes) else { return };
        let outcome = self.shared.files.write(records).await;
        if let Err(error) = &outcome {
            warn!(error = crate::rpc::error::chain(error), "cannot write the devices to disk");
        }
        self.shared.written.send_replace(Written { version, is_lost: outcome.is_err() });
    }
}

/// Writes the book whenever it changed, until the gateway stops hard.
pub(crate) async fn keep(devices: Devices, lifecycle: Lifecycle) {
    let mut wanted = devices.shared.wanted.subscribe();
    let mut notes = interval(NOTES_EVERY);
    notes.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = lifecycle.hard.cancelled() => break,
            changed = wanted.changed() => {
                if changed.is_err() {
                    break;
                }
                devices.write(false).await;
            }
            _ = notes.tick() => devices.write(true).await,
        }
    }
    devices.write(true).await;
}

impl From<Refused> for RpcError {
    fn from(refused: Refused) -> Self {
        match &refused {
            Refused::Lacks(scope) => protocol::Error::missing_scope_named(scope).into(),
            Refused::UnknownRequest | Refused::UnknownDevice | Refused::NotApproved(_) => {
                Self::invalid(refused.to_string())
            }
        }
    }
}

/// 32 hex digits that nobody guesses.
pub(crate) fn fresh_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
