//! Keeps sub-agents in mind from their start until their conversations are put away.
//!
//! One task owns the list ([`runs`]); everyone else holds a [`Subagents`] handle. It never waits
//! for work: each is a job of its own whose end is an event. The list is on disk, so that after
//! a restart what was not told is told, and what ran is told to be lost.
//!
//! Told means: the turn that reports to the session which started the sub-agent is over. When it
//! cannot be had, a note is left for that session's next message, so no result is ever lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use domain::{Clock, Content, SessionKey, TurnId};
use store::{SubagentFile, SubagentRecord};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, info_span};

use crate::{
    Origin, Outcome, Stop, Submission, SubmitError, Transcripts,
    origin::{INTERNAL, Trail},
    sessions::Link,
};

pub(crate) mod report;
mod runs;

use runs::Runs;

/// Mail that may wait; a full box blocks the sender, which is a turn that starts a sub-agent.
const MAIL_MAX: usize = 32;

/// Longest sleep, so that a changed time of day is noticed.
const NAP: Duration = Duration::from_mins(10);

/// A handle to the list of sub-agents. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Subagents {
    mailbox: mpsc::Sender<Mail>,
    gone: CancellationToken,
}

#[derive(Debug)]
enum Mail {
    Start { start: Box<Start>, reply: oneshot::Sender<Result<(), String>> },
    Stop { requester: SessionKey, one: Option<TurnId>, reply: oneshot::Sender<Vec<TurnId>> },
    List { requester: SessionKey, reply: oneshot::Sender<Vec<SubagentRecord>> },
}

/// A sub-agent to start.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) record: SubagentRecord,
    pub(crate) submission: Submission,
}

/// What the task works with.
pub(crate) struct Parts {
    pub(crate) link: Link,
    pub(crate) file: SubagentFile,
    pub(crate) clock: Arc<dyn Clock>,
    /// Fires when the hub can be reached.
    pub(crate) ready: CancellationToken,
    pub(crate) stopping: CancellationToken,
}

impl Subagents {
    /// Starts the owning task. It ends when `stopping` fires or the last handle drops.
    pub(crate) fn start(tasks: &TaskTracker, parts: Parts) -> Self {
        let (mailbox, inbox) = mpsc::channel(MAIL_MAX);
        let gone = CancellationToken::new();
        let task = Task {
            parts,
            runs: Runs::default(),
            live: BTreeMap::new(),
            jobs: JoinSet::new(),
            away: BTreeSet::new(),
            is_saving: false,
            is_changed: false,
        };
        let farewell = gone.clone().drop_guard();
        let work = async move {
            task.run(inbox).await;
            drop(farewell);
        };
        tasks.spawn(work.instrument(info_span!("subagents")));
        Self { mailbox, gone }
    }

    /// Waits until the task has ended, and the list is on disk as it was then.
    pub(crate) async fn closed(&self) {
        self.gone.cancelled().await;
    }

    /// Starts a sub-agent; returns when its turn runs or waits for its place.
    ///
    /// # Errors
    ///
    /// Why it was not started, in words.
    pub(crate) async fn spawn(&self, start: Start) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        // Without the task the answer is closed, too.
        let _sent = self.mailbox.send(Mail::Start { start: Box::new(start), reply }).await;
        answer.await.unwrap_or_else(|_| Err(SubmitError::Closing.to_string()))
    }

    /// Stops the sub-agents of `requester` that run, or that one of them; gives their turns.
    pub(crate) async fn stop(&self, requester: &SessionKey, one: Option<TurnId>) -> Vec<TurnId> {
        let (reply, answer) = oneshot::channel();
        let mail = Mail::Stop { requester: requester.clone(), one, reply };
        let _sent = self.mailbox.send(mail).await;
        answer.await.unwrap_or_default()
    }

    /// The sub-agents of `requester` that are kept in mind, oldest first.
    pub(crate) async fn list(&self, requester: &SessionKey) -> Vec<SubagentRecord> {
        let (reply, answer) = oneshot::channel();
        let _sent = self.mailbox.send(Mail::List { requester: requester.clone(), reply }).await;
        answer.await.unwrap_or_default()
    }
}

struct Task {
    parts: Parts,
    runs: Runs,
    /// Those that were started here and not told of yet.
    live: BTreeMap<TurnId, Live>,
    jobs: JoinSet<Done>,
    /// Those that are being put away.
    away: BTreeSet<TurnId>,
    is_saving: bool,
    is_changed: bool,
}

/// What is known of a sub-agent while it lives.
struct Live {
    /// How far from a person's word it is.
    trail: Trail,
    /// Fires when it is not wanted any more, which may be before its turn is there.
    stop: CancellationToken,
}

/// The end of a job.
enum Done {
    /// It could not be started.
    Refused(TurnId),
    /// Its turn is over; `None` when nobody knows how.
    Ended(TurnId, Option<Arc<Outcome>>),
    /// Its end was told.
    Told(TurnId),
    /// Its conversation is put away, or could not be.
    PutAway(TurnId, bool),
    /// The list is on disk.
    Saved,
    /// Nothing comes of it.
    Nothing,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::Receiver<Mail>) {
        self.parts.ready.cancelled().await;
        self.restore().await;
        loop {
            self.put_away();
            self.save();
            let wake = self.wake();
            tokio::select! {
                biased;
                () = self.parts.stopping.cancelled() => break,
                Some(done) = self.jobs.join_next() => self.done(done.unwrap_or(Done::Nothing)),
                mail = inbox.recv() => match mail {
                    Some(mail) => self.handle(mail),
                    None => break,
                },
                () = sleep_until(wake) => {}
            }
        }
        self.jobs.shutdown().await;
        if self.is_changed || self.is_saving {
            write(&self.parts.file, &self.runs).await;
        }
    }

    async fn restore(&mut self) {
        match self.parts.file.read().await {
            Ok(kept) => {
                self.is_changed = !kept.is_empty();
                self.runs = Runs::restored(kept, self.parts.clock.now());
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "cannot read the list of sub-agents");
            }
        }
        for record in self.runs.untold() {
            self.tell(record);
        }
    }

    fn handle(&mut self, mail: Mail) {
        match mail {
            Mail::Start { start, reply } => self.admit(*start, reply),
            Mail::List { requester, reply } => {
                // The asker may have gone.
                let _sent = reply.send(self.runs.of(&requester));
            }
            Mail::Stop { requester, one, reply } => {
                let link = self.parts.link.clone();
                let keep = |it: &SubagentRecord| archive_after(&link, &it.child_session_key);
                let now = self.parts.clock.now();
                let stopped = self.runs.stop((&requester, one.as_ref()), now, keep);
                self.is_changed |= !stopped.is_empty();
                for live in stopped.iter().filter_map(|it| self.live.remove(&it.run_id)) {
                    live.stop.cancel();
                }
                self.jobs.spawn(stop_all(self.parts.link.clone(), stopped, reply));
            }
        }
    }

    fn admit(&mut self, start: Start, reply: oneshot::Sender<Result<(), String>>) {
        let Start { record, submission } = start;
        let turn = record.run_id.clone();
        if let Err(why) = self.runs.admit(record) {
            let _sent = reply.send(Err(why));
            return;
        }
        self.is_changed = true;
        let (trail, stop) = (submission.origin.trail(), CancellationToken::new());
        self.live.insert(turn, Live { trail, stop: stop.clone() });
        self.jobs.spawn(work(self.parts.link.clone(), submission, stop, reply));
    }

    fn done(&mut self, done: Done) {
        let now = self.parts.clock.now();
        match done {
            Done::Refused(turn) => {
                self.runs.forget(&turn);
                self.live.remove(&turn);
            }
            Done::Ended(turn, ended) => {
                let outcome = match ended {
                    // It is told to be lost after the restart.
                    Some(it) if it.stop == (Stop::Aborted { reason: "shutdown" }) => return,
                    Some(it) => report::outcome(&it),
                    None => runs::outcome("lost", "nobody knows how it went"),
                };
                if let Some(record) = self.runs.end(&turn, outcome, now).cloned() {
                    self.tell(record);
                }
            }
            Done::Told(turn) => {
                self.live.remove(&turn);
                let record = self.runs.all().get(&turn);
                let child = record.map(|it| it.child_session_key.clone());
                let keep = child.and_then(|child| archive_after(&self.parts.link, &child));
                self.runs.told(&turn, now, keep);
            }
            Done::PutAway(turn, is_gone) => {
                self.away.remove(&turn);
                if is_gone {
                    self.runs.forget(&turn);
                }
            }
            Done::Saved => {
                self.is_saving = false;
                return;
            }
            Done::Nothing => return,
        }
        self.is_changed = true;
    }

    fn tell(&mut self, record: SubagentRecord) {
        let trail =
            self.live.get(&record.run_id).map(|live| live.trail.clone()).unwrap_or_default();
        self.jobs.spawn(tell(self.parts.link.clone(), record, trail));
    }

    /// Puts away what is due.
    fn put_away(&mut self) {
        let now = self.parts.clock.now();
        for record in self.runs.due(now) {
            if self.away.insert(record.run_id.clone()) {
                self.runs.putting_away(&record.run_id, now);
                self.jobs.spawn(put_away(self.parts.link.clone(), record));
            }
        }
    }

    /// Writes the list down, one write at a time.
    fn save(&mut self) {
        if self.is_changed && !self.is_saving {
            (self.is_changed, self.is_saving) = (false, true);
            let (file, runs) = (self.parts.file.clone(), self.runs.all().clone());
            self.jobs.spawn(async move {
                keep(&file, runs).await;
                Done::Saved
            });
        }
    }

    fn wake(&self) -> Instant {
        let now = self.parts.clock.now();
        let wait = self.runs.next_due().map(|due| Duration::from_millis(due.since(now)));
        Instant::now() + wait.map_or(NAP, |wait| wait.min(NAP))
    }
}

async fn write(file: &SubagentFile, runs: &Runs) {
    keep(file, runs.all().clone()).await;
}

async fn keep(file: &SubagentFile, runs: BTreeMap<TurnId, SubagentRecord>) {
    if let Err(error) = file.write(runs).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "cannot write the list of sub-agents");
    }
}

/// How long the conversation of an ended sub-agent stays.
fn archive_after(link: &Link, child: &SessionKey) -> Option<Duration> {
    let sessions = link.reach()?;
    let config = sessions.config();
    let agent = child.agent().unwrap_or_else(|| config.agents.default.clone());
    config.agents.get(&agent).unwrap_or(&config.agents.list[0]).subagents.archive_after
}

/// Starts a sub-agent's turn and waits for its end.
async fn work(
    link: Link,
    submission: Submission,
    stop: CancellationToken,
    reply: oneshot::Sender<Result<(), String>>,
) -> Done {
    let (turn, child) = (submission.turn.clone(), submission.session.clone());
    let submitted = match link.reach() {
        Some(sessions) => sessions.submit(submission).await,
        None => Err(SubmitError::Closing),
    };
    if let Err(error) = submitted {
        let _sent = reply.send(Err(crate::turn::with_causes(&error)));
        return Done::Refused(turn);
    }
    let state = link.reach().and_then(|sessions| sessions.follow(&turn));
    let _sent = reply.send(Ok(()));
    if stop.is_cancelled()
        && let Some(sessions) = link.reach()
    {
        // Whoever stopped it found no turn yet.
        sessions.stop_alone(&child, None, "stop").await;
    }
    let ended = over(state).await;
    Done::Ended(turn, ended)
}

async fn over(state: Option<watch::Receiver<Option<Arc<Outcome>>>>) -> Option<Arc<Outcome>> {
    let mut state = state?;
    state.wait_for(Option::is_some).await.ok()?.clone()
}

/// Reports to the session that started a sub-agent, and waits until that was read.
async fn tell(link: Link, record: SubagentRecord, trail: Trail) -> Done {
    let requester = &record.requester_session_key;
    let Some(sessions) = link.reach() else { return Done::Nothing };
    if !sessions.has(requester) {
        return Done::Told(record.run_id);
    }
    let turn = TurnId::new(format!("report:{}", record.run_id));
    let content = Content::text(report::report(&record));
    let mut submission = Submission::of(turn.clone(), requester.clone(), content);
    INTERNAL.clone_into(&mut submission.channel);
    submission.origin = Origin::Report(trail);
    let heard = match sessions.submit(submission).await {
        Ok(_) => {
            let state = sessions.follow(&turn);
            drop(sessions);
            match over(state).await.map(|outcome| outcome.stop.clone()) {
                Some(Stop::Aborted { reason: "shutdown" }) => return Done::Nothing,
                Some(Stop::Done | Stop::Failed { .. }) => true,
                // Thrown out of the queue, or stopped while it was read.
                Some(Stop::Aborted { .. }) | None => false,
            }
        }
        Err(SubmitError::Closing) => return Done::Nothing,
        Err(error) => {
            tracing::debug!(error = crate::turn::with_causes(&error), "no turn for a report");
            false
        }
    };
    if !heard
        && let Some(sessions) = link.reach()
        && let Err(error) = sessions.notify(requester, report::note(&record))
    {
        tracing::error!(error = crate::turn::with_causes(&error), "a result is not told");
        return Done::Nothing;
    }
    Done::Told(record.run_id)
}

async fn stop_all(
    link: Link,
    stopped: Vec<SubagentRecord>,
    reply: oneshot::Sender<Vec<TurnId>>,
) -> Done {
    let mut turns = Vec::new();
    if let Some(sessions) = link.reach() {
        for record in stopped {
            turns.extend(sessions.stop_alone(&record.child_session_key, None, "stop").await);
        }
    }
    let _sent = reply.send(turns);
    Done::Nothing
}

async fn put_away(link: Link, record: SubagentRecord) -> Done {
    let Some(sessions) = link.reach() else { return Done::Nothing };
    match sessions.delete(&record.child_session_key, Transcripts::Archive).await {
        // An agent that is no more has nothing that we would look after.
        Ok(_) | Err(SubmitError::UnknownAgent(_)) => Done::PutAway(record.run_id, true),
        Err(error) => {
            tracing::warn!(error = crate::turn::with_causes(&error), "cannot put a sub-agent away");
            Done::PutAway(record.run_id, false)
        }
    }
}
