//! The hub: the one door by which turns enter.
//!
//! It finds or starts the task that owns a conversation and hands it mail. It holds no
//! conversation itself, so one slow conversation never holds up another.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use config::Config;
use domain::{AgentId, Clock, EntryId, SessionKey, ToolSpec, TurnId};
use policy::send::Conversation;
use store::{SessionEntry, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument as _, info_span};

use crate::{
    Event, Invocation, Invoked, Outcome, Place, Ports, answer, commands,
    conversations::StoredConversations,
    invoke,
    io::Io,
    lane::Lanes,
    notices::Notices,
    sandboxes::Engines,
    session::{MAIL_MAX, Mail, SHUTDOWN, Session},
    skills::{
        self,
        offer::{Offer, Sight},
    },
    subagents::{self, Subagents},
    table::{Admission, Table},
};

mod branches;
mod letters;
mod peers;
mod resume;
mod spawn;
mod submission;

pub use submission::{Aborted, Lookup, Submission, SubmitError, Submitted, Transcripts};

/// Events that may wait for whoever watches. When that is full, text is merged into the next
/// piece, progress is dropped, and everything else waits.
const EVENTS_MAX: usize = 1024;

/// How long a session has to let go of its files.
const QUIET_WITHIN: Duration = Duration::from_secs(15);

/// What the hub is made of.
pub struct Parts {
    /// Configuration, as it changes.
    pub config: watch::Receiver<Arc<Config>>,
    /// All of the disk.
    pub store: Store,
    /// Model APIs.
    pub models: models::Models,
    /// The host, as a machine for tools.
    pub backend: Arc<dyn sandbox::Backend>,
    /// The engines that sandboxes run on; with none, sessions that need one are refused.
    pub sandboxes: Arc<Engines>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where the process runs.
    pub place: Place,
    /// What turns need of the world above.
    pub ports: Ports,
}

/// Takes turns in. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    hub: Arc<Hub>,
}

struct Hub {
    io: Arc<Io>,
    table: Arc<Table>,
    tasks: TaskTracker,
    processes: tools::Processes,
    letters: letters::Desk,
    /// Fires when nothing is begun any more.
    stopping: CancellationToken,
}

/// The hub, for those who must not keep it alive. Filled once, when it is made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link(Arc<OnceLock<Weak<Hub>>>);

impl Link {
    /// The hub, while there is one.
    pub(crate) fn reach(&self) -> Option<Sessions> {
        Some(Sessions { hub: self.0.get()?.upgrade()? })
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// Holds a conversation still: no turn of it starts until this is dropped.
struct Quiet {
    _done: Option<oneshot::Sender<()>>,
}

impl Sessions {
    /// Starts the hub. Events arrive on the receiver, which is bounded: when it is full, text
    /// is merged into the next piece, progress is dropped, and everything else waits.
    pub fn start(parts: Parts) -> (Self, mpsc::Receiver<Event>) {
        let (events, inbox) = mpsc::channel(EVENTS_MAX);
        let tasks = TaskTracker::new();
        let notices = Arc::new(Notices::new(parts.ports.backlog.clone()));
        let left = Arc::clone(&notices);
        let processes = tools::Processes::new(
            tasks.clone(),
            Arc::new(move |ended: tools::ExecEnded| {
                if let Err(error) = left.leave(&ended.session, ended.text) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "nobody is told how a command ended");
                }
            }),
        );
        let (conversations, link) = (StoredConversations::default(), Link::default());
        let neighbours =
            || Arc::new(peers::Neighbours(link.clone())) as Arc<dyn tools::ports::Peers>;
        let tools = tools::builtin(tools::Deps {
            conversations: Arc::new(conversations.clone()),
            peers: parts.ports.subagents.is_some().then(neighbours),
            processes: processes.clone(),
            clock: Arc::clone(&parts.clock),
            nodes: parts.ports.nodes.clone(),
        });
        let (ready, stopping) = (CancellationToken::new(), CancellationToken::new());
        let subagents = parts.ports.subagents.clone().map(|file| {
            let (link, clock) = (link.clone(), Arc::clone(&parts.clock));
            let (ready, stopping) = (ready.clone(), stopping.clone());
            Subagents::start(&tasks, subagents::Parts { link, file, clock, ready, stopping })
        });
        let lanes = Lanes::new(&parts.config.borrow().agents);
        let io = Arc::new(Io {
            config: parts.config,
            store: parts.store,
            models: parts.models,
            backend: parts.backend,
            sandboxes: parts.sandboxes,
            clock: parts.clock,
            tools,
            events,
            lanes,
            notices,
            place: Arc::new(parts.place),
            ports: parts.ports,
            library: Arc::default(),
            subagents,
            link: link.clone(),
        });
        conversations.connect(&io);
        let (table, letters) = (Arc::default(), letters::Desk::default());
        let hub = Arc::new(Hub { io, table, tasks, processes, letters, stopping });
        // Filled once, here.
        let _first = link.0.set(Arc::downgrade(&hub));
        ready.cancel();
        (Self { hub }, inbox)
    }

    /// Puts a message into its conversation's queue. When it starts a turn at once, the
    /// message is on disk before this returns.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, SubmitError> {
        let text = submission.content.joined_text();
        if submission.content.0.is_empty() || (text.trim().is_empty() && is_text_only(&submission))
        {
            return Err(SubmitError::Empty);
        }
        let taken = submission
            .client_tools
            .iter()
            .find(|it| self.hub.io.tools.names().any(|name| name == it.name));
        if let Some(tool) = taken {
            return Err(SubmitError::ToolNameTaken(tool.name.clone()));
        }
        match self.hub.table.admit(&submission.turn, &submission.session) {
            Admission::New => {}
            Admission::InFlight => return Ok(Submitted::InFlight),
            Admission::Done(outcome) => return Ok(Submitted::Done(outcome)),
            Admission::Closing => return Err(SubmitError::Closing),
        }
        let turn = submission.turn.clone();
        if submission.origin.is_person() && commands::is_stop(&text) {
            self.hub.table.forget(&turn);
            return Ok(Submitted::Stopped(self.stop(&submission.session, None, "stop").await));
        }
        let result = match self.agent_of(&submission.session) {
            Ok(agent) if self.takes_none(&agent, &submission.session) => Err(SubmitError::Blocked),
            Ok(agent) => self.deliver(agent, submission).await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            self.hub.table.forget(&turn);
        }
        result
    }

    /// Whether a conversation takes no messages.
    fn takes_none(&self, agent: &AgentId, session: &SessionKey) -> bool {
        let entry = self.hub.io.store.sessions(agent).get(session);
        let entry = entry.as_deref();
        let conversation = Conversation {
            session,
            own: entry.and_then(|it| it.send_policy.as_deref()),
            channel: entry.and_then(|it| it.channel.as_deref().or(it.last_channel.as_deref())),
            chat_type: entry.and_then(|it| it.chat_type.as_deref()),
        };
        let rules = &self.hub.io.config().session.send_policy;
        policy::send::refused_by(rules, &conversation).is_some()
    }

    async fn deliver(
        &self,
        agent: AgentId,
        submission: Submission,
    ) -> Result<Submitted, SubmitError> {
        let key = submission.session.clone();
        let (reply, answer) = oneshot::channel();
        let mail = Mail::Submit { submission: Box::new(submission), reply };
        self.post(&key, &agent, mail).await;
        answer.await.unwrap_or(Err(SubmitError::Closing))
    }

    /// Hands mail to the task that owns the conversation, starting it if need be.
    async fn post(&self, key: &SessionKey, agent: &AgentId, mut mail: Mail) {
        loop {
            let mailbox = self.hub.table.mailbox_or(key, || self.spawn(key, agent));
            match mailbox.send(mail).await {
                Ok(()) => return,
                // It left in between; the next one reads what it did not.
                Err(unread) => mail = unread.0,
            }
        }
    }

    fn spawn(&self, key: &SessionKey, agent: &AgentId) -> mpsc::Sender<Mail> {
        let (mailbox, inbox) = mpsc::channel(MAIL_MAX);
        let shared = (Arc::clone(&self.hub.io), Arc::clone(&self.hub.table));
        let session = Session::new(key.clone(), agent.clone(), shared, inbox);
        self.hub.tasks.spawn(session.run().instrument(info_span!("session", %key)));
        mailbox
    }

    /// The agent that holds a conversation.
    fn agent_of(&self, key: &SessionKey) -> Result<AgentId, SubmitError> {
        let config = self.hub.io.config();
        let agent = key.agent().unwrap_or_else(|| config.agents.default.clone());
        match config.agents.get(&agent) {
            Some(agent) => Ok(agent.id.clone()),
            None => Err(SubmitError::UnknownAgent(agent.to_string())),
        }
    }

    /// Stops the named turn, or all turns of the conversation, and empties its queue.
    pub async fn abort(&self, session: &SessionKey, turn: Option<&TurnId>) -> Aborted {
        if let Some(turn) = turn {
            match self.hub.table.session_of(turn) {
                Some(other) if other != *session => return Aborted::OtherSession,
                Some(_) => {}
                None => return Aborted::Turns(Vec::new()),
            }
        }
        Aborted::Turns(self.stop(session, turn, "rpc").await)
    }

    /// Stops turns of a conversation, and its sub-agents with what runs in it.
    async fn stop(
        &self,
        session: &SessionKey,
        turn: Option<&TurnId>,
        reason: &'static str,
    ) -> Vec<TurnId> {
        let ends_all = turn.is_none_or(|turn| self.hub.table.is_running(turn));
        let mut stopped = self.stop_alone(session, turn, reason).await;
        if ends_all && let Some(subagents) = &self.hub.io.subagents {
            stopped.extend(subagents.stop(session, None).await);
        }
        stopped
    }

    /// Stops turns of a conversation, and not its sub-agents.
    pub(crate) async fn stop_alone(
        &self,
        session: &SessionKey,
        turn: Option<&TurnId>,
        reason: &'static str,
    ) -> Vec<TurnId> {
        let Some(mailbox) = self.hub.table.mailbox(session) else { return Vec::new() };
        let (reply, answer) = oneshot::channel();
        let mail = Mail::Abort { turn: turn.cloned(), reason, reply };
        if mailbox.send(mail).await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Waits at most `patience` for a turn to end. Ended turns are remembered for 10 minutes.
    pub async fn wait(&self, turn: &TurnId, patience: Duration) -> Lookup {
        let Some(mut state) = self.hub.table.follow(turn) else { return Lookup::Pending };
        match timeout(patience, state.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().map_or(Lookup::Pending, Lookup::Done),
            Ok(Err(_)) | Err(_) => Lookup::Pending,
        }
    }

    /// Puts a message of the assistant into a conversation without asking a model.
    /// `Ok(None)` when there is no such conversation. Gives the new line's id.
    pub async fn inject(
        &self,
        session: &SessionKey,
        text: &str,
    ) -> Result<Option<EntryId>, SubmitError> {
        let agent = self.agent_of(session)?;
        if self.hub.io.store.sessions(&agent).get(session).is_none() {
            return Ok(None);
        }
        let message = Box::new(answer::injected(text, self.hub.io.clock.now()));
        let (reply, answer) = oneshot::channel();
        self.post(session, &agent, Mail::Inject { message, reply }).await;
        match answer.await {
            Ok(stored) => Ok(Some(stored?)),
            Err(_) => Err(SubmitError::Busy),
        }
    }

    /// Stops what runs in a conversation and holds it still, so that its files may be reset,
    /// deleted or rewritten. `None` when it did not come to rest within `patience`.
    async fn quiesce(&self, session: &SessionKey, patience: Duration) -> Option<Quiet> {
        let Some(mailbox) = self.hub.table.mailbox(session) else {
            return Some(Quiet { _done: None });
        };
        let (quiet, ready) = oneshot::channel();
        if mailbox.send(Mail::Quiesce { quiet }).await.is_err() {
            return Some(Quiet { _done: None });
        }
        let done = timeout(patience, ready).await.ok()?.ok()?;
        Some(Quiet { _done: Some(done) })
    }

    /// Starts a conversation afresh under a new session id (`sessions.reset`).
    pub async fn reset(&self, session: &SessionKey) -> Result<Arc<SessionEntry>, SubmitError> {
        let agent = self.agent_of(session)?;
        let _quiet = self.quiesce(session, QUIET_WITHIN).await.ok_or(SubmitError::Busy)?;
        let now = self.hub.io.clock.now();
        let sessions = self.hub.io.store.sessions(&agent);
        Ok(sessions.update(session, |entry| *entry = entry.reset_keeping(now)).await?)
    }

    /// Forgets a conversation (`sessions.delete`). `None` when there was none; otherwise the
    /// paths to which its transcripts were moved, if `transcript` says to.
    pub async fn delete(
        &self,
        session: &SessionKey,
        transcript: Transcripts,
    ) -> Result<Option<Vec<String>>, SubmitError> {
        let agent = self.agent_of(session)?;
        let subagents = self.hub.io.subagents.as_ref();
        if let Some(subagents) = subagents.filter(|_| !session.is_subagent()) {
            subagents.stop(session, None).await;
        }
        let _quiet = self.quiesce(session, QUIET_WITHIN).await.ok_or(SubmitError::Busy)?;
        let sessions = self.hub.io.store.sessions(&agent);
        let Some(entry) = sessions.remove(session).await? else { return Ok(None) };
        match transcript {
            Transcripts::Keep => Ok(Some(Vec::new())),
            Transcripts::Archive => {
                Ok(Some(sessions.archive(&entry, store::Archive::Deleted).await?))
            }
        }
    }

    /// Cuts a transcript to its last `lines` lines (`sessions.compact` of protocol 3). Gives
    /// how many stay and where the whole file is kept; `None` when there was nothing to cut.
    pub async fn truncate(
        &self,
        session: &SessionKey,
        lines: usize,
    ) -> Result<Option<(usize, String)>, SubmitError> {
        let agent = self.agent_of(session)?;
        let _quiet = self.quiesce(session, QUIET_WITHIN).await.ok_or(SubmitError::Busy)?;
        let sessions = self.hub.io.store.sessions(&agent);
        let Some(entry) = sessions.get(session) else { return Ok(None) };
        Ok(sessions.truncate_lines(&entry, lines).await?)
    }

    /// Makes one call of a tool outside any turn, under the rules of its conversation. Dropping
    /// the future stops the call.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Invoked, SubmitError> {
        if self.hub.table.is_closing() {
            return Err(SubmitError::Closing);
        }
        let agent = self.agent_of(&invocation.session)?;
        Ok(invoke::run(invocation, &agent, &self.hub.io).await)
    }

    /// The skills of an agent, whether it can use them or not.
    pub async fn skills(&self, agent: &AgentId) -> Vec<skills::Found> {
        self.hub.io.skills(&self.hub.io.config(), agent).await
    }

    /// The skills that a person may call in an agent's conversations.
    pub async fn skill_commands(&self, agent: &AgentId) -> Vec<skills::SkillCommand> {
        let config = self.hub.io.config();
        let found = self.hub.io.skills(&config, agent).await;
        Offer::of(&found, &config.skills, Sight::Host, &commands::is_taken).commands()
    }

    /// What models may be told of each tool there is, whoever may use it.
    pub fn tool_specs(&self) -> Arc<[ToolSpec]> {
        self.hub.io.tools.specs_shared(|_| true)
    }

    /// Leaves a note that goes before the conversation's next message. It is on disk when this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`SubmitError::Store`] when the disk refuses; the note is not left then.
    pub fn notify(&self, session: &SessionKey, text: String) -> Result<(), SubmitError> {
        Ok(self.hub.io.notices.leave(session, text)?)
    }

    /// Notes that wait in a conversation.
    pub fn notes(&self, session: &SessionKey) -> Vec<String> {
        self.hub.io.notices.peek(session).into_iter().map(|note| note.text).collect()
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.hub.io.config()
    }

    /// Whether there is such a conversation.
    pub(crate) fn has(&self, session: &SessionKey) -> bool {
        let agent = self.agent_of(session);
        agent.is_ok_and(|agent| self.hub.io.store.sessions(&agent).get(session).is_some())
    }

    /// Follows a turn; `None` when it is not known.
    pub(crate) fn follow(&self, turn: &TurnId) -> Option<watch::Receiver<Option<Arc<Outcome>>>> {
        self.hub.table.follow(turn)
    }

    /// Turns that run now.
    pub fn running(&self) -> Vec<(SessionKey, TurnId)> {
        self.hub.table.running()
    }

    /// Refuses new turns, gives running ones `grace`, then stops them; returns when all is
    /// quiet, every process is gone and every line is on the disk.
    pub async fn close(&self, grace: Duration) {
        let mailboxes = self.hub.table.close();
        let deadline = Instant::now() + grace;
        for (_, turn) in self.running() {
            if let Some(mut state) = self.hub.table.follow(&turn) {
                // Past the deadline the turn is stopped below.
                let _ended = timeout_at(deadline, state.wait_for(Option::is_some)).await;
            }
        }
        for mailbox in mailboxes {
            let (reply, answer) = oneshot::channel();
            let mail = Mail::Abort { turn: None, reason: SHUTDOWN, reply };
            if mailbox.send(mail).await.is_ok() {
                // The session may have left; then nothing of it runs.
                let _stopped = answer.await;
            }
        }
        for (_, turn) in self.running() {
            if let Some(mut state) = self.hub.table.follow(&turn) {
                let _ended = timeout(QUIET_WITHIN, state.wait_for(Option::is_some)).await;
            }
        }
        self.hub.stopping.cancel();
        if let Some(subagents) = &self.hub.io.subagents {
            // A disk that hangs does not hold the stop up.
            let _written = timeout(QUIET_WITHIN, subagents.closed()).await;
        }
        self.hub.processes.close();
        if let Err(error) = self.hub.io.store.flush().await {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot flush the store");
        }
    }
}

fn is_text_only(submission: &Submission) -> bool {
    submission.content.0.iter().all(|part| matches!(part, domain::Part::Text { .. }))
}
