//! The owner of one conversation: its queue, its transcript, its one running turn.
//!
//! ```text
//!            submit                    turn ended, nothing waits
//!   Idle ───────────────► Running ─────────────────────────────► Idle ──(silence)──► gone
//!                          │   ▲                                  ▲
//!                          │   └──────── debounce passed ─────────┤
//!                          └─ turn ended, messages wait ─► Waiting┘
//! ```
//!
//! While a turn runs it has the transcript; it comes back with the turn. A panic in a turn
//! fails that turn only: the transcript is then read anew from disk, where every line is.

use std::{sync::Arc, time::Duration};

use config::{Config, Queue as QueueSettings, QueueMode};
use domain::{AgentId, Message, SessionId, SessionKey, TurnId, UnixMillis};
use store::{StoreError, Transcript};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Stop, Submission, SubmitError, Submitted, answer, commands,
    emitter::{Emitter, Speaker},
    halt::Halt,
    io::Io,
    queue::{Batch, Dropped, Offer, Queue},
    table::Table,
    turn::{self, Finished, Interjection},
};

mod begin;
mod end;
mod keep;
mod skill;

pub(crate) use begin::chosen;

/// Mail that may wait in a session's box; a full box blocks the sender.
pub(crate) const MAIL_MAX: usize = 64;

/// Why turns are stopped at the end of the process.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// How long a silent session stays in memory.
const IDLE: Duration = Duration::from_mins(2);

/// What a session is asked.
pub(crate) enum Mail {
    /// Here is a message.
    Submit { submission: Box<Submission>, reply: oneshot::Sender<Result<Submitted, SubmitError>> },
    /// Stop the turn, or all.
    Abort { turn: Option<TurnId>, reason: &'static str, reply: oneshot::Sender<Vec<TurnId>> },
    /// Put a message in the assistant's mouth.
    Inject { message: Box<Message>, reply: oneshot::Sender<Result<domain::EntryId, StoreError>> },
    /// Take up what waited before a restart.
    Resume { waiting: Vec<(Submission, QueueMode)>, dropped: Vec<Dropped> },
    /// Stop everything, let go of the files, and wait until the asker is done with them.
    Quiesce { quiet: oneshot::Sender<oneshot::Sender<()>> },
}

/// The conversation's task.
pub(crate) struct Session {
    key: SessionKey,
    agent: AgentId,
    pub(crate) io: Arc<Io>,
    table: Arc<Table>,
    inbox: mpsc::Receiver<Mail>,
    queue: Queue,
    transcript: Option<Transcript>,
    current: Option<Current>,
    turns: JoinSet<Finished>,
    /// When what waits becomes a turn.
    due: Option<Instant>,
    last_offer: Instant,
    quiet: Vec<oneshot::Sender<oneshot::Sender<()>>>,
    seeded: bool,
    /// Whether the last turn used the sandbox.
    uses_sandbox: bool,
}

/// The turn that runs.
struct Current {
    turn: TurnId,
    merged: Vec<TurnId>,
    halt: Halt,
    interject: mpsc::Sender<Interjection>,
    emitter: Arc<Emitter>,
    session_id: SessionId,
    started: UnixMillis,
    is_heartbeat: bool,
}

impl Session {
    pub(crate) fn new(
        key: SessionKey,
        agent: AgentId,
        (io, table): (Arc<Io>, Arc<Table>),
        inbox: mpsc::Receiver<Mail>,
    ) -> Self {
        Self {
            key,
            agent,
            io,
            table,
            inbox,
            queue: Queue::default(),
            transcript: None,
            current: None,
            turns: JoinSet::new(),
            due: None,
            last_offer: Instant::now(),
            quiet: Vec::new(),
            seeded: false,
            uses_sandbox: false,
        }
    }

    /// Lives until nobody has written for [`IDLE`].
    pub(crate) async fn run(mut self) {
        loop {
            let idle_until = Instant::now() + IDLE;
            let busy = self.current.is_some();
            let due = self.due.filter(|_| !busy);
            tokio::select! {
                biased;
                Some(joined) = self.turns.join_next() => self.ended(joined).await,
                mail = self.inbox.recv() => match mail {
                    Some(mail) => self.handle(mail).await,
                    None => break,
                },
                () = sleep_until(due.unwrap_or(idle_until)), if due.is_some() => self.drain().await,
                () = sleep_until(idle_until), if !busy => {
                    if self.table.leave(&self.key, &self.inbox) {
                        break;
                    }
                }
            }
        }
    }

    async fn handle(&mut self, mail: Mail) {
        match mail {
            Mail::Submit { submission, reply } => {
                let answer = self.submit(*submission).await;
                // The asker may have gone; the turn goes on.
                let _sent = reply.send(answer);
            }
            Mail::Abort { turn, reason, reply } => {
                let stopped = self.abort(turn.as_ref(), reason).await;
                let _sent = reply.send(stopped);
            }
            Mail::Inject { message, reply } => self.inject(*message, reply).await,
            Mail::Resume { waiting, dropped } => {
                self.queue.restore(waiting, dropped);
                self.due = Some(Instant::now());
            }
            Mail::Quiesce { quiet } => {
                self.quiet.push(quiet);
                self.abort(None, "rpc").await;
                if self.current.is_none() {
                    self.be_quiet().await;
                }
            }
        }
    }

    async fn submit(&mut self, submission: Submission) -> Result<Submitted, SubmitError> {
        let config = self.io.config();
        let text = submission.content.joined_text();
        if !submission.origin.is_person() {
            return self.line_up(&config, submission).await;
        }
        if let Some(command) = commands::parse(&text, &config.session.reset_triggers) {
            return self.command(command, submission).await;
        }
        let submission = self.with_skill(&config, submission).await;
        self.line_up(&config, submission).await
    }

    /// Puts a message for the model into the queue.
    async fn line_up(
        &mut self,
        config: &Config,
        submission: Submission,
    ) -> Result<Submitted, SubmitError> {
        let settings = self.queue_settings(config, &submission);
        self.last_offer = Instant::now();
        // What comes during the stop waits for the next start.
        let busy = self.current.is_some() || self.stays_queued(&submission);
        let turn = submission.turn.clone();
        if busy || !self.queue.is_empty() {
            self.keep(&submission, Queue::mode_of(&submission, settings))?;
        }
        match self.queue.offer(submission, busy, settings) {
            Offer::Start(submission) => self.begin(Batch::of(submission)).await?,
            Offer::Steer(submission) => {
                self.keep_copy_of(&turn)?;
                self.steer(submission, settings);
            }
            Offer::Interrupt { replaced } => {
                self.end_unrun(&replaced, "rpc").await;
                if let Some(current) = &self.current {
                    current.halt.now("rpc");
                }
                self.due = Some(Instant::now());
            }
            Offer::Waits { dropped, summary } => {
                self.keep_summary(summary);
                self.end_unrun(dropped.as_slice(), "rpc").await;
                self.due = Some(Instant::now() + settings.debounce);
            }
            Offer::Refused => {
                self.io.release([turn.as_str()]);
                return Err(SubmitError::QueueFull);
            }
        }
        Ok(Submitted::Started)
    }

    fn steer(&mut self, submission: Submission, settings: QueueSettings) {
        let Some(current) = &self.current else { return self.queue.put_back(vec![submission]) };
        if let Err(full) = current.interject.try_send(Interjection::Steer(submission))
            && let Interjection::Steer(submission) = full.into_inner()
        {
            self.queue.put_back(vec![submission]);
            self.due = Some(Instant::now() + settings.debounce);
        }
    }

    /// Queue settings for one message: session, channel, config.
    fn queue_settings(&self, config: &Config, submission: &Submission) -> QueueSettings {
        let mut settings = config.messages.queue;
        if let Some(mode) = config.messages.queue_by_channel.get(&submission.channel) {
            settings.mode = *mode;
        }
        if let Some(debounce) = config.messages.debounce_by_channel.get(&submission.channel) {
            settings.debounce = *debounce;
        }
        if let Some(entry) = self.io.store.sessions(&self.agent).get(&self.key) {
            if let Some(mode) = entry.queue_mode.as_deref().and_then(queue_mode) {
                settings.mode = mode;
            }
            if let Some(debounce) = entry.queue_debounce_ms {
                settings.debounce = Duration::from_millis(debounce);
            }
        }
        settings
    }

    async fn abort(&mut self, turn: Option<&TurnId>, reason: &'static str) -> Vec<TurnId> {
        let mut stopped = Vec::new();
        if let Some(current) = &self.current
            && turn.is_none_or(|turn| current.turn == *turn || current.merged.contains(turn))
        {
            current.halt.now(reason);
            stopped.push(current.turn.clone());
        }
        let waiting = match turn {
            // What is kept on disk is taken up at the next start.
            None if reason == SHUTDOWN => {
                let is_out = |it: &Submission| !self.io.is_kept(it);
                self.queue.clear_where(is_out)
            }
            None => self.queue.clear(),
            Some(turn) if self.queue.remove(turn) => vec![turn.clone()],
            Some(_) => Vec::new(),
        };
        self.end_unrun(&waiting, reason).await;
        stopped.extend(waiting);
        stopped
    }

    fn emitter(&self, turn: &TurnId, session_id: SessionId, verbose: &str) -> Emitter {
        let speaker = Speaker {
            turn: turn.clone(),
            session: self.key.clone(),
            session_id,
            agent: self.agent.clone(),
            verbose: Arc::from(verbose),
            is_heartbeat: false,
        };
        Emitter::new(speaker, Arc::clone(&self.io.clock), self.io.events.clone())
    }

    /// Starts a turn with what waits.
    async fn drain(&mut self) {
        self.due = None;
        if self.table.is_closing() && self.io.ports.backlog.is_some() {
            return; // It waits for the next start.
        }
        let Some(batch) = self.queue.next() else { return };
        let (turn, merged) = (batch.submission.turn.clone(), batch.merged.clone());
        let dropped = batch.dropped.clone();
        if let Err(error) = self.begin(batch).await {
            let error = turn::with_causes(&error);
            for turn in merged.iter().chain([&turn]) {
                let stop = Stop::Failed { kind: "unknown", error: error.clone() };
                self.finish_alone(turn, stop, Vec::new()).await;
            }
            self.io.release(dropped.iter().map(String::as_str));
        }
        if !self.queue.is_empty() && self.current.is_none() {
            self.due = Some(Instant::now());
        }
    }

    async fn inject(
        &mut self,
        message: Message,
        reply: oneshot::Sender<Result<domain::EntryId, StoreError>>,
    ) {
        if let Some(current) = &self.current {
            // The running turn has the transcript: it stores the message at its next step.
            // A box full of steering messages refuses, which the asker sees as a failure.
            let interjection = Interjection::Inject { message, stored: reply };
            let _refused = current.interject.try_send(interjection);
            return;
        }
        let result = self.say(message).await;
        let _sent = reply.send(result);
    }

    /// Appends a message outside of any turn.
    pub(crate) async fn say(&mut self, message: Message) -> Result<domain::EntryId, StoreError> {
        let config = self.io.config();
        let now = self.io.clock.now();
        let sessions = self.io.store.sessions(&self.agent);
        let entry =
            sessions.note(&self.key, |entry| entry.updated_at = entry.updated_at.max(now)).await?;
        let agents = &config.agents;
        let agent = agents.get(&self.agent).unwrap_or(&agents.list[0]);
        let mut transcript = self.open(&entry, agent).await?;
        let id = turn::append(&mut transcript, message).await;
        self.transcript = Some(transcript);
        id
    }

    /// Lets go of the files until the askers are done with them.
    async fn be_quiet(&mut self) {
        self.transcript = None;
        self.due = None;
        for quiet in std::mem::take(&mut self.quiet) {
            let (done, wait) = oneshot::channel::<()>();
            if quiet.send(done).is_ok() {
                // Ends with the drop of the guard, which is what it is for.
                let _dropped = wait.await;
            }
        }
    }

    async fn command(
        &mut self,
        command: commands::Command,
        submission: Submission,
    ) -> Result<Submitted, SubmitError> {
        if let commands::Command::Skill(words) = command {
            return self.call_skill(&words, submission).await;
        }
        match answer::to(self, command, &submission).await? {
            answer::Answer::Text(text) => self.answer(&submission.turn, text).await?,
            answer::Answer::Turn(content) => {
                let config = self.io.config();
                return self.line_up(&config, Submission { content, ..submission }).await;
            }
        }
        Ok(Submitted::Started)
    }

    /// Answers a message that no model is asked about.
    async fn answer(&mut self, turn: &TurnId, text: String) -> Result<(), SubmitError> {
        let message = answer::injected(&text, self.io.clock.now());
        if self.current.is_none() {
            self.say(message).await?;
        }
        self.finish_alone(turn, Stop::Done, vec![text]).await;
        Ok(())
    }

    /// The conversation's key and agent.
    pub(crate) fn names(&self) -> (&SessionKey, &AgentId) {
        (&self.key, &self.agent)
    }

    /// Whether a turn runs.
    pub(crate) fn is_busy(&self) -> bool {
        self.current.is_some()
    }

    /// Stops everything and starts the conversation afresh under a new session id.
    pub(crate) async fn start_afresh(&mut self) -> Result<(), StoreError> {
        self.abort(None, "rpc").await;
        while let Some(joined) = self.turns.join_next().await {
            self.ended(joined).await;
        }
        self.transcript = None;
        let now = self.io.clock.now();
        let sessions = self.io.store.sessions(&self.agent);
        sessions.update(&self.key, |entry| *entry = entry.reset_keeping(now)).await.map(drop)
    }
}

/// Reads a queue mode's name.
pub(crate) fn queue_mode(name: &str) -> Option<QueueMode> {
    Some(match name {
        "steer" | "queue" => QueueMode::Steer,
        "followup" => QueueMode::Followup,
        "collect" => QueueMode::Collect,
        "steer-backlog" | "steer+backlog" => QueueMode::SteerBacklog,
        "interrupt" => QueueMode::Interrupt,
        _ => return None,
    })
}
