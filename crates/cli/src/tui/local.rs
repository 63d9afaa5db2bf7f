//! What is done here, and not by the gateway's commands: going elsewhere, choosing, settings.

use serde_json::{Value, json};

use super::{
    picker::{Choice, Kind, Picker},
    question::Decision,
    row::Row,
    session::Session,
    slash::{self, Local},
    state::{Ask, Effect, State, call},
};

impl State {
    /// Does what was typed after a slash, if it is to be done here.
    pub(super) fn local(&mut self, local: Local) -> Vec<Effect> {
        match local {
            Local::Help => {
                self.log.push(Row::Notice(slash::help()));
                self.log.follow();
                Vec::new()
            }
            Local::Quit => vec![Effect::Quit],
            Local::Abort => self.abort(),
            Local::Sessions => vec![ask_choices(Kind::Session)],
            Local::Agents => vec![ask_choices(Kind::Agent)],
            Local::Models => vec![ask_choices(Kind::Model)],
            Local::Settings => {
                self.settings(0);
                Vec::new()
            }
            Local::Session(name) => {
                let key = self.defaults.key(&name);
                self.go_to(key)
            }
            Local::Agent(id) => self.chosen(Kind::Agent, &id),
            Local::Deliver(on) => {
                self.options.deliver = on;
                Vec::new()
            }
            Local::Change { field, value } => {
                let params = json!({"key": self.session.key, (field): value});
                vec![call(Ask::Change, "sessions.patch", params)]
            }
            Local::Ask { name, choices } => {
                self.notice = Some(format!("/{name} is followed by {}", choices.join(", ")));
                Vec::new()
            }
        }
    }

    /// Does what a choice of a list means.
    pub(super) fn chosen(&mut self, kind: Kind, value: &str) -> Vec<Effect> {
        match kind {
            Kind::Session => self.go_to(value.to_owned()),
            Kind::Agent => {
                let key = self.defaults.main_of(value);
                self.go_to(key)
            }
            Kind::Model => {
                let params = json!({"key": self.session.key, "model": value});
                vec![call(Ask::Change, "sessions.patch", params)]
            }
            Kind::Settings => {
                self.switch(value);
                Vec::new()
            }
            Kind::Shell => self.bang_answered(Some(value)),
        }
    }

    /// Goes to another conversation.
    fn go_to(&mut self, key: String) -> Vec<Effect> {
        self.session = Session::of(key);
        self.turns.clear();
        self.unanswered.clear();
        self.log.clear();
        self.load()
    }

    pub(super) fn abort(&mut self) -> Vec<Effect> {
        let params = json!({"sessionKey": self.session.key});
        vec![call(Ask::Change, "chat.abort", params)]
    }

    /// Answers the question that is shown.
    pub(super) fn decide(&mut self, decision: Decision) -> Vec<Effect> {
        let Some(question) = self.questions.pop_front() else { return Vec::new() };
        let params = json!({"id": question.id, "decision": decision.as_str()});
        vec![call(Ask::Change, "exec.approval.resolve", params)]
    }

    /// Shows how the chat is set, with the mark at `at`.
    fn settings(&mut self, at: usize) {
        let word = |is_on, on: &'static str, off: &'static str| if is_on { on } else { off };
        let choices = [
            ("tool output:", word(self.unfolded.tools, "shown", "folded")),
            ("thinking:", word(self.unfolded.thinking, "shown", "folded")),
            ("replies:", word(self.options.deliver, "go to the chat service too", "stay here")),
            ("! commands:", word(self.bang.is_allowed, "run", "are asked about first")),
        ];
        let choices = choices.map(|(name, now)| Choice::new(name, now)).to_vec();
        let mut picker = Picker::new(Kind::Settings, choices);
        (0..at).for_each(|_| picker.down());
        self.picker = Some(picker);
    }

    /// Turns a setting round, and shows them again.
    fn switch(&mut self, name: &str) {
        let at = match name {
            "tool output:" => {
                self.unfolded.tools = !self.unfolded.tools;
                0
            }
            "thinking:" => {
                self.unfolded.thinking = !self.unfolded.thinking;
                1
            }
            "replies:" => {
                self.options.deliver = !self.options.deliver;
                2
            }
            _ => {
                // They are allowed by an answer to their own question alone.
                self.bang.is_allowed = false;
                3
            }
        };
        self.settings(at);
    }
}

pub(super) fn ask_choices(kind: Kind) -> Effect {
    let (method, params) = match kind {
        Kind::Agent => ("agents.list", json!({})),
        Kind::Model => ("models.list", json!({})),
        Kind::Session | Kind::Settings | Kind::Shell => {
            ("sessions.list", json!({"limit": 200, "includeDerivedTitles": true}))
        }
    };
    call(Ask::Choices(kind), method, params)
}

/// What the gateway has to choose from.
pub(super) fn choices(kind: Kind, reply: &Value) -> Vec<Choice> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let (list, choice): (&Value, &dyn Fn(&Value) -> Choice) = match kind {
        Kind::Session => {
            (&reply["sessions"], &|row| Choice::new(&text(row, "key"), &text(row, "derivedTitle")))
        }
        Kind::Agent => (&reply["agents"], &|row| Choice::new(&text(row, "id"), &text(row, "name"))),
        Kind::Model => (&reply["models"], &|row| {
            let full = format!("{}/{}", text(row, "provider"), text(row, "id"));
            Choice::new(&full, &text(row, "name"))
        }),
        Kind::Settings | Kind::Shell => return Vec::new(),
    };
    list.as_array().into_iter().flatten().map(choice).collect()
}
