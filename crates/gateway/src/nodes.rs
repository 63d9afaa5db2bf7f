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

use domain::{Clock, ConnId, Scope, UnixMillis};
use protocol::{Code, Error, Version, frame::EventText};
use serde::Serialize;
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
mod row;

pub(crate) use machine::{Port, find};
pub(crate) use row::Row;

/// Calls remembered by their key, and calls that may wait at once.
const CALLS_MAX: usize = 256;
/// How long an ended call is remembered.
const CALL_KEPT: Duration = Duration::from_mins(5);
/// Nodes that may wait for approval; the oldest request goes when one more comes.
const PENDING_MAX: usize = 64;

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
}

/// A node that asks for its commands to be approved.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PairRequest {
    pub(crate) request_id: String,
    pub(crate) node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    client_id: String,
    client_mode: String,
    platform: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_family: Option<String>,
    pub(crate) caps: Vec<String>,
    pub(crate) commands: Vec<String>,
    required_approve_scopes: [&'static str; 2],
    silent: bool,
    ts: UnixMillis,
}

/// A call of a node's command.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) node: String,
    pub(crate) command: String,
    pub(crate) params: Option<Value>,
    pub(crate) timeout: Duration,
    pub(crate) key: String,
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
        state.live.insert(id.clone(), Live { caller: Arc::clone(caller), since: now });
        let asked = request(&id, caller, &state, now);
        if let Some(request) = &asked {
            let known = state.pending.iter().position(|it| it.node_id == id);
            let replaced = known.or_else(|| (state.pending.len() >= PENDING_MAX).then_some(0));
            let gone = replaced.and_then(|at| state.pending.remove(at));
            state.pending.push_back(request.clone());
            drop(state);
            if let Some(gone) = gone {
                self.told(&gone, "rejected");
            }
            self.shared.events.tell_holders(Scope::Pairing, "node.pair.requested", request);
        } else {
            drop(state);
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
        let mut outcome = self.begin(invocation, config)?;
        match timeout(patience, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(found)) => Ok(found.clone().unwrap_or_else(timed_out)),
            // The call was forgotten, which only an overflow does.
            Ok(Err(_)) | Err(_) => Ok(timed_out()),
        }
    }

    fn begin(
        &self,
        invocation: Invocation,
        config: &config::Nodes,
    ) -> Result<watch::Receiver<Option<Outcome>>, RpcError> {
        let Invocation { node, command, params, timeout, key } = invocation;
        let mut state = self.lock();
        state.calls.retain(|_, it| it.outcome.borrow().is_none() || it.begun.elapsed() < CALL_KEPT);
        let key = format!("{node}\n{command}\n{key}");
        if let Some(known) = state.calls.get(&key) {
            return Ok(known.outcome.subscribe());
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
        let call = Call { id, node, conn, begun: Instant::now(), outcome };
        state.calls.insert(key, call);
        Ok(receiver)
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

    /// Requests that wait, and what was approved.
    pub(crate) fn pairings(&self) -> (Vec<PairRequest>, Vec<NodeRecord>) {
        let state = self.lock();
        let approved = state.records.values().filter(|it| it.approved_at_ms.is_some());
        (state.pending.iter().cloned().collect(), approved.cloned().collect())
    }

    /// Approves the commands that a request names.
    pub(crate) async fn approve(&self, request: &str) -> Result<NodeRecord, RpcError> {
        let asked = self.take_request(request)?;
        let (node, now) = (asked.node_id.clone(), self.shared.clock.now());
        let record = self
            .change(&node, |record| {
                record.caps.clone_from(&asked.caps);
                record.commands.clone_from(&asked.commands);
                record.approved_at_ms = Some(now);
            })
            .await?;
        info!(node, request, "commands of a node approved");
        self.told(&asked, "approved");
        Ok(record)
    }

    /// Turns a request down. The node stays connected, its commands cannot be called.
    pub(crate) fn reject(&self, request: &str) -> Result<PairRequest, RpcError> {
        let asked = self.take_request(request)?;
        self.told(&asked, "rejected");
        Ok(asked)
    }

    /// Takes an approval back; says whether there was one.
    pub(crate) async fn remove(&self, node: &str) -> Result<bool, RpcError> {
        if self.lock().records.remove(node).is_none() {
            return Ok(false);
        }
        self.write().await?;
        Ok(true)
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
        let record = {
            let mut state = self.lock();
            let record = state.records.entry(node.to_owned()).or_default();
            node.clone_into(&mut record.node_id);
            change(record);
            record.clone()
        };
        self.write().await?;
        Ok(record)
    }

    async fn write(&self) -> Result<(), StoreError> {
        let _turn = self.shared.writing.lock().await;
        let records = self.lock().records.clone();
        self.shared.file.write(records).await
    }

    fn take_request(&self, request: &str) -> Result<PairRequest, RpcError> {
        let mut state = self.lock();
        let at = state.pending.iter().position(|it| it.request_id == request);
        let asked = at.and_then(|at| state.pending.remove(at));
        asked.ok_or_else(|| RpcError::invalid("unknown requestId"))
    }

    fn told(&self, asked: &PairRequest, decision: &str) {
        let told = json!({
            "requestId": asked.request_id,
            "nodeId": asked.node_id,
            "decision": decision,
            "ts": self.shared.clock.now(),
        });
        self.shared.events.tell_holders(Scope::Pairing, "node.pair.resolved", &told);
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

/// The request that a node makes by connecting; none when all it declares is approved, or when
/// its version needs no approval.
fn request(id: &str, caller: &Caller, state: &State, now: UnixMillis) -> Option<PairRequest> {
    let about = caller.node.as_ref()?;
    let mut declared = about.commands.clone().unwrap_or_default();
    declared.sort();
    let approved = state.records.get(id);
    let is_covered = approved.is_some_and(|record| {
        record.approved_at_ms.is_some() && declared.iter().all(|it| record.commands.contains(it))
    });
    if caller.version < Version::V4 || is_covered {
        return None;
    }
    Some(PairRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        node_id: id.to_owned(),
        display_name: about.client.display_name.clone(),
        client_id: caller.client_id.clone(),
        client_mode: caller.client_mode.clone(),
        platform: about.client.platform.clone(),
        version: about.client.version.clone(),
        device_family: about.client.device_family.clone(),
        caps: about.caps.clone(),
        commands: declared,
        required_approve_scopes: ["operator.pairing", "operator.admin"],
        silent: false,
        ts: now,
    })
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
