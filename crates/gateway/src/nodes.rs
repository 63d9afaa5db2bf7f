//! Nodes: other machines that are connected, what they can do, and calls of it.
//!
//! ```text
//!   connects ─► declared commands ─(platform, config)─► (approved, version 4) ─► may be called
//!   invoke ─► node.invoke.request to that connection ─► node.invoke.result ─► answer
//!                                                    └ time is up, node gone ─► refusal
//! ```
//!
//! One lock held for moments. A call that was made is remembered by its idempotency key for as
//! long as it waits and a while after, so that a repeat runs nothing twice.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Clock, ConnId, UnixMillis};
use protocol::{Code, Error, Version, frame::EventText};
use serde_json::{Value, json};
use store::{NodeFile, NodeRecord, StoreError};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::info;

use crate::{
    conn::Caller,
    events::{Events, Slow},
    rpc::RpcError,
};

mod allowed;
mod commands;
mod machine;
mod pairing;
mod progress;
mod row;

pub(crate) use machine::{Port, find};
pub(crate) use pairing::{About, PairRequest};
pub(crate) use progress::Listener;
pub(crate) use row::Row;

use pairing::asked_by_connecting;

/// Calls remembered by their key, and calls that may wait at once.
const CALLS_MAX: usize = 256;
/// How long an ended call is remembered.
const CALL_KEPT: Duration = Duration::from_mins(5);

/// The nodes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Held while the file is written, so that an older state never overwrites a newer one.
    writing: tokio::sync::Mutex<()>,
    file: NodeFile,
    events: Events,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    live: HashMap<String, Live>,
    records: BTreeMap<String, NodeRecord>,
    pending: VecDeque<PairRequest>,
    calls: HashMap<String, Call>,
}

/// A node that is connected.
#[derive(Clone)]
struct Live {
    caller: Arc<Caller>,
    since: UnixMillis,
    /// When it last said that it is there, and on what occasion.
    seen: (UnixMillis, &'static str),
}

/// A call of a node's command.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) node: String,
    pub(crate) command: String,
    pub(crate) params: Option<Value>,
    pub(crate) timeout: Duration,
    pub(crate) key: String,
    /// Hears what comes before the end.
    pub(crate) listener: Listener,
}

/// What a node answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Done { payload: Value, json: Option<String> },
    Failed { code: String, message: String },
}

struct Call {
    id: String,
    node: String,
    conn: ConnId,
    begun: Instant,
    /// What names the command that runs, for its node.
    run: Option<String>,
    listener: Listener,
    /// Number that the next piece of output must have, at least.
    piece: u64,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Nodes {
    /// Reads what was approved. Blocks; meant for the start.
    pub(crate) fn open(
        file: NodeFile,
        events: Events,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let state = State { records: file.read()?, ..State::default() };
        let (state, writing) = (Mutex::new(state), tokio::sync::Mutex::default());
        Ok(Self { shared: Arc::new(Shared { state, writing, file, events, clock }) })
    }

    /// Notes that a node is there. An older connection of the same device is no longer it.
    pub(crate) fn join(&self, caller: &Arc<Caller>) {
        let Some(id) = node_id(caller) else { return };
        let now = self.shared.clock.now();
        let mut state = self.lock();
        fail_calls_of(&mut state, |call| call.node == id);
        let live = Live { caller: Arc::clone(caller), since: now, seen: (now, "connect") };
        state.live.insert(id.clone(), live);
        let asked = asked_by_connecting(&id, caller, &state, now);
        drop(state);
        if let Some(request) = &asked {
            self.put_request(request);
        }
        info!(node = id, conn = %caller.conn, "node connected");
    }

    /// Forgets a connection. Calls that wait for it fail.
    pub(crate) fn leave(&self, caller: &Caller) {
        let Some(id) = node_id(caller) else { return };
        let mut state = self.lock();
        if state.live.get(&id).is_some_and(|live| live.caller.conn == caller.conn) {
            state.live.remove(&id);
        }
        fail_calls_of(&mut state, |call| call.conn == caller.conn);
    }

    /// Calls a command of a node and waits for the answer.
    pub(crate) async fn invoke(
        &self,
        invocation: Invocation,
        config: &config::Nodes,
    ) -> Result<Outcome, RpcError> {
        let patience = invocation.timeout;
        let (key, mut outcome) = self.begin(invocation, config)?;
        let abandoned = Abandoned { nodes: self, key: Some(key) };
        let waited = timeout(patience, outcome.wait_for(Option::is_some)).await;
        abandoned.forgive();
        match waited {
            Ok(Ok(found)) => Ok(found.as_ref().cloned().unwrap_or_else(timed_out)),
            // The call was forgotten, which only an overflow does.
            Ok(Err(_)) | Err(_) => Ok(timed_out()),
        }
    }

    fn begin(
        &self,
        invocation: Invocation,
        config: &config::Nodes,
    ) -> Result<(String, watch::Receiver<Option<Outcome>>), RpcError> {
        let Invocation { node, command, params, timeout, key, listener } = invocation;
        let run = params.as_ref().and_then(|it| it["runId"].as_str()).map(str::to_owned);
        let mut state = self.lock();
        state.calls.retain(|_, it| it.outcome.borrow().is_none() || it.begun.elapsed() < CALL_KEPT);
        let key = format!("{node}\n{command}\n{key}");
        if let Some(known) = state.calls.get(&key) {
            let outcome = known.outcome.subscribe();
            drop(state);
            return Ok((key, outcome));
        }
        let live = state.live.get(&node).ok_or_else(not_connected)?;
        commands::check(&command, live, state.records.get(&node), config)?;
        if state.calls.len() >= CALLS_MAX {
            return Err(RpcError::unavailable("too many calls of nodes are under way"));
        }
        let id = uuid::Uuid::new_v4().to_string();
        let mut request = json!({ "id": id, "nodeId": node, "command": command });
        request["paramsJSON"] = params.map_or(Value::Null, |it| it.to_string().into());
        if live.caller.version >= Version::V4 && request["paramsJSON"].is_null() {
            request.as_object_mut().map(|it| it.shift_remove("paramsJSON"));
        }
        request["timeoutMs"] = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).into();
        request["idempotencyKey"] = key.rsplit('\n').next().unwrap_or_default().into();
        let text = EventText::new("node.invoke.request", &request, None)
            .map_err(|error| RpcError::internal("the call is no JSON", &error))?;
        live.caller.outbox.send_event(&Arc::new(text), false, Slow::Close);
        let conn = live.caller.conn.clone();
        let (outcome, receiver) = watch::channel(None);
        let begun = Instant::now();
        let call = Call { id, node, conn, begun, run, listener, piece: 0, outcome };
        state.calls.insert(key.clone(), call);
        Ok((key, receiver))
    }

    /// Takes a node's answer; says whether anybody waited for it.
    pub(crate) fn answer(&self, conn: &ConnId, id: &str, outcome: &Outcome) -> bool {
        let state = self.lock();
        let call = state.calls.values().find(|call| call.id == id && call.conn == *conn);
        call.is_some_and(|call| {
            call.outcome.send_if_modified(|known| {
                let is_first = known.is_none();
                if is_first {
                    *known = Some(outcome.clone());
                }
                is_first
            })
        })
    }

    /// Tells a node to give a call up, unless somebody else waits for it, too.
    fn cancel(&self, key: &str) {
        let state = self.lock();
        let Some(call) = state.calls.get(key) else { return };
        // The one that gives up still holds its own receiver.
        if call.outcome.receiver_count() > 1 || call.outcome.borrow().is_some() {
            return;
        }
        call.outcome.send_replace(Some(Outcome::Failed {
            code: "CANCELLED".to_owned(),
            message: "nobody waits for it any more".to_owned(),
        }));
        let live = state.live.get(&call.node).filter(|live| live.caller.conn == call.conn);
        let told = json!({ "invokeId": call.id, "nodeId": call.node });
        if let Some(live) = live
            && let Ok(text) = EventText::new("node.invoke.cancel", &told, None)
            && live.caller.version >= Version::V4
        {
            live.caller.outbox.send_event(&Arc::new(text), false, Slow::Close);
        }
    }

    /// Notes that a connected node says that it is there.
    pub(crate) fn seen(&self, caller: &Caller, occasion: &'static str) {
        let now = self.shared.clock.now();
        let Some(id) = node_id(caller) else { return };
        if let Some(live) = self.lock().live.get_mut(&id) {
            live.seen = (now, occasion);
        }
    }

    /// Whether a node's command was called for by us, so that its end is told as an answer.
    pub(crate) fn called_for(&self, conn: &ConnId, run: &str) -> bool {
        let state = self.lock();
        state.calls.values().any(|call| call.conn == *conn && call.run.as_deref() == Some(run))
    }

    /// Gives a node a name.
    pub(crate) async fn rename(&self, node: &str, name: &str) -> Result<(), RpcError> {
        let name = name.to_owned();
        self.change(node, |record| record.display_name = Some(name)).await.map(drop)
    }

    async fn change(
        &self,
        node: &str,
        change: impl FnOnce(&mut NodeRecord),
    ) -> Result<NodeRecord, RpcError> {
        let (before, record) = {
            let mut state = self.lock();
            let before = state.records.get(node).cloned();
            let record = state.records.entry(node.to_owned()).or_default();
            node.clone_into(&mut record.node_id);
            change(record);
            (before, record.clone())
        };
        self.write_or_undo(node, before).await?;
        Ok(record)
    }

    /// Writes the file. What the disk does not take does not hold either.
    pub(crate) async fn write_or_undo(
        &self,
        node: &str,
        before: Option<NodeRecord>,
    ) -> Result<(), StoreError> {
        let written = self.write().await;
        if written.is_err() {
            let mut state = self.lock();
            match before {
                Some(before) => drop(state.records.insert(node.to_owned(), before)),
                None => drop(state.records.remove(node)),
            }
        }
        written
    }

    async fn write(&self) -> Result<(), StoreError> {
        let _turn = self.shared.writing.lock().await;
        let records = self.lock().records.clone();
        self.shared.file.write(records).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of a node's connection: that of its device.
pub(crate) fn node_id(caller: &Caller) -> Option<String> {
    caller.node.as_ref()?;
    caller.principal.device.as_ref().map(|device| device.as_str().to_owned())
}

fn fail_calls_of(state: &mut State, concerned: impl Fn(&Call) -> bool) {
    for call in state.calls.values().filter(|call| concerned(call)) {
        call.outcome.send_if_modified(|known| {
            let is_open = known.is_none();
            if is_open {
                *known = Some(Outcome::Failed {
                    code: "NOT_CONNECTED".to_owned(),
                    message: "node disconnected while it worked".to_owned(),
                });
            }
            is_open
        });
    }
}

/// Takes a call back from its node when nobody waits for it any more.
struct Abandoned<'a> {
    nodes: &'a Nodes,
    key: Option<String>,
}

impl Abandoned<'_> {
    /// The wait is over; what the node still does is its own business.
    fn forgive(mut self) {
        self.key = None;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.nodes.cancel(key);
        }
    }
}

fn not_connected() -> RpcError {
    Error::new(Code::Unavailable, "node not connected")
        .with_details(json!({ "code": "NOT_CONNECTED" }))
        .into()
}

fn timed_out() -> Outcome {
    Outcome::Failed {
        code: "TIMEOUT".to_owned(),
        message: "node did not answer in time".to_owned(),
    }
}
