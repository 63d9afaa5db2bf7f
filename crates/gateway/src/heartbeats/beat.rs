//! One heartbeat: whether it is to be, the turn, and what its answer means.

use std::{sync::Arc, time::Duration};

use agent::{Lookup, Stop, Submission, Submitted};
use config::{Agent, QueueMode};
use domain::{Content, SessionKey, TurnId, UnixMillis};
use policy::heartbeat::{self, Verdict};
use protocol::event::{Chat, ChatMessage, ChatState};
use serde_json::json;
use store::{PromptContent, SessionEntry};
use tracing::warn;

use super::{Beat, Cause, Wake};
use crate::{rpc::error::chain, state::Gateway};

/// What the agent is told, unless the configuration says something else.
const PROMPT: &str = "This is a heartbeat: nobody wrote to you. Read HEARTBEAT.md if your \
workspace has it, and do what it asks for now. Do not take up old tasks from this conversation by \
yourself. If there is nothing that the person should know, answer with exactly HEARTBEAT_OK.";
/// The file that says what to look at.
const CHECKLIST: &str = "HEARTBEAT.md";
const CHECKLIST_CHARS_MAX: usize = 20_000;
/// Characters of an answer that are told with the event.
const PREVIEW_CHARS_MAX: usize = 200;
/// How long the same answer is not told again.
const REPEATED_WITHIN: Duration = Duration::from_hours(24);
/// Longer than any turn; a turn has its own limit.
const PATIENCE: Duration = Duration::from_hours(24);
/// Fields of an entry that remember what was told last.
const LAST_TEXT: &str = "lastHeartbeatText";
const LAST_AT: &str = "lastHeartbeatSentAt";

/// How it went.
pub(super) enum Outcome {
    /// This is what clients are told.
    Told(Beat),
    /// Something else runs in the conversation.
    Busy,
    /// Heartbeats are switched off.
    Off,
}

/// Has an agent look at a conversation.
pub(super) async fn once(gateway: &Arc<Gateway>, wake: &Wake) -> Outcome {
    let began = gateway.clock.now();
    let config = gateway.config();
    let Some(agent) = config.agents.get(&wake.agent) else { return Outcome::Off };
    if !gateway.heartbeats.is_on() {
        return Outcome::Off;
    }
    if let Some(reason) = skipped(gateway, agent, wake, began) {
        return Outcome::Told(beat(gateway, began, "skipped").because(reason));
    }
    if gateway.sessions.running().iter().any(|(session, _)| *session == wake.session) {
        return Outcome::Busy;
    }
    let turn = TurnId::new(uuid::Uuid::new_v4().to_string());
    let prompt = agent.heartbeat.prompt.as_deref().unwrap_or(PROMPT);
    let submission = Submission {
        // It never joins what a person began.
        queue: Some(QueueMode::Followup),
        model: agent.heartbeat.model.clone(),
        is_heartbeat: true,
        channel: "heartbeat".to_owned(),
        ..Submission::of(turn.clone(), wake.session.clone(), Content::text(prompt))
    };
    let outcome = match gateway.sessions.submit(submission).await {
        Ok(Submitted::Done(outcome)) => outcome,
        Ok(Submitted::Started | Submitted::InFlight) => {
            match gateway.sessions.wait(&turn, PATIENCE).await {
                Lookup::Done(outcome) => outcome,
                Lookup::Pending => return Outcome::Off,
            }
        }
        Ok(Submitted::Stopped(_)) => return Outcome::Off,
        Err(error) => {
            warn!(error = chain(&error), session = %wake.session, "cannot wake the agent");
            return Outcome::Told(beat(gateway, began, "failed").because(&error.to_string()));
        }
    };
    if let Stop::Failed { error, .. } = &outcome.stop {
        return Outcome::Told(beat(gateway, began, "failed").because(error));
    }
    let answer = outcome.texts.last().map_or("", String::as_str);
    match heartbeat::judge(answer, agent.heartbeat.ack_chars_max) {
        Verdict::Nothing => Outcome::Told(beat(gateway, began, "ok-token").silently()),
        Verdict::Silence => Outcome::Told(beat(gateway, began, "ok-empty").silently()),
        Verdict::Tell(text) => {
            Outcome::Told(told(gateway, agent, (wake, &turn), (began, &text)).await)
        }
    }
}

/// Why there is to be none.
fn skipped(gateway: &Gateway, agent: &Agent, wake: &Wake, now: UnixMillis) -> Option<&'static str> {
    if !agent.heartbeat.is_shown {
        return Some("alerts-disabled");
    }
    // What happened is looked at whatever the hour: somebody wanted it to be.
    if wake.cause == Cause::Event {
        return None;
    }
    if let Some(hours) = &agent.heartbeat.hours {
        let zone = hours.zone.as_deref().map(jiff::tz::TimeZone::get);
        let zone = zone.and_then(Result::ok).unwrap_or_else(jiff::tz::TimeZone::system);
        let time = now.timestamp().to_zoned(zone).time();
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        if !heartbeat::is_within(hours, u16::try_from(minute).unwrap_or(0)) {
            return Some("quiet-hours");
        }
    }
    let has_news = !gateway.sessions.notes(&wake.session).is_empty();
    (!has_news && has_blank_checklist(gateway, agent)).then_some("empty-heartbeat-file")
}

fn has_blank_checklist(gateway: &Gateway, agent: &Agent) -> bool {
    let exposed = gateway.config().agents.exposed();
    let workspace = gateway.store.workspace(&agent.workspace).among(exposed.into());
    let files = workspace.prompt_files(&[CHECKLIST], CHECKLIST_CHARS_MAX);
    files.iter().any(|file| match &file.content {
        PromptContent::Found(text) => heartbeat::is_blank(text),
        PromptContent::Empty => true,
        PromptContent::Missing => false,
    })
}

/// Tells an answer to those who are there, unless they know it.
async fn told(
    gateway: &Gateway,
    agent: &Agent,
    (wake, turn): (&Wake, &TurnId),
    (began, text): (UnixMillis, &str),
) -> Beat {
    let preview: String = text.chars().take(PREVIEW_CHARS_MAX).collect();
    let told = |status| Beat {
        preview: Some(preview.clone()),
        indicator_type: Some("alert"),
        ..beat(gateway, began, status)
    };
    let sessions = gateway.sessions_of(&wake.session);
    let now = gateway.clock.now();
    if sessions.get(&wake.session).is_some_and(|entry| is_known(&entry, text, now)) {
        return told("skipped").because("duplicate");
    }
    // Answers go to the pages that are open: there are no other services to send them by.
    if !matches!(agent.heartbeat.target.as_str(), "last" | "webchat") {
        return told("skipped").because("no-target");
    }
    say(gateway, &wake.session, (agent, turn), (text, now));
    let remember = |entry: &mut SessionEntry| {
        entry.extra.insert(LAST_TEXT.to_owned(), json!(text));
        entry.extra.insert(LAST_AT.to_owned(), json!(now));
        entry.updated_at = entry.updated_at.max(now);
    };
    if let Err(error) = sessions.note(&wake.session, remember).await {
        warn!(error = chain(&error), "cannot remember what was told");
    }
    Beat { channel: Some("webchat"), ..told("sent") }
}

fn say(
    gateway: &Gateway,
    session: &SessionKey,
    (agent, turn): (&Agent, &TurnId),
    (text, now): (&str, UnixMillis),
) {
    let chat = Chat {
        run_id: turn.as_str().into(),
        session_key: session.as_str().into(),
        agent_id: Some(agent.id.as_str().into()),
        seq: 0,
        state: ChatState::Final {
            stop_reason: Some("stop"),
            message: Some(ChatMessage::new(text, now.0)),
        },
    };
    gateway.events.announce_chat(session, &chat);
}

/// Whether the same was told a short while ago.
fn is_known(entry: &SessionEntry, text: &str, now: UnixMillis) -> bool {
    let same = entry.extra.get(LAST_TEXT).and_then(serde_json::Value::as_str) == Some(text);
    let at = entry.extra.get(LAST_AT).and_then(serde_json::Value::as_i64);
    same && at.is_some_and(|at| u128::from(now.since(UnixMillis(at))) < REPEATED_WITHIN.as_millis())
}

fn beat(gateway: &Gateway, began: UnixMillis, status: &'static str) -> Beat {
    let now = gateway.clock.now();
    Beat {
        ts: now.0,
        status,
        reason: None,
        preview: None,
        duration_ms: now.since(began),
        has_media: false,
        channel: None,
        silent: false,
        indicator_type: match status {
            "failed" => Some("error"),
            "ok-token" | "ok-empty" => Some("ok"),
            _ => None,
        },
    }
}

impl Beat {
    fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    fn silently(mut self) -> Self {
        self.silent = true;
        self
    }
}
