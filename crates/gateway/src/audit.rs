//! The record of who did what: changes by clients, and the turns and tool calls of agents.
//!
//! One task writes, off the path of requests. A record names methods and keys; it has no message,
//! no argument of a tool and no secret. Records of clients wait for room in the queue, so that
//! nothing is done unseen; those of agents do not, and how many were lost is recorded instead.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use agent::{Event, EventBody, Stop};
use domain::UnixMillis;
use protocol::Code;
use serde_json::{Map, Value, json};
use store::{AuditFiles, AuditLog};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tracing::warn;

use crate::{
    conn::Caller,
    lifecycle::Lifecycle,
    rpc::{Answer, RpcError, error::chain},
};

/// Records that may wait to be written.
const WAITING_MAX: usize = 1024;
/// Records written at once, at most.
const BATCH_MAX: usize = 256;
/// How long records of agents wait for others, to be written together: a turn makes several, and
/// each write wakes two threads. Records of clients do not wait.
const GATHER: Duration = Duration::from_millis(25);
/// Longest name of what something was done to, in characters.
const TARGET_CHARS_MAX: usize = 200;
/// Params that name what something is done to, the most telling first. No others are looked at.
const TARGETS: [&str; 11] = [
    "sessionKey",
    "key",
    "agentId",
    "deviceId",
    "nodeId",
    "requestId",
    "id",
    "runId",
    "name",
    "path",
    "skillKey",
];

type Record = Map<String, Value>;

/// A record on its way to the writer.
struct Waiting {
    record: Record,
    /// Whether it may wait for others.
    is_patient: bool,
}

/// Takes records. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Audit {
    sender: mpsc::Sender<Waiting>,
    /// Where to read them.
    pub(crate) files: AuditFiles,
    lost: std::sync::Arc<AtomicU64>,
}

/// The writer's side.
pub(crate) struct Writer {
    log: AuditLog,
    inbox: mpsc::Receiver<Waiting>,
}

/// What an endpoint was called for; put into the extensions of its reply.
#[derive(Clone, Debug)]
pub(crate) struct Target(pub(crate) String);

/// That the caller of an endpoint was let in, and who it is where a proxy says so; put there, too.
/// What strangers ask for is not recorded: they could flood the record.
#[derive(Clone, Debug)]
pub(crate) struct LetIn(pub(crate) Option<String>);

/// Something that a client did.
pub(crate) struct Deed<'a> {
    /// The method, or method and path.
    pub(crate) action: &'a str,
    /// What it was done to.
    pub(crate) target: Option<String>,
    /// When it was over.
    pub(crate) at: UnixMillis,
    /// How long it took.
    pub(crate) took_ms: u64,
    /// `succeeded`, `failed`, or `refused` when it was not allowed to begin.
    pub(crate) status: &'static str,
    /// The code of the answer that was no success.
    pub(crate) code: Option<String>,
    /// What stood against it, as a word for programs.
    pub(crate) reason: Option<String>,
}

impl Audit {
    /// Makes the queue; [`Writer::run`] empties it.
    pub(crate) fn new(log: AuditLog) -> (Self, Writer) {
        let (sender, inbox) = mpsc::channel(WAITING_MAX);
        let audit = Self { sender, files: log.files(), lost: std::sync::Arc::default() };
        (audit, Writer { log, inbox })
    }

    /// Records what a connected client did.
    pub(crate) async fn by_caller(&self, caller: &Caller, deed: Deed<'_>) {
        let principal = &caller.principal;
        let id = principal.device.as_ref().map_or(&*caller.client_id, |device| device.as_str());
        let mut actor = json!({
            "type": principal.role.as_str(),
            "id": id,
            "client": caller.client_id,
            "proof": principal.proof.as_str(),
            "address": caller.ip.to_string(),
        });
        if let Some(device) = &principal.device {
            actor["deviceId"] = json!(device);
        }
        self.put(deed.record(&actor)).await;
    }

    /// Records what was done by an endpoint.
    pub(crate) async fn by_request(&self, user: Option<&str>, ip: IpAddr, deed: Deed<'_>) {
        let actor = json!({
            "type": "http",
            "id": user.unwrap_or("http"),
            "address": ip.to_string(),
        });
        self.put(deed.record(&actor)).await;
    }

    /// Records what an agent did, if there is room.
    pub(crate) fn by_agent(&self, event: &Event) {
        let Some(record) = of_agent(event) else { return };
        if self.sender.try_send(Waiting { record, is_patient: true }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn put(&self, record: Record) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let record = object(json!({"kind": "gap", "lost": lost}));
            // The writer ends with the gateway only.
            let _closed = self.sender.send(Waiting { record, is_patient: true }).await;
        }
        let _closed = self.sender.send(Waiting { record, is_patient: false }).await;
    }
}

impl Writer {
    /// Writes until the gateway stops for good.
    pub(crate) async fn run(mut self, lifecycle: Lifecycle) {
        let mut batch = Vec::new();
        loop {
            let taken = tokio::select! {
                biased;
                taken = self.inbox.recv_many(&mut batch, BATCH_MAX) => taken,
                () = lifecycle.hard.cancelled() => 0,
            };
            if taken == 0 {
                break;
            }
            tokio::select! {
                biased;
                () = self.gather(&mut batch) => {}
                () = lifecycle.hard.cancelled() => {}
            }
            let records = batch.drain(..).map(|it| it.record).collect();
            let written = tokio::task::spawn_blocking(move || {
                let written = self.log.append(records);
                (self, written)
            });
            let Ok((writer, written)) = written.await else { return };
            self = writer;
            if let Err(error) = written {
                warn!(error = chain(&error), "cannot write the audit log");
            }
        }
        if let Err(error) = self.log.sync() {
            warn!(error = chain(&error), "cannot sync the audit log");
        }
    }

    /// Takes what comes until time or room is over, or a record that does not wait is there.
    async fn gather(&mut self, batch: &mut Vec<Waiting>) {
        let until = Instant::now() + GATHER;
        while batch.iter().all(|it| it.is_patient) && batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            if !matches!(timeout_at(until, self.inbox.recv_many(batch, room)).await, Ok(1..)) {
                return;
            }
        }
    }
}

impl Deed<'_> {
    fn record(self, actor: &Value) -> Record {
        let mut record = object(json!({
            "eventId": uuid::Uuid::new_v4(),
            "occurredAt": self.at,
            "kind": "operation",
            "action": self.action,
            "status": self.status,
            "actor": actor,
            "durationMs": self.took_ms,
            "redaction": "metadata_only",
        }));
        if let Some(target) = self.target {
            record.insert("target".to_owned(), short(&target).into());
        }
        if let Some(code) = self.code {
            record.insert("errorCode".to_owned(), code.into());
        }
        if let Some(reason) = self.reason {
            record.insert("reason".to_owned(), reason.into());
        }
        record
    }
}

/// What `params` say something is done to.
pub(crate) fn target_in(params: &Value) -> Option<String> {
    TARGETS.iter().find_map(|name| params.get(name)?.as_str()).map(str::to_owned)
}

/// How an answer counts.
pub(crate) struct Verdict {
    pub(crate) status: &'static str,
    pub(crate) code: Option<String>,
    pub(crate) reason: Option<String>,
}

/// Tells what was done from what went wrong, and that from what was not allowed.
pub(crate) fn verdict(answer: &Answer) -> Verdict {
    let Err(RpcError { error, .. }) = answer else {
        return Verdict { status: "succeeded", code: None, reason: None };
    };
    let code = serde_json::to_value(error.code).ok();
    let code = code.and_then(|code| code.as_str().map(str::to_owned));
    let detail = |place: &str| error.details.as_ref()?.pointer(place)?.as_str();
    let is_of_node = detail("/nodeError/code") == Some("SYSTEM_RUN_DENIED");
    // The refusal of a node's command names the command; an unknown question does not.
    let is_command = detail("/command").is_some() && detail("/reason").is_some();
    let is_refused = matches!(error.code, Code::Forbidden | Code::NotPaired);
    let status = if is_refused || is_of_node || is_command { "refused" } else { "failed" };
    let reason = ["/nodeError/code", "/reason", "/code"].into_iter().find_map(detail);
    Verdict { status, code, reason: reason.map(short) }
}

fn short(text: &str) -> String {
    text.chars().take(TARGET_CHARS_MAX).collect()
}

/// In the shape of protocol 4's `AuditEvent`.
fn of_agent(event: &Event) -> Option<Record> {
    let (kind, action, status, code) = match &event.body {
        EventBody::Started => ("agent_run", "agent.run.started", "started", None),
        EventBody::Ended(outcome) => {
            let (status, code) = match &outcome.stop {
                Stop::Done => ("succeeded", None),
                Stop::Aborted { reason: "timeout" } => ("timed_out", Some("run_timed_out")),
                Stop::Aborted { .. } => ("cancelled", Some("run_cancelled")),
                Stop::Failed { .. } => ("failed", Some("run_failed")),
            };
            ("agent_run", "agent.run.finished", status, code)
        }
        EventBody::CallStarted { .. } => ("tool_action", "tool.action.started", "started", None),
        EventBody::CallEnded(end) if end.refused_by.is_some() => {
            ("tool_action", "tool.action.finished", "refused", Some("tool_blocked"))
        }
        EventBody::CallEnded(end) if end.result.is_error => {
            ("tool_action", "tool.action.finished", "failed", Some("tool_failed"))
        }
        EventBody::CallEnded(_) => ("tool_action", "tool.action.finished", "succeeded", None),
        EventBody::Model { .. }
        | EventBody::Text { .. }
        | EventBody::Thinking { .. }
        | EventBody::CallProgress { .. }
        | EventBody::Usage(_)
        | EventBody::Compaction { .. } => return None,
    };
    let mut record = object(json!({
        "eventId": uuid::Uuid::new_v4(),
        "sourceSequence": event.seq,
        "occurredAt": event.at,
        "kind": kind,
        "action": action,
        "status": status,
        "actor": {"type": "agent", "id": event.agent},
        "agentId": event.agent,
        "sessionKey": event.session,
        "sessionId": event.session_id,
        "runId": event.turn,
        "redaction": "metadata_only",
    }));
    if let Some(code) = code {
        record.insert("errorCode".to_owned(), code.into());
    }
    let call = match &event.body {
        EventBody::CallStarted { id, name, .. } => Some((id, name)),
        EventBody::CallEnded(end) => Some((&end.id, &end.name)),
        EventBody::Started
        | EventBody::Model { .. }
        | EventBody::Text { .. }
        | EventBody::Thinking { .. }
        | EventBody::CallProgress { .. }
        | EventBody::Usage(_)
        | EventBody::Compaction { .. }
        | EventBody::Ended(_) => None,
    };
    if let Some((id, name)) = call {
        record.insert("toolCallId".to_owned(), short(id.as_str()).into());
        record.insert("toolName".to_owned(), short(name).into());
    }
    if let EventBody::CallEnded(end) = &event.body
        && let Some(rule) = &end.refused_by
    {
        record.insert("reason".to_owned(), short(rule).into());
    }
    Some(record)
}

fn object(value: Value) -> Record {
    if let Value::Object(record) = value { record } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_and_never_what_is_said_or_set() {
        let of = |params: Value| target_in(&params);

        let send = json!({"sessionKey": "main", "message": "private", "idempotencyKey": "k"});
        assert_eq!(of(send).as_deref(), Some("main"));
        assert_eq!(of(json!({"raw": "{token: 's'}", "baseHash": "h"})), None);
        assert_eq!(of(json!({"text": "private", "token": "secret", "id": 7})), None);
    }
}
