//! The beginning of a turn: which conversation, which model, and the message on disk.

use std::sync::Arc;

use config::{Config, ElevatedLevel, ModelRef};
use domain::{Content, Message, Part, TurnId, UnixMillis, User, transcript::Body};
use policy::explain::Boxed;
use store::{Context, SessionEntry, StoreError, Transcript};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{Current, Session};
use crate::{
    EventBody, Origin, Submission, SubmitError, brief,
    brief::Brief,
    halt::Halt,
    io::Io,
    notices::Note,
    prompt,
    queue::Batch,
    sandboxes,
    skills::offer::Offer,
    turn::{self, Finished, Turn},
};

impl Session {
    /// Stores the message and starts the turn. The message is on disk when this returns.
    pub(super) async fn begin(&mut self, batch: Batch) -> Result<(), SubmitError> {
        let config = self.io.config();
        let agent = config
            .agents
            .get(&self.agent)
            .ok_or_else(|| SubmitError::UnknownAgent(self.agent.to_string()))?;
        // Never a silent run on the host.
        let boxed = Boxed::of(&config, agent, self.names().0).is_some();
        if boxed && sandboxes::backend_of(&self.io.sandboxes, agent).is_none() {
            return Err(SubmitError::NoSandbox(self.names().0.clone()));
        }
        self.io.lanes.resize(&config.agents);
        let now = self.io.clock.now();
        let Batch { submission, merged, dropped } = batch;
        let is_heartbeat = submission.is_heartbeat;
        let entry = if is_heartbeat {
            self.io.store.sessions(&self.agent).note(&self.key, |_| ()).await?
        } else {
            self.fresh_entry(&config, now, &submission).await?
        };
        let candidates = brief::candidates(agent, submission.model.clone().or(chosen(&entry)));
        let thinking = submission.thinking.clone().or_else(|| entry.thinking_level.clone());
        let mut transcript = self.open(&entry, agent).await?;
        let mut lines = changes(transcript.context(), candidates.first(), thinking.as_deref());
        let notes = self.io.notices.peek(&self.key);
        let content = self.envelope(&submission.content, &notes, now);
        lines.push(Body::Message { message: Message::User(User { content, timestamp: now }) });
        let ids = merged.iter().chain([&submission.turn]).map(TurnId::as_str);
        let ids = ids.chain(dropped.iter().map(String::as_str));
        let taken = self.io.waiting(ids.chain(notes.iter().map(|note| &*note.id)));
        if let Err(error) = transcript.append_taken(lines, &taken).await {
            self.transcript = Some(transcript);
            return Err(error.into());
        }
        self.io.notices.remove(&self.key, &notes);
        self.io.release(taken.iter().map(String::as_str));
        let limit = submission.timeout.or(agent.timeout).filter(|limit| !limit.is_zero());
        let halt = Halt::new(limit.map(|limit| Instant::now() + limit));
        let verbose = entry.verbose_level.as_deref().unwrap_or(&agent.verbose);
        let session_id = entry.session_id.clone();
        let emitter = self.emitter(&submission.turn, session_id.clone(), verbose);
        let emitter = Arc::new(emitter.of_heartbeat(is_heartbeat));
        let (interject, inbox) = mpsc::channel(config.messages.queue.cap.max(1));
        let offer = self.offer(&config, agent).await;
        let brief = self.brief(&config, (agent, offer), &submission, (thinking, &entry));
        let turn = Turn {
            brief: Arc::new(brief),
            candidates,
            transcript,
            emitter: Arc::clone(&emitter),
            halt: halt.clone(),
            machines: Arc::default(),
            inbox,
        };
        let Submission { turn: turn_id, origin, .. } = submission;
        self.table.started(&turn_id, &self.key, origin.trail());
        let started = now;
        self.current = Some(Current {
            turn: turn_id,
            merged,
            halt,
            interject,
            emitter,
            session_id,
            started,
            is_heartbeat,
        });
        let opens_ahead = std::mem::take(&mut self.uses_sandbox);
        self.turns.spawn(in_lane(turn, opens_ahead, origin, Arc::clone(&self.io)));
        Ok(())
    }

    /// A turn that asks no model by itself, for work on an idle conversation; `None` when there
    /// is no conversation yet.
    pub(crate) async fn idle_turn(&mut self) -> Result<Option<Turn>, SubmitError> {
        let config = self.io.config();
        let Some(entry) = self.io.store.sessions(&self.agent).get(&self.key) else {
            return Ok(None);
        };
        let agent = config
            .agents
            .get(&self.agent)
            .ok_or_else(|| SubmitError::UnknownAgent(self.agent.to_string()))?;
        let transcript = self.open(&entry, agent).await?;
        let nobody = Submission::of(TurnId::random(), self.key.clone(), Content::default());
        let offer = self.offer(&config, agent).await;
        let brief = self.brief(&config, (agent, offer), &nobody, (None, &entry));
        let emitter = Arc::new(self.emitter(&nobody.turn, entry.session_id.clone(), "off"));
        let (_, inbox) = mpsc::channel(1);
        Ok(Some(Turn {
            brief: Arc::new(brief),
            candidates: brief::candidates(agent, chosen(&entry)),
            transcript,
            emitter,
            halt: Halt::new(None),
            machines: Arc::default(),
            inbox,
        }))
    }

    /// Takes the transcript of an idle turn back.
    pub(crate) fn take_back(&mut self, turn: Turn) {
        self.transcript = Some(turn.transcript);
    }

    fn brief(
        &self,
        config: &Arc<Config>,
        (agent, skills): (&config::Agent, Offer),
        submission: &Submission,
        (thinking, entry): (Option<String>, &SessionEntry),
    ) -> Brief {
        let boxed = Boxed::of(config, agent, &self.key);
        let level = entry.elevated_level.as_deref().and_then(ElevatedLevel::parse);
        let workspace = self.io.workspace(config, agent);
        let files = workspace
            .prompt_files(&prompt::FILES, agent.bootstrap_chars_max)
            .into_iter()
            .filter_map(prompt_file)
            .collect();
        Brief {
            config: Arc::clone(config),
            agent: agent.id.clone(),
            session: self.key.clone(),
            files,
            workdir: match &boxed {
                Some(_) => agent.sandbox_settings.docker.workdir.clone(),
                None => agent.workspace.display().to_string(),
            },
            channel: submission.channel.clone(),
            extra: submission.extra_system.clone(),
            client_tools: Arc::clone(&submission.client_tools),
            output_tokens_max: submission.output_tokens_max,
            thinking,
            cache_key: entry.session_id.to_string(),
            boxed,
            elevated: level.unwrap_or(agent.elevated_default),
            skills,
            place: Arc::clone(&self.io.place),
            tools: self.io.tools.clone(),
            kits: std::sync::Mutex::default(),
        }
    }

    /// The index entry, with a new session id when a person finds the conversation stale. Where
    /// replies go is what people say, too.
    async fn fresh_entry(
        &self,
        config: &Config,
        now: UnixMillis,
        submission: &Submission,
    ) -> Result<Arc<SessionEntry>, StoreError> {
        let sessions = self.io.store.sessions(&self.agent);
        let (channel, is_person) = (&submission.channel, submission.origin.is_person());
        let stale = is_person
            && sessions.get(&self.key).is_some_and(|entry| {
                let reset = policy::reset::which_reset(&config.session, &self.key, Some(channel));
                policy::reset::is_stale(&reset, entry.updated_at, now, &self.io.zone())
            });
        sessions
            .note(&self.key, |entry| {
                if stale {
                    *entry = entry.reset_keeping(now);
                }
                entry.updated_at = entry.updated_at.max(now);
                entry.system_sent = Some(true);
                entry.aborted_last_run = Some(false);
                entry.chat_type.get_or_insert_with(|| "direct".to_owned());
                if is_person {
                    entry.last_channel = Some(channel.clone());
                    entry.delivery_context.get_or_insert_default().channel = Some(channel.clone());
                }
            })
            .await
    }

    /// The transcript of `entry`: the one at hand, or from disk.
    pub(super) async fn open(
        &mut self,
        entry: &SessionEntry,
        agent: &config::Agent,
    ) -> Result<Transcript, StoreError> {
        if let Some(transcript) = self.transcript.take()
            && *transcript.id() == entry.session_id
            && !transcript.is_gone()
        {
            return Ok(transcript);
        }
        if !self.seeded {
            self.seeded = true;
            let texts: &[(&str, &str)] = if agent.skip_bootstrap { &[] } else { &prompt::SEEDS };
            self.io.workspace(&self.io.config(), agent).seed(texts)?;
        }
        let sessions = self.io.store.sessions(&self.agent);
        sessions.open(&self.key, entry, &agent.workspace.display().to_string()).await
    }

    /// The message with its time, after the notes that waited for it.
    fn envelope(&self, content: &Content, notes: &[Note], now: UnixMillis) -> Content {
        let zone = self.io.zone();
        let mut parts = content.0.clone();
        if let Some(Part::Text { text, .. }) =
            parts.iter_mut().find(|part| matches!(part, Part::Text { .. }))
        {
            *text = prompt::stamp(text, now, &zone);
        }
        if !notes.is_empty() {
            let lines: Vec<String> =
                notes.iter().map(|note| format!("System: {}", note.text)).collect();
            parts.insert(0, Part::text(lines.join("\n")));
        }
        Content(parts)
    }
}

/// Lines that say which model and thinking level a turn has, where they changed.
fn changes(context: &Context, model: Option<&ModelRef>, thinking: Option<&str>) -> Vec<Body> {
    let mut lines = Vec::new();
    if let Some(model) = model {
        let (provider, model_id) = (model.provider.clone(), model.model.clone());
        if context.model.as_ref().is_none_or(|it| it.0 != provider || it.1 != model_id) {
            lines.push(Body::ModelChange { provider, model_id });
        }
    }
    let level = thinking.unwrap_or("off");
    if context.thinking.as_deref() != Some(level) {
        lines.push(Body::ThinkingLevelChange { thinking_level: level.to_owned() });
    }
    lines
}

/// Waits for a place among the running turns, then runs.
async fn in_lane(turn: Turn, opens_ahead: bool, origin: Origin, io: Arc<Io>) -> Finished {
    let _place = tokio::select! {
        biased;
        place = io.lanes.of(&origin).enter() => place,
        _reason = turn.halt.reached() => None,
    };
    turn.emitter.send(EventBody::Started).await;
    let mut ahead = JoinSet::new();
    if opens_ahead {
        let (machines, brief) = (Arc::clone(&turn.machines), Arc::clone(&turn.brief));
        let io = Arc::clone(&io);
        ahead.spawn(async move { machines.open_ahead(&brief, &io).await });
    }
    let finished = turn::run(turn, &io).await;
    ahead.shutdown().await;
    finished
}

/// The model that a person chose for this conversation.
pub(crate) fn chosen(entry: &SessionEntry) -> Option<ModelRef> {
    let model = entry.model_override.clone()?;
    let provider = entry.provider_override.clone()?;
    Some(ModelRef { provider, model })
}

fn prompt_file(file: store::PromptFile) -> Option<prompt::File> {
    let text = match file.content {
        store::PromptContent::Found(text) => Some(text),
        store::PromptContent::Missing => None,
        store::PromptContent::Empty => return None,
    };
    Some(prompt::File { name: file.name, path: file.path.display().to_string(), text })
}
