//! All that the chat knows, and how events change it. Pure: no I/O, no clock, no layout.
//!
//! Invariant: a text that was typed is lost only by a key that says so. What is sent without a
//! connection stays in the input; what was sent and not answered when the connection broke is
//! sent again under the same name, which the gateway takes once.

use std::collections::{BTreeMap, VecDeque};

use crossterm::event::KeyEvent;
use serde_json::{Value, json};

use super::{
    bang::Bang,
    input::Input,
    live::Turn,
    local::choices,
    log::Log,
    paint::Unfolded,
    past::Past,
    picker::{Kind, Picker},
    question::Question,
    row::{self, Row},
    session::{Defaults, Session},
    shell::Said,
};
use crate::ui::safe;

/// What happened.
#[derive(Debug)]
pub(crate) enum Happened {
    Key(KeyEvent),
    Paste(String),
    /// Time went by, or the terminal has another size.
    Nothing,
    Connected {
        hello: Value,
    },
    Lost {
        why: String,
    },
    Event {
        name: String,
        payload: Value,
    },
    Answer {
        ask: Ask,
        result: Result<Value, String>,
    },
    /// A command that the person runs here did something.
    Ran(Said),
}

/// Why a method was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    History {
        key: String,
    },
    /// Messages before those in the log.
    Older {
        key: String,
    },
    Row,
    Questions,
    Send {
        run: String,
    },
    Choices(Kind),
    /// Only a refusal matters.
    Change,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    Call {
        ask: Ask,
        method: &'static str,
        params: Value,
    },
    /// A command of the person's own, on this machine.
    Run {
        command: String,
    },
    /// The end of such a command.
    StopRun,
    Quit,
}

/// What a person may choose on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) session: String,
    pub(crate) message: Option<String>,
    pub(crate) thinking: Option<String>,
    pub(crate) deliver: bool,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) history_limit: u16,
    /// Makes names for what is sent.
    pub(crate) new_name: fn() -> String,
}

#[cfg(test)]
impl Options {
    /// What nobody chose anything for.
    pub(crate) fn plain(new_name: fn() -> String) -> Self {
        Self {
            url: "ws://127.0.0.1:1".into(),
            session: "main".into(),
            message: None,
            thinking: None,
            deliver: false,
            timeout_ms: None,
            history_limit: 200,
            new_name,
        }
    }
}

/// The connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Connecting,
    Open,
    Lost { why: String },
}

/// The chat.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) link: Link,
    pub(super) defaults: Defaults,
    pub(crate) session: Session,
    pub(crate) log: Log,
    pub(super) past: Past,
    pub(crate) input: Input,
    /// Turns of this conversation that run, by name.
    pub(crate) turns: BTreeMap<String, Turn>,
    /// Sent, and not answered: name and text.
    pub(super) unanswered: VecDeque<(String, String)>,
    is_loading: bool,
    may_approve: bool,
    pub(crate) questions: VecDeque<Question>,
    pub(crate) picker: Option<Picker>,
    pub(super) bang: Bang,
    /// A word to the person, until the next key.
    pub(crate) notice: Option<String>,
    pub(crate) unfolded: Unfolded,
    pub(super) interrupted_ms: Option<i64>,
    pub(crate) now_ms: i64,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            link: Link::Connecting,
            defaults: Defaults::default(),
            session: Session::default(),
            log: Log::default(),
            past: Past::default(),
            input: Input::default(),
            turns: BTreeMap::new(),
            unanswered: VecDeque::new(),
            is_loading: false,
            may_approve: false,
            questions: VecDeque::new(),
            picker: None,
            bang: Bang::default(),
            notice: None,
            unfolded: Unfolded::default(),
            interrupted_ms: None,
            now_ms: 0,
        }
    }

    /// Takes what happened at `now_ms` and says what is to be done.
    pub(crate) fn update(&mut self, happened: Happened, now_ms: i64) -> Vec<Effect> {
        self.now_ms = now_ms;
        let effects = match happened {
            Happened::Key(key) => self.key(key),
            Happened::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Happened::Nothing => Vec::new(),
            Happened::Connected { hello } => self.connected(&hello),
            Happened::Lost { why } => {
                self.link = Link::Lost { why: safe::line(&why) };
                self.turns.clear();
                self.questions.clear();
                self.past.not_answered();
                Vec::new()
            }
            Happened::Event { name, payload } => self.event(&name, &payload),
            Happened::Answer { ask, result } => self.answer(ask, result),
            Happened::Ran(said) => {
                self.bang_said(said);
                Vec::new()
            }
        };
        self.questions.retain(|it| it.expires_ms > now_ms);
        if let Some(first) = self.questions.front_mut() {
            first.shown_ms.get_or_insert(now_ms);
        }
        effects
    }

    /// Whether something on the screen changes with time alone.
    pub(crate) fn is_ticking(&self) -> bool {
        !self.turns.is_empty() || !self.questions.is_empty() || self.interrupted_ms.is_some()
    }

    /// Whether something runs.
    pub(crate) fn is_running(&self) -> bool {
        !self.turns.is_empty()
    }

    fn connected(&mut self, hello: &Value) -> Vec<Effect> {
        self.link = Link::Open;
        self.defaults = Defaults::of_hello(hello);
        let scopes = hello["auth"]["scopes"].as_array();
        let may = |name: &str| scopes.is_none_or(|all| all.iter().any(|it| it == name));
        self.may_approve = may("operator.approvals") || may("operator.admin");
        if self.session.key.is_empty() {
            let key = self.defaults.key(&self.options.session);
            self.session = Session::of(key);
            if let Some(text) = self.options.message.take() {
                self.unanswered.push_back(((self.options.new_name)(), text));
            }
        }
        let mut effects = self.load();
        if self.may_approve {
            effects.push(call(Ask::Questions, "exec.approval.list", json!({})));
        }
        effects
    }

    /// Asks for what there is to show.
    pub(super) fn load(&mut self) -> Vec<Effect> {
        self.is_loading = true;
        let key = self.session.key.clone();
        let params = json!({"sessionKey": key, "limit": self.options.history_limit});
        vec![call(Ask::History { key }, "chat.history", params), self.ask_row()]
    }

    fn ask_row(&self) -> Effect {
        let params = json!({"search": self.session.key, "limit": 20, "includeGlobal": true});
        call(Ask::Row, "sessions.list", params)
    }

    fn event(&mut self, name: &str, payload: &Value) -> Vec<Effect> {
        match name {
            "exec.approval.requested" => {
                if let Some(question) = Question::read(payload)
                    && self.questions.iter().all(|it| it.id != question.id)
                {
                    self.questions.push_back(question);
                }
            }
            "exec.approval.resolved" => self.questions.retain(|it| payload["id"] != *it.id),
            "agent" | "chat" if payload["sessionKey"] == *self.session.key => {
                return self.turn_event(name, payload);
            }
            "shutdown" => self.notice = Some("the gateway stops".to_owned()),
            _ => {}
        }
        Vec::new()
    }

    fn turn_event(&mut self, name: &str, payload: &Value) -> Vec<Effect> {
        let run = payload["runId"].as_str().unwrap_or_default();
        let is_end = matches!(payload["state"].as_str(), Some("final" | "aborted" | "error"));
        // After the end only facts follow that are known by then.
        let begins = name == "chat" || payload["data"]["phase"] == "start";
        if !self.turns.contains_key(run) && !begins {
            return Vec::new();
        }
        let turn =
            self.turns.entry(run.to_owned()).or_insert_with(|| Turn::begun(self.now_ms, false));
        if name == "agent" {
            turn.agent(payload, &mut self.log);
            return Vec::new();
        }
        turn.chat(payload, &mut self.log);
        if !is_end {
            return Vec::new();
        }
        let was_ours = turn.is_ours;
        self.turns.remove(run);
        // What someone else said is known to the transcript only.
        if was_ours { vec![self.ask_row()] } else { self.load() }
    }

    fn answer(&mut self, ask: Ask, result: Result<Value, String>) -> Vec<Effect> {
        let reply = match (result, &ask) {
            (Ok(reply), _) => reply,
            (Err(why), Ask::Send { run }) => {
                self.not_sent(run, &why);
                return Vec::new();
            }
            (Err(why), _) => {
                if matches!(ask, Ask::Older { .. }) {
                    self.past.not_answered();
                }
                self.is_loading &= !matches!(ask, Ask::History { .. });
                self.notice = Some(safe::line(&why));
                return Vec::new();
            }
        };
        match ask {
            Ask::History { key } if key == self.session.key => return self.history(&reply),
            Ask::Older { key } if key == self.session.key => return self.older(&reply),
            Ask::History { .. } | Ask::Older { .. } => {}
            Ask::Row => self.session.take_row(&reply),
            Ask::Questions => {
                let asked = reply.as_array().into_iter().flatten();
                self.questions = asked.filter_map(Question::read).collect();
            }
            Ask::Send { run } => {
                self.unanswered.retain(|(name, _)| *name != run);
                // What was only a word to stop, or is over by now, is told no end.
                if !matches!(reply["status"].as_str(), Some("started" | "in_flight")) {
                    self.turns.remove(&run);
                }
            }
            Ask::Choices(kind) => self.picker = Some(Picker::new(kind, choices(kind, &reply))),
            Ask::Change => return vec![self.ask_row()],
        }
        Vec::new()
    }

    fn history(&mut self, reply: &Value) -> Vec<Effect> {
        self.is_loading = false;
        self.session.take_history(reply);
        let own = self.log.take_own();
        let messages = reply["messages"].as_array().map_or(&[][..], Vec::as_slice);
        self.past = Past::of(reply, messages);
        for row in row::rows_of(messages) {
            self.log.push(row);
        }
        for row in own {
            let id = self.log.push(row);
            // The newest of them is the one that may run.
            self.bang_moved(id);
        }
        let heard = messages.iter().rev().find(|it| it["role"] == "user");
        let heard = heard.map(|it| row::text_of(&it["content"]));
        let waiting: Vec<(String, String)> = self.unanswered.iter().cloned().collect();
        let send = |(run, text): (String, String)| {
            if heard.as_ref() != Some(&text) {
                self.show(&text);
            }
            self.speak(run, &text)
        };
        waiting.into_iter().map(send).collect()
    }

    fn not_sent(&mut self, run: &str, why: &str) {
        self.unanswered.retain(|(name, _)| name != run);
        self.turns.remove(run);
        self.log.push(Row::Error(safe::text(why)));
    }

    /// Sends a text of this person.
    pub(super) fn send(&mut self, text: &str) -> Vec<Effect> {
        let run = (self.options.new_name)();
        self.unanswered.push_back((run.clone(), text.to_owned()));
        self.log.follow();
        // While the log is loaded it waits: it would be wiped out by what comes.
        if self.is_loading {
            return Vec::new();
        }
        if matches!(text.split_whitespace().next(), Some("/new" | "/reset")) {
            self.log.clear();
        }
        self.show(text);
        vec![self.speak(run, text)]
    }

    fn show(&mut self, text: &str) {
        for row in row::user(text) {
            self.log.push(row);
        }
    }

    fn speak(&mut self, run: String, text: &str) -> Effect {
        self.turns.entry(run.clone()).or_insert_with(|| Turn::begun(self.now_ms, true));
        let mut params = json!({
            "sessionKey": self.session.key,
            "message": text,
            "idempotencyKey": run,
            "deliver": self.options.deliver,
        });
        if let Some(level) = &self.options.thinking {
            params["thinking"] = json!(level);
        }
        if let Some(limit) = self.options.timeout_ms {
            params["timeoutMs"] = json!(limit);
        }
        call(Ask::Send { run }, "chat.send", params)
    }
}

pub(super) fn call(ask: Ask, method: &'static str, params: Value) -> Effect {
    Effect::Call { ask, method, params }
}

#[cfg(test)]
mod tests;
