//! The conversation as any server takes it back, whatever is stored.
//!
//! A transcript may hold replies that broke off, calls that nobody answered, results that
//! answer nothing, ids that come twice, names that no server takes, thinking of another model.
//! [`History`] reads it message by message and gives [`Turn`]s that obey these rules:
//!
//! - the person speaks first and last (a row of tool results counts as the person);
//! - neighbouring messages of the person are one turn, and so are those of the model;
//! - each call is answered once, in order, directly after the turn that made it;
//! - ids are unique, names and ids consist of characters that every server takes;
//! - arguments are objects; texts are never blank; images are of a type that models read;
//! - thinking, signatures and item ids are of the very model that is asked.
//!
//! # What a cache may rely on
//!
//! [`History::push`] is a function of the message and of a small state. Turns that it has
//! put into the output are final: later messages never change, reorder or remove them. Only the
//! turns that [`History::finish`] adds (the open group at the end, answers made up for open
//! calls, the closing line) may look different in the next request. After each message
//! [`History::is_settled`] tells whether the state holds no borrowed part; then the state can be
//! kept ([`History::carry`]) and the rest of the conversation read later from there
//! ([`History::resume`]). The output depends on [`Rules`] too: other rules, another output.

mod names;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::VecDeque;

use domain::{Assistant, CallId, Message, Part, StopReason, ToolResult, message::BashExecution};

use self::names::Ids;
pub(crate) use self::{
    names::{short_id, tool_name},
    turn::{Answer, Piece, Said, Turn, pieces, result_text},
};
use crate::{Model, Request, draft::as_object};

/// Stands in for the person when the conversation begins with the model.
const OPENING: &str = "(The conversation begins with a message of yours.)";

/// Stands in for the person when the model had the last word.
const GO_ON: &str = "(Go on.)";

/// Stands in for the result of a call that has none.
const NO_RESULT: &str = "No result: the run ended before this call did.";

/// What the server at the other end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Whether the model sees images.
    pub(crate) images: bool,
    /// Longest base64 text of an image.
    pub(crate) image_chars_max: usize,
    /// Longest text of one result, in bytes.
    pub(crate) result_bytes_max: usize,
    /// Which call ids go back as the server gave them.
    pub(crate) ids: IdForm,
}

/// Which ids of calls a dialect takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// Whatever the same server gave, up to 64 visible ASCII characters.
    AsGiven,
    /// Letters, digits, `_` and `-`, up to 64.
    Plain,
}

/// The owned state of a [`History`] between two messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carry {
    ids: Ids,
    /// Calls of the newest turn of the model that have no answer in the output yet.
    open: VecDeque<OpenCall>,
    begun: bool,
    /// Whether the newest turn in the output is the model's and calls nothing.
    model_spoke_last: bool,
}

/// A call that waits for its result.
#[derive(Clone, Debug)]
struct OpenCall {
    stored: CallId,
    sent: String,
    name: String,
}

/// Reads a conversation message by message.
#[derive(Debug)]
pub(crate) struct History<'a> {
    model: &'a Model,
    rules: Rules,
    carry: Carry,
    /// Results that came before it was their turn.
    held: Vec<&'a ToolResult>,
    /// What the person said since the model spoke.
    asked: Vec<Piece<'a>>,
    /// What the model said since the person spoke, as long as it called nothing.
    said: Vec<Said<'a>>,
}

/// The turns of `request`.
pub(crate) fn turns_of(request: &Request, rules: Rules) -> Vec<Turn<'_>> {
    let mut history = History::resume(&request.model, rules, Carry::default());
    let mut turns = Vec::with_capacity(request.messages.len() + 1);
    for message in &request.messages {
        history.push(message, &mut turns);
    }
    history.finish(&mut turns);
    turns
}

impl<'a> History<'a> {
    /// Goes on from `carry`, which is empty at the beginning.
    pub(crate) fn resume(model: &'a Model, rules: Rules, carry: Carry) -> Self {
        Self { model, rules, carry, held: Vec::new(), asked: Vec::new(), said: Vec::new() }
    }

    /// Whether nothing of the messages so far waits to be put out.
    #[cfg_attr(not(test), expect(dead_code, reason = "for caches of serialised requests"))]
    pub(crate) fn is_settled(&self) -> bool {
        self.held.is_empty() && self.asked.is_empty() && self.said.is_empty()
    }

    /// The state to resume from; only when it [`Self::is_settled`].
    #[cfg_attr(not(test), expect(dead_code, reason = "for caches of serialised requests"))]
    pub(crate) fn carry(&self) -> &Carry {
        &self.carry
    }

    /// Reads the next message and puts out what is final now.
    pub(crate) fn push(&mut self, message: &'a Message, out: &mut Vec<Turn<'a>>) {
        match message {
            Message::User(user) => {
                let pieces = pieces(&user.content, &self.rules);
                self.ask(pieces, out);
            }
            Message::BashExecution(run) if !run.exclude_from_context => {
                self.ask(vec![Piece::Text(told(run).into())], out);
            }
            Message::BashExecution(_) => {}
            Message::Assistant(message) => self.say(message, out),
            Message::ToolResult(result) => self.answer(result, out),
        }
    }

    /// Puts out what is still open, so that a request can end here.
    pub(crate) fn finish(mut self, out: &mut Vec<Turn<'a>>) {
        self.close_calls(out);
        self.end_said(out);
        let ends_with_model = self.asked.is_empty() && self.carry.model_spoke_last;
        if ends_with_model {
            self.asked.push(Piece::Text(GO_ON.into()));
        } else if !self.carry.begun && self.asked.is_empty() {
            self.asked.push(Piece::Text(OPENING.into()));
        }
        self.end_asked(out);
    }

    fn ask(&mut self, pieces: Vec<Piece<'a>>, out: &mut Vec<Turn<'a>>) {
        if pieces.is_empty() {
            return;
        }
        self.close_calls(out);
        self.end_said(out);
        self.asked.extend(pieces);
    }

    fn say(&mut self, message: &'a Assistant, out: &mut Vec<Turn<'a>>) {
        let is_broken = matches!(message.stop_reason, StopReason::Error | StopReason::Aborted);
        let speaks = |part: &Part| match part {
            Part::Text { text, .. } => !text.trim().is_empty(),
            Part::ToolCall { .. } => !is_broken,
            // Thinking alone is not an answer that a server takes back.
            Part::Thinking { .. } | Part::Image { .. } => false,
        };
        if !message.content.0.iter().any(speaks) {
            return;
        }
        self.close_calls(out);
        if !self.carry.begun && self.asked.is_empty() {
            self.asked.push(Piece::Text(OPENING.into()));
        }
        self.end_asked(out);
        let own = is_own(message, self.model);
        for part in &message.content.0 {
            let said = match part {
                Part::Thinking { .. } | Part::ToolCall { .. } if is_broken => None,
                Part::ToolCall { id, name, arguments, thought_signature } => {
                    let sent = self.carry.ids.give(id.as_str(), own, self.rules.ids);
                    let name = tool_name(name);
                    self.carry.open.push_back(OpenCall {
                        stored: id.clone(),
                        sent: sent.clone(),
                        name: name.clone().into_owned(),
                    });
                    Some(Said::Call {
                        id: sent,
                        item: id.as_str().split_once('|').map(|(_, item)| item).filter(|_| own),
                        name,
                        arguments: as_object(arguments),
                        signature: thought_signature.as_deref().filter(|_| own),
                        own,
                    })
                }
                Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => {
                    turn::said(part, own)
                }
            };
            self.said.extend(said);
        }
        if !self.carry.open.is_empty() {
            self.end_said(out);
        }
    }

    fn answer(&mut self, result: &'a ToolResult, out: &mut Vec<Turn<'a>>) {
        let is_open = self.carry.open.iter().any(|it| it.stored == result.tool_call_id);
        let is_known = self.held.iter().any(|it| it.tool_call_id == result.tool_call_id);
        // A result without its call, or a second one, tells a server nothing.
        let is_wanted = is_open && (!is_known || self.waits_twice(&result.tool_call_id));
        if is_wanted {
            self.held.push(result);
            self.release(out);
        }
    }

    /// Whether more calls of that id wait than results are held.
    fn waits_twice(&self, id: &CallId) -> bool {
        let waiting = self.carry.open.iter().filter(|it| it.stored == *id).count();
        let held = self.held.iter().filter(|it| it.tool_call_id == *id).count();
        waiting > held
    }

    /// Puts out the results whose turn it is.
    fn release(&mut self, out: &mut Vec<Turn<'a>>) {
        while let Some(next) = self.carry.open.front() {
            let at = self.held.iter().position(|it| it.tool_call_id == next.stored);
            let Some(at) = at else { return };
            let result = self.held.remove(at);
            if let Some(call) = self.carry.open.pop_front() {
                let pieces = turn::capped(&result.content, &self.rules);
                let is_error = result.is_error;
                out.push(Turn::Result(Answer { id: call.sent, name: call.name, pieces, is_error }));
            }
        }
    }

    /// Answers what has no result.
    fn close_calls(&mut self, out: &mut Vec<Turn<'a>>) {
        while let Some(call) = self.carry.open.pop_front() {
            let pieces = vec![Piece::Text(NO_RESULT.into())];
            out.push(Turn::Result(Answer {
                id: call.sent,
                name: call.name,
                pieces,
                is_error: true,
            }));
            self.release(out);
        }
        self.held.clear();
    }

    fn end_asked(&mut self, out: &mut Vec<Turn<'a>>) {
        if !self.asked.is_empty() {
            self.carry.begun = true;
            self.carry.model_spoke_last = false;
            out.push(Turn::User(std::mem::take(&mut self.asked)));
        }
    }

    fn end_said(&mut self, out: &mut Vec<Turn<'a>>) {
        if !self.said.is_empty() {
            self.carry.model_spoke_last = self.carry.open.is_empty();
            out.push(Turn::Assistant(std::mem::take(&mut self.said)));
        }
    }
}

fn is_own(message: &Assistant, model: &Model) -> bool {
    message.provider == model.provider
        && message.model == model.id
        && message.api == model.api.as_str()
}

fn told(run: &BashExecution) -> String {
    let cut = if run.truncated { "\n(The output is cut.)" } else { "" };
    let end = match (run.cancelled, run.exit_code) {
        (true, _) => "It was interrupted.".to_owned(),
        (false, Some(code)) => format!("It ended with status {code}."),
        (false, None) => "It ended.".to_owned(),
    };
    format!("I ran `{}` myself:\n```\n{}\n```\n{end}{cut}", run.command, run.output)
}
