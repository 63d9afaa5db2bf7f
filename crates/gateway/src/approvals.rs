//! Questions to people: may this command run?
//!
//! ```text
//!   ask, request ─► waiting ──resolve──► answered ─┐
//!                      ├──── time is up ─► expired ├─► remembered for a while
//!                      └──── asker is gone ────────┘
//! ```
//!
//! One task owns the questions; the rest of the gateway has its mailbox. A question belongs to
//! the gateway, not to a connection: operators come and go, and whoever has the scope answers.
//! What the answer means is `policy`'s to say.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use agent::{ApprovalRequest, Approver};
use async_trait::async_trait;
use domain::{Clock, Scope};
use policy::Verdict;
use protocol::{Version, frame::EventText};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span};

use crate::{
    conn::Caller,
    events::{Events, Slow},
    state::Gateway,
};

mod forward;
#[cfg(test)]
mod tests;

/// Mail that may wait; who writes more waits for room.
const MAIL_MAX: usize = 64;
/// Questions that may wait for a person; one more is answered with silence at once.
const WAITING_MAX: usize = 128;
/// Ended questions that are remembered; the oldest goes when one more comes.
const ENDED_MAX: usize = 128;
/// Longest command of an ended question, in characters.
const ENDED_CHARS_MAX: usize = 16_384;
/// Shortest beginning of an id that names a question.
const PREFIX_CHARS_MIN: usize = 8;

/// The questions, as a handle. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Approvals {
    mailbox: mpsc::Sender<Mail>,
    clock: Arc<dyn Clock>,
}

/// A question as clients see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) request: Value,
    pub(crate) created_at_ms: i64,
    pub(crate) expires_at_ms: i64,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) asked: Asked,
    pub(crate) verdict: Verdict,
    pub(crate) by: Option<String>,
    pub(crate) cause: Cause,
    pub(crate) ended_at_ms: i64,
}

/// Why a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A person answered.
    Person,
    /// Its time was up.
    Time,
    /// Who asked has gone, or the gateway goes.
    Asker,
}

/// Why a question was not taken or not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Another question has this id.
    Taken,
    /// There is no such question, or there is none any more.
    Unknown,
    /// It was answered before.
    Over(Option<&'static str>),
    /// The gateway stops.
    Closing,
}

#[derive(Debug)]
enum Mail {
    Ask { asked: Asked, patience: Duration, reply: oneshot::Sender<Result<Waiter, Unfit>> },
    Resolve { id: String, verdict: Verdict, by: String, reply: Reply<String> },
    Find { id: String, reply: Reply<Waiter> },
    List { reply: oneshot::Sender<Vec<Asked>> },
    Ended { reply: oneshot::Sender<Vec<Answered>> },
    Withdraw { id: String },
}

type Reply<T> = oneshot::Sender<Result<T, Unfit>>;

/// A question that was put, and where its end is told.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) asked: Asked,
    end: oneshot::Receiver<Answered>,
}

impl Waiter {
    /// Waits for the end; silence when the gateway stops first.
    pub(crate) async fn end(self) -> Answered {
        let (asked, verdict) = (self.asked, Verdict::Expired);
        let ended_at_ms = asked.expires_at_ms;
        let gone = Answered { asked, verdict, by: None, cause: Cause::Asker, ended_at_ms };
        self.end.await.unwrap_or(gone)
    }
}

/// The task's side.
pub(crate) struct Task {
    inbox: mpsc::Receiver<Mail>,
    waiting: BTreeMap<String, Pending>,
    ended: VecDeque<Answered>,
}

struct Pending {
    asked: Asked,
    until: Instant,
    waiters: Vec<oneshot::Sender<Answered>>,
}

impl Approvals {
    /// Makes the handle, and the task that must be run for it.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> (Self, Task) {
        let (mailbox, inbox) = mpsc::channel(MAIL_MAX);
        let task = Task { inbox, waiting: BTreeMap::new(), ended: VecDeque::new() };
        (Self { mailbox, clock }, task)
    }

    /// Puts a question to the operators. It stays until it is answered or `patience` is over.
    pub(crate) async fn put(
        &self,
        id: String,
        request: Value,
        patience: Duration,
    ) -> Result<Waiter, Unfit> {
        let now = self.clock.now().0;
        let patience_ms = i64::try_from(patience.as_millis()).unwrap_or(i64::MAX);
        let expires_at_ms = now.saturating_add(patience_ms);
        let asked = Asked { id, request, created_at_ms: now, expires_at_ms };
        self.send(|reply| Mail::Ask { asked, patience, reply }).await
    }

    /// Answers a question. `id` may be its beginning, if that is unmistakable. Gives the whole id.
    pub(crate) async fn resolve(
        &self,
        id: &str,
        verdict: Verdict,
        by: &str,
    ) -> Result<String, Unfit> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.send(|reply| Mail::Resolve { id, verdict, by, reply }).await
    }

    /// A question that waits, or that was answered not long ago.
    pub(crate) async fn find(&self, id: &str) -> Result<Waiter, Unfit> {
        let id = id.to_owned();
        self.send(|reply| Mail::Find { id, reply }).await
    }

    /// The questions that wait, oldest first.
    pub(crate) async fn list(&self) -> Vec<Asked> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Mail::List { reply }).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// The questions that ended since the gateway started, newest first, as far as remembered.
    pub(crate) async fn ended(&self) -> Vec<Answered> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Mail::Ended { reply }).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    async fn send<T>(&self, mail: impl FnOnce(Reply<T>) -> Mail) -> Result<T, Unfit> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(mail(reply)).await.is_err() {
            return Err(Unfit::Closing);
        }
        answer.await.unwrap_or(Err(Unfit::Closing))
    }
}

#[async_trait]
impl Approver for Approvals {
    async fn ask(&self, request: ApprovalRequest) -> Verdict {
        let withdrawal = Withdrawal { mailbox: &self.mailbox, id: &request.id };
        let put = self.put(request.id.clone(), shown(&request), agent::consent::PATIENCE).await;
        let verdict = match put {
            Ok(waiter) => waiter.end().await.verdict,
            Err(_) => Verdict::Expired,
        };
        drop(withdrawal);
        verdict
    }

    async fn answer(&self, id: &str, verdict: Verdict, by: &str) -> Option<String> {
        self.resolve(id, verdict, by).await.ok()
    }
}

/// Runs the questions' task until the gateway stops.
pub(crate) async fn run(task: Task, gateway: Arc<Gateway>) {
    let (events, clock) = (gateway.events.clone(), Arc::clone(&gateway.clock));
    let stop = gateway.lifecycle.soft.clone();
    let forward = Box::new(move |news: News<'_>| forward::tell(&gateway, news));
    task.run(Desk { events, clock, forward }, stop).await;
}

/// Tells a client of version 3, which cannot ask for them, the questions that wait.
pub(crate) async fn remind(gateway: &Gateway, caller: &Caller) {
    if caller.version != Version::V3 || !caller.principal.may(Scope::Approvals) {
        return;
    }
    for asked in gateway.approvals.list().await {
        if let Ok(text) = EventText::new("exec.approval.requested", &asked, None) {
            caller.outbox.send_event(&Arc::new(text), false, Slow::Drop);
        }
    }
}

/// Takes a question back when nobody waits for its answer any more. Without effect on one that
/// has ended.
struct Withdrawal<'a> {
    mailbox: &'a mpsc::Sender<Mail>,
    id: &'a str,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        // With a full mailbox the question stays until its time is up.
        let _sent = self.mailbox.try_send(Mail::Withdraw { id: self.id.to_owned() });
    }
}

/// The request as clients see it.
fn shown(request: &ApprovalRequest) -> Value {
    json!({
        "command": request.command,
        "cwd": request.cwd,
        "host": request.host,
        "security": request.security,
        "ask": request.ask,
        "agentId": request.agent,
        "resolvedPath": request.resolved_path,
        "sessionKey": request.session,
        "allowedDecisions": allowed(request.may_remember),
    })
}

/// The answers that make sense.
pub(crate) fn allowed(may_remember: bool) -> &'static [&'static str] {
    if may_remember { &["allow-once", "allow-always", "deny"] } else { &["allow-once", "deny"] }
}

impl Task {
    /// Serves until the gateway stops. What waits then is answered with silence, by the drop of
    /// the waiters.
    async fn run(mut self, desk: Desk, stop: CancellationToken) {
        let serve = async {
            loop {
                let next = self.waiting.values().map(|it| it.until).min();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    mail = self.inbox.recv() => match mail {
                        Some(mail) => self.handle(mail, &desk),
                        None => break,
                    },
                    () = until(next) => self.expire(&desk),
                }
            }
        };
        serve.instrument(info_span!("approvals")).await;
    }

    fn handle(&mut self, mail: Mail, desk: &Desk) {
        // An asker that has gone needs no answer.
        match mail {
            Mail::Ask { asked, patience, reply } => {
                let _gone = reply.send(self.take(asked, patience, desk));
            }
            Mail::Resolve { id, verdict, by, reply } => {
                let _gone = reply.send(self.resolve(&id, verdict, by, desk));
            }
            Mail::Find { id, reply } => {
                let _gone = reply.send(self.find(&id));
            }
            Mail::List { reply } => {
                let mut all: Vec<Asked> =
                    self.waiting.values().map(|it| it.asked.clone()).collect();
                all.sort_by_key(|it| it.created_at_ms);
                let _gone = reply.send(all);
            }
            Mail::Ended { reply } => {
                let _gone = reply.send(self.ended.iter().rev().cloned().collect());
            }
            Mail::Withdraw { id } => {
                if self.waiting.contains_key(&id) {
                    info!(id, "question taken back");
                    self.end(&id, (Verdict::Expired, Cause::Asker), None, desk);
                }
            }
        }
    }

    fn take(&mut self, asked: Asked, patience: Duration, desk: &Desk) -> Result<Waiter, Unfit> {
        if self.waiting.contains_key(&asked.id) {
            return Err(Unfit::Taken);
        }
        let (end, waiter) = oneshot::channel();
        let waiter = Waiter { asked: asked.clone(), end: waiter };
        if self.waiting.len() >= WAITING_MAX {
            // Dropping `end` is silence.
            return Ok(waiter);
        }
        info!(id = asked.id, "a command waits for a person");
        desk.events.tell_holders(Scope::Approvals, "exec.approval.requested", &asked);
        (desk.forward)(News::Asked(&asked));
        let pending = Pending { until: Instant::now() + patience, waiters: vec![end], asked };
        self.waiting.insert(pending.asked.id.clone(), pending);
        Ok(waiter)
    }

    fn resolve(
        &mut self,
        id: &str,
        verdict: Verdict,
        by: String,
        desk: &Desk,
    ) -> Result<String, Unfit> {
        if let Some(id) = self.whole(id) {
            self.end(&id, (verdict, Cause::Person), Some(by), desk);
            return Ok(id);
        }
        match self.ended.iter().rev().find(|it| it.asked.id == id) {
            Some(answered) => Err(Unfit::Over(answered.verdict.as_str())),
            None => Err(Unfit::Unknown),
        }
    }

    fn find(&mut self, id: &str) -> Result<Waiter, Unfit> {
        let (end, waiter) = oneshot::channel();
        if let Some(pending) = self.waiting.get_mut(id) {
            pending.waiters.retain(|it| !it.is_closed());
            pending.waiters.push(end);
            return Ok(Waiter { asked: pending.asked.clone(), end: waiter });
        }
        let known = self.ended.iter().rev().find(|it| it.asked.id == id);
        let answered = known.ok_or(Unfit::Unknown)?;
        // The receiver is in our hand, so it takes the answer.
        let _sent = end.send(answered.clone());
        Ok(Waiter { asked: answered.asked.clone(), end: waiter })
    }

    fn whole(&self, id: &str) -> Option<String> {
        if self.waiting.contains_key(id) {
            return Some(id.to_owned());
        }
        let long_enough = id.chars().count() >= PREFIX_CHARS_MIN;
        let mut matching = self.waiting.keys().filter(|it| long_enough && it.starts_with(id));
        matching.next().filter(|_| matching.next().is_none()).cloned()
    }

    fn expire(&mut self, desk: &Desk) {
        let now = Instant::now();
        let due = self.waiting.iter().filter(|(_, it)| it.until <= now);
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        for id in due {
            info!(id, "nobody answered in time");
            self.end(&id, (Verdict::Expired, Cause::Time), None, desk);
        }
    }

    fn end(
        &mut self,
        id: &str,
        (verdict, cause): (Verdict, Cause),
        by: Option<String>,
        desk: &Desk,
    ) {
        let Some(pending) = self.waiting.remove(id) else { return };
        let ended_at_ms = desk.clock.now().0;
        let asked = remembered(pending.asked);
        let answered = Answered { asked, verdict, by, cause, ended_at_ms };
        // Who shows the question must take it away, also when nobody answered it.
        let told = json!({
            "id": id,
            "decision": verdict.as_str().unwrap_or("deny"),
            "resolvedBy": answered.by,
            "ts": ended_at_ms,
        });
        desk.events.tell_holders(Scope::Approvals, "exec.approval.resolved", &told);
        (desk.forward)(News::Ended(&answered));
        for waiter in pending.waiters {
            let _gone = waiter.send(answered.clone());
        }
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(answered);
    }
}

/// What is kept of a question that ended: what a person saw of it, and no more than one can read.
fn remembered(mut asked: Asked) -> Asked {
    if let Some(fields) = asked.request.as_object_mut() {
        fields.retain(|name, _| !["commandArgv", "systemRunPlan"].contains(&name.as_str()));
    }
    if let Some(command) = asked.request["command"].as_str() {
        asked.request["command"] = command.chars().take(ENDED_CHARS_MAX).collect::<String>().into();
    }
    asked
}

/// What the task tells beyond its own events.
#[derive(Clone, Copy, Debug)]
enum News<'a> {
    Asked(&'a Asked),
    Ended(&'a Answered),
}

/// Where the task tells what happens.
struct Desk {
    events: Events,
    clock: Arc<dyn Clock>,
    /// Tells it in conversations, where the config says so.
    forward: Box<dyn Fn(News<'_>) + Send + Sync>,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
