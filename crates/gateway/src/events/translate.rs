//! From an event of a turn to frames: pure, but for the time it is given.
//!
//! Holds what a turn's watchers were told so far: text goes out in steps of at least 150 ms to
//! version 3 and 50 ms to version 4, and the rest goes before the end. Every step carries the whole
//! text, so the steps of a long text are longer ([`step`]).

use std::{sync::Arc, time::Duration};

use agent::{CallEnd, Event, EventBody, Outcome, Stop};
use domain::{ConnId, Scope, SessionKey, UnixMillis};
use protocol::{
    Version, compat,
    event::{Agent, AgentData, Chat, ChatMessage, ChatState},
    frame::EventText,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::warn;

use crate::conn::Caller;

/// Versions that someone listens in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Audience {
    /// Someone speaks version 3.
    pub(crate) v3: bool,
    /// Someone speaks version 4.
    pub(crate) v4: bool,
}

/// A frame and who gets it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) version: Version,
    pub(crate) text: Arc<EventText>,
    pub(crate) to: To,
    pub(crate) slow: Slow,
}

/// Who gets a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Every connection.
    Everyone,
    /// Operators that may read; in version 3 everyone.
    Readers,
    /// Readers that asked for tool events; in version 3 only the one that started the turn.
    ToolWatchers(Option<ConnId>),
    /// Operators that hold a scope.
    Holders(Scope),
    /// Readers that want to hear that conversations changed.
    RowWatchers,
    /// Readers that want to hear the messages of a conversation, or of all.
    MessageWatchers(SessionKey),
}

/// What happens when a connection's outbox is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slow {
    /// The frame is dropped.
    Drop,
    /// The connection is closed.
    Close,
}

impl Delivery {
    pub(crate) fn is_for(&self, caller: &Caller) -> bool {
        if caller.version != self.version {
            return false;
        }
        let may_read = || caller.principal.may(Scope::Read);
        match (&self.to, self.version) {
            (To::Everyone, _) | (To::Readers, Version::V3) => true,
            (To::Readers, Version::V4) => may_read(),
            (To::Holders(scope), _) => caller.principal.may(*scope),
            (To::RowWatchers, _) => may_read() && caller.watching.hears_rows(),
            (To::MessageWatchers(key), _) => may_read() && caller.watching.hears_messages(key),
            (To::ToolWatchers(_), Version::V4) => caller.wants_tool_events && may_read(),
            (To::ToolWatchers(owner), Version::V3) => {
                caller.wants_tool_events && owner.as_ref() == Some(&caller.conn)
            }
        }
    }

    /// Whether a node asked to hear this conversation, which its role alone does not let it.
    pub(crate) fn is_for_node(&self, caller: &Caller, session: &SessionKey) -> bool {
        caller.version == self.version
            && caller.node.is_some()
            && self.to == To::Readers
            && caller.watching.hears(session)
    }

    pub(crate) fn is_numbered(&self) -> bool {
        !(self.version == Version::V3 && matches!(self.to, To::ToolWatchers(_)))
    }
}

/// Text by which a step grows by its own length: a client gets at most so much, twice, in each
/// interval, however long the reply is.
const STEP_BYTES: usize = 64 * 1024;

/// Shortest time between two steps of a text of this length.
fn step(version: Version, so_far: &str) -> Duration {
    let times = 1 + so_far.len() / STEP_BYTES;
    compat::delta_interval(version).saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
}

/// What a turn's watchers were told so far.
#[derive(Default)]
pub(crate) struct TurnView {
    key: Option<SessionKey>,
    who: Option<Who>,
    so_far: Arc<str>,
    reply: u32,
    is_new_reply: bool,
    /// Bytes of `so_far` that version 3's stream of the agent has seen.
    told_v3: usize,
    /// Bytes of `so_far` that version 4 has seen.
    told_v4: usize,
    is_untold_v3: bool,
    last_v3: Option<Instant>,
    last_v4: Option<Instant>,
    stage: Stage,
    output_tokens: u64,
    out: Vec<Delivery>,
}

/// How far a turn is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It has not begun, or never will: a command was answered.
    #[default]
    Waiting,
    /// It left the queue.
    Begun,
    /// A model was asked.
    Asked,
}

/// The parts of a payload that stay the same, and those of the newest event.
#[derive(Clone)]
struct Who {
    turn: Arc<str>,
    session: Arc<str>,
    session_id: Arc<str>,
    agent: Arc<str>,
    seq: u64,
    at: UnixMillis,
    is_heartbeat: bool,
}

impl TurnView {
    /// Turns one event into frames.
    pub(crate) fn translate(
        &mut self,
        event: &Event,
        audience: Audience,
        owner: Option<ConnId>,
        now: Instant,
    ) -> Vec<Delivery> {
        if matches!(event.body, EventBody::Started) {
            self.stage = Stage::Begun;
        }
        if !(audience.v3 || audience.v4) {
            self.skip(event);
            return Vec::new();
        }
        let who = Who::of(event);
        self.who = Some(who.clone());
        self.key = Some(event.session.clone());
        match &event.body {
            EventBody::Started => self.agent(
                &who,
                "lifecycle",
                json!({"phase": "start", "startedAt": event.at}),
                audience,
            ),
            EventBody::Model { provider, model } => self.model(&who, provider, model, audience),
            EventBody::Text { so_far, delta } => self.text(&who, (so_far, delta), audience, now),
            EventBody::Thinking { delta } => {
                self.agent(&who, "thinking", json!({"delta": delta}), audience);
            }
            EventBody::CallStarted { id, name, arguments } => {
                self.flush(&who, audience, now);
                let data = json!({"phase": "start", "name": name, "toolCallId": id,
                    "args": &**arguments});
                self.tool(&who, &data, (&event.verbose, owner), audience);
                let item = item(id.as_str(), name, "start", "running", None);
                self.agent(&who, "item", item, audience);
            }
            EventBody::CallProgress { id, name, so_far } => {
                let data = json!({"phase": "update", "name": name, "toolCallId": id,
                    "partialResult": result_of(so_far)});
                self.tool(&who, &data, (&event.verbose, owner), audience);
            }
            EventBody::CallEnded(end) => {
                self.call_ended(&who, end, (&event.verbose, owner), audience);
            }
            EventBody::Usage(usage) => {
                self.output_tokens += usage.output;
                let data = json!({"outputTokens": self.output_tokens});
                self.agent(&who, "usage", data, audience);
            }
            EventBody::Compaction { begins } => {
                let data = if *begins {
                    json!({"phase": "start"})
                } else {
                    json!({"phase": "end", "willRetry": false})
                };
                self.agent(&who, "compaction", data, audience);
            }
            EventBody::Ended(outcome) => self.ended(&who, outcome, audience, now),
        }
        std::mem::take(&mut self.out)
    }

    /// When text that was held back must go out.
    pub(crate) fn flush_at(&self) -> Option<Instant> {
        let v3 = self
            .is_untold_v3
            .then(|| self.last_v3.map(|at| at + step(Version::V3, &self.so_far)))
            .flatten();
        let v4 = (self.told_v4 < self.so_far.len())
            .then(|| self.last_v4.map(|at| at + step(Version::V4, &self.so_far)))
            .flatten();
        [v3, v4].into_iter().flatten().min()
    }

    /// Sends text that was held back and is due.
    pub(crate) fn flush_due(&mut self, audience: Audience, now: Instant) -> Vec<Delivery> {
        if self.flush_at().is_some_and(|at| at <= now)
            && let Some(who) = self.who.clone()
        {
            self.tell_v3(&who, audience, now);
            self.tell_v4(&who, audience, now);
        }
        std::mem::take(&mut self.out)
    }

    /// The conversation, once something happened.
    pub(crate) fn session(&self) -> Option<&SessionKey> {
        self.key.as_ref()
    }

    /// Whether no turn runs here, only a message was said.
    pub(crate) fn is_idle(&self) -> bool {
        self.stage == Stage::Waiting
    }

    fn skip(&mut self, event: &Event) {
        if let EventBody::Text { so_far, .. } = &event.body {
            self.so_far = Arc::clone(so_far);
            (self.told_v3, self.told_v4) = (so_far.len(), so_far.len());
        }
    }

    fn model(&mut self, who: &Who, provider: &str, model: &str, audience: Audience) {
        if std::mem::replace(&mut self.stage, Stage::Asked) != Stage::Asked {
            let state = ChatState::Status { phase: "starting_model" };
            self.chat(who, state, audience, Slow::Drop);
            self.agent(who, "run_status", json!({"phase": "starting_model"}), audience);
        }
        let data = json!({"phase": "model", "provider": provider, "model": model});
        self.agent(who, "lifecycle", data, audience);
    }

    fn text(
        &mut self,
        who: &Who,
        (so_far, delta): (&Arc<str>, &String),
        audience: Audience,
        now: Instant,
    ) {
        let goes_on = so_far.len() >= self.so_far.len() + delta.len();
        if !goes_on || (self.so_far.is_empty() && so_far.len() > delta.len()) {
            self.is_new_reply = !self.so_far.is_empty();
            (self.told_v3, self.told_v4) = (0, 0);
            self.reply += 1;
        }
        self.so_far = Arc::clone(so_far);
        self.is_untold_v3 = true;
        if so_far.len() < STEP_BYTES {
            self.assistant_v3(who, audience);
        }
        let is_due = |last: Option<Instant>, version| {
            last.is_none_or(|at| now.duration_since(at) >= step(version, so_far))
        };
        if is_due(self.last_v3, Version::V3) {
            self.tell_v3(who, audience, now);
        }
        if is_due(self.last_v4, Version::V4) {
            self.tell_v4(who, audience, now);
        }
    }

    /// Version 3's stream of the agent: each piece of a short text, the steps of a long one.
    fn assistant_v3(&mut self, who: &Who, audience: Audience) {
        let told = std::mem::replace(&mut self.told_v3, self.so_far.len());
        let Some(delta) = self.so_far.get(told..).filter(|text| !text.is_empty()) else { return };
        if !audience.v3 {
            return;
        }
        let event = self.assistant(who, Arc::clone(&self.so_far), delta.to_owned());
        if let Some(older) = compat::agent(&event) {
            self.push("agent", Version::V3, &older, (To::Readers, Slow::Close));
        }
    }

    fn tell_v3(&mut self, who: &Who, audience: Audience, now: Instant) {
        self.assistant_v3(who, audience);
        if !std::mem::take(&mut self.is_untold_v3) || !audience.v3 {
            return;
        }
        self.last_v3 = Some(now);
        let message = ChatMessage::new(Arc::clone(&self.so_far), who.at.0);
        let state = ChatState::Delta { delta_text: None, replace: false, message };
        self.push(
            "chat",
            Version::V3,
            &Chat { agent_id: None, ..who.chat(state) },
            (To::Readers, Slow::Drop),
        );
    }

    fn tell_v4(&mut self, who: &Who, audience: Audience, now: Instant) {
        let told = std::mem::replace(&mut self.told_v4, self.so_far.len());
        let Some(delta) = self.so_far.get(told..).filter(|text| !text.is_empty()) else { return };
        if !audience.v4 {
            return;
        }
        self.last_v4 = Some(now);
        let delta = delta.to_owned();
        let event = self.assistant(who, Arc::clone(&self.so_far), delta.clone());
        self.push("agent", Version::V4, &event, (To::Readers, Slow::Close));
        let message = ChatMessage::new(Arc::clone(&self.so_far), who.at.0);
        let replace = std::mem::take(&mut self.is_new_reply);
        let state = ChatState::Delta { delta_text: Some(delta), replace, message };
        // A dropped delta is not lost: the next one carries the whole text too.
        self.push("chat", Version::V4, &who.chat(state), (To::Readers, Slow::Drop));
    }

    fn flush(&mut self, who: &Who, audience: Audience, now: Instant) {
        self.tell_v3(who, audience, now);
        self.tell_v4(who, audience, now);
    }

    fn call_ended(
        &mut self,
        who: &Who,
        end: &CallEnd,
        (verbose, owner): (&str, Option<ConnId>),
        audience: Audience,
    ) {
        let mut data = json!({"phase": "result", "name": end.name, "toolCallId": end.id,
            "isError": end.result.is_error, "result": result_of(&end.result)});
        if !end.summary.is_empty() {
            data["meta"] = Value::from(end.summary.as_str());
        }
        self.tool(who, &data, (verbose, owner), audience);
        let status = if end.result.is_error { "failed" } else { "completed" };
        let item = item(end.id.as_str(), &end.name, "end", status, Some(&end.summary));
        self.agent(who, "item", item, audience);
    }

    fn ended(&mut self, who: &Who, outcome: &Outcome, audience: Audience, now: Instant) {
        let text = outcome.texts.last().filter(|text| !text.is_empty());
        let message = text.map(|text| ChatMessage::new(text.as_str(), who.at.0));
        if self.stage == Stage::Waiting && outcome.stop == Stop::Done {
            // A command was answered: no model spoke, so there is nothing but the answer.
            let message = message.map(ChatMessage::injected);
            let state = ChatState::Final { stop_reason: None, message };
            return self.chat(who, state, audience, Slow::Close);
        }
        match &outcome.stop {
            Stop::Done => {
                let mut data = json!({"phase": "finishing", "stopReason": "stop",
                    "aborted": false, "endedAt": outcome.ended});
                self.agent(who, "lifecycle", data.clone(), audience);
                data["phase"] = Value::from("end");
                data["startedAt"] = json!(outcome.started);
                let text = text.map_or("", String::as_str);
                let disposition = if text.is_empty() { "silent" } else { "visible" };
                data["terminalReply"] = json!({"disposition": disposition, "text": text});
                self.agent(who, "lifecycle", data, audience);
                self.tell_v4(who, audience, now);
                let state = ChatState::Final { stop_reason: Some("stop"), message };
                self.chat(who, state, audience, Slow::Close);
            }
            Stop::Aborted { reason } => {
                let partial = Some(Arc::clone(&self.so_far)).filter(|text| !text.is_empty());
                let message = partial.map(|text| ChatMessage::new(text, who.at.0));
                let state = ChatState::Aborted { stop_reason: reason, message };
                self.chat(who, state, audience, Slow::Close);
                let data = json!({"phase": "end", "status": "cancelled", "aborted": true,
                    "stopReason": reason, "startedAt": outcome.started,
                    "endedAt": outcome.ended});
                self.newest_agent(who, "lifecycle", data, audience);
            }
            Stop::Failed { kind, error } => {
                self.tell_v4(who, audience, now);
                let data = json!({"phase": "error", "error": error, "aborted": false,
                    "startedAt": outcome.started, "endedAt": outcome.ended});
                self.agent(who, "lifecycle", data, audience);
                let state =
                    ChatState::Error { error_message: error.clone(), error_kind: Some(kind) };
                self.chat(who, state, audience, Slow::Close);
            }
        }
    }

    fn assistant(&self, who: &Who, text: Arc<str>, delta: String) -> Agent {
        let item_id = format!("{}:{}", who.turn, self.reply + 1);
        who.agent("assistant", AgentData::Text { text, delta, item_id })
    }

    fn agent(&mut self, who: &Who, stream: &'static str, data: Value, audience: Audience) {
        let event = who.agent(stream, AgentData::Other(data));
        if audience.v4 {
            self.push("agent", Version::V4, &event, (To::Readers, Slow::Close));
        }
        if audience.v3
            && let Some(older) = compat::agent(&event)
        {
            self.push("agent", Version::V3, &older, (To::Readers, Slow::Close));
        }
    }

    fn newest_agent(&mut self, who: &Who, stream: &'static str, data: Value, audience: Audience) {
        if audience.v4 {
            let event = who.agent(stream, AgentData::Other(data));
            self.push("agent", Version::V4, &event, (To::Readers, Slow::Close));
        }
    }

    fn tool(
        &mut self,
        who: &Who,
        data: &Value,
        (verbose, owner): (&str, Option<ConnId>),
        audience: Audience,
    ) {
        let to = To::ToolWatchers(owner);
        if audience.v3
            && let Some(data) = compat::tool(data, verbose)
        {
            let event = who.agent("tool", AgentData::Other(data));
            if let Some(older) = compat::agent(&event) {
                self.push("agent", Version::V3, &older, (to.clone(), Slow::Close));
            }
        }
        if audience.v4 {
            let event = who.agent("tool", AgentData::Other(data.clone()));
            self.push("agent", Version::V4, &event, (to, Slow::Close));
        }
    }

    fn chat(&mut self, who: &Who, state: ChatState, audience: Audience, slow: Slow) {
        let chat = who.chat(state);
        if audience.v4 {
            self.push("chat", Version::V4, &chat, (To::Readers, slow));
        }
        if audience.v3
            && let Some(older) = compat::chat(&chat)
        {
            self.push("chat", Version::V3, &older, (To::Readers, slow));
        }
    }

    fn push<P: Serialize>(
        &mut self,
        name: &str,
        version: Version,
        payload: &P,
        (to, slow): (To, Slow),
    ) {
        // What a heartbeat brings is told by those who judge it.
        if name == "chat" && self.who.as_ref().is_some_and(|who| who.is_heartbeat) {
            return;
        }
        match EventText::new(name, payload, None) {
            Ok(text) => self.out.push(Delivery { version, text: Arc::new(text), to, slow }),
            Err(error) => warn!(name, %error, "event is no JSON"),
        }
    }
}

impl Who {
    fn of(event: &Event) -> Self {
        Self {
            turn: event.turn.as_str().into(),
            session: event.session.as_str().into(),
            session_id: event.session_id.as_str().into(),
            agent: event.agent.as_str().into(),
            seq: event.seq,
            at: event.at,
            is_heartbeat: event.is_heartbeat,
        }
    }

    fn agent(&self, stream: &'static str, data: AgentData) -> Agent {
        Agent {
            run_id: Arc::clone(&self.turn),
            stream,
            data,
            session_key: Arc::clone(&self.session),
            session_id: Arc::clone(&self.session_id),
            agent_id: Arc::clone(&self.agent),
            seq: self.seq,
            ts: self.at.0,
            is_heartbeat: self.is_heartbeat,
        }
    }

    fn chat(&self, state: ChatState) -> Chat {
        Chat {
            run_id: Arc::clone(&self.turn),
            session_key: Arc::clone(&self.session),
            agent_id: Some(Arc::clone(&self.agent)),
            seq: self.seq,
            state,
        }
    }
}

fn item(id: &str, name: &str, phase: &str, status: &str, meta: Option<&str>) -> Value {
    let mut item = json!({"itemId": format!("tool:{id}"), "toolCallId": id, "name": name,
        "kind": "tool", "phase": phase, "title": name, "status": status});
    if let Some(meta) = meta.filter(|meta| !meta.is_empty()) {
        item["title"] = Value::from(format!("{name} {meta}"));
        item["meta"] = Value::from(meta);
    }
    item
}

fn result_of(result: &domain::CallResult) -> Value {
    let mut value = json!({"content": result.content});
    if let Some(details) = &result.details {
        value["details"] = details.clone();
    }
    value
}

#[cfg(test)]
mod tests;
