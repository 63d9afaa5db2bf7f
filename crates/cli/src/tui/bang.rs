//! `!command`: asks once whether this person's commands may run on this machine, and shows what
//! they say.
//!
//! Pure: starting and ending them is [`super::shell`]'s.

use super::{
    log::RowId,
    picker::{Choice, Kind, Picker},
    row::{Row, Status, Tool},
    shell::Said,
    state::{Effect, State},
};

/// How it stands with the person's own commands.
#[derive(Debug, Default)]
pub(crate) struct Bang {
    /// Whether the question was answered with yes.
    pub(super) is_allowed: bool,
    /// What waits for the answer.
    waiting: Option<String>,
    /// What runs, and where it is shown.
    running: Option<RowId>,
}

/// The command in what was typed.
pub(super) fn command_in(text: &str) -> Option<&str> {
    text.strip_prefix('!').map(str::trim).filter(|command| !command.is_empty())
}

impl State {
    /// Whether a command of the person runs.
    pub(crate) fn runs_command(&self) -> bool {
        self.bang.running.is_some()
    }

    /// Runs what was typed, or asks first whether such things may run.
    pub(super) fn bang(&mut self) -> Vec<Effect> {
        if self.runs_command() {
            self.notice = Some("a command runs already; Esc ends it".to_owned());
            return Vec::new();
        }
        let typed = self.input.take();
        let Some(command) = command_in(&typed).map(str::to_owned) else { return Vec::new() };
        if self.bang.is_allowed {
            return self.start(command);
        }
        self.bang.waiting = Some(command);
        let choices =
            [("no", "leave it"), ("yes", "run it, and ask no more until this chat is closed")];
        let choices = choices.map(|(value, about)| Choice::new(value, about)).to_vec();
        self.picker = Some(Picker::new(Kind::Shell, choices));
        Vec::new()
    }

    /// Takes the answer; `None` is none.
    pub(super) fn bang_answered(&mut self, answer: Option<&str>) -> Vec<Effect> {
        let Some(command) = self.bang.waiting.take() else { return Vec::new() };
        if answer == Some("yes") {
            self.bang.is_allowed = true;
            return self.start(command);
        }
        self.input.set(&format!("!{command}"));
        Vec::new()
    }

    fn start(&mut self, command: String) -> Vec<Effect> {
        let tool = Tool::begun("!", &serde_json::Value::String(command.clone()));
        self.bang.running = Some(self.log.push(Row::Shell(tool)));
        self.log.follow();
        vec![Effect::Run { command }]
    }

    /// The row of what runs has moved.
    pub(super) fn bang_moved(&mut self, id: RowId) {
        if let Some(running) = &mut self.bang.running {
            *running = id;
        }
    }

    /// Takes what the command did.
    pub(super) fn bang_said(&mut self, said: Said) {
        let Some(id) = self.bang.running else { return };
        if !matches!(said, Said::Output(_)) {
            self.bang.running = None;
        }
        let Some(Row::Shell(tool)) = self.log.change(id) else { return };
        match said {
            Said::Output(text) => tool.add_output(&text),
            Said::Ended(Some(0)) => tool.status = Status::Done,
            Said::Ended(code) => {
                let end = code.map_or_else(|| "ended".to_owned(), |code| format!("exit {code}"));
                tool.add_line(&end);
                tool.status = Status::Failed;
            }
            Said::NotStarted(why) => {
                tool.add_line(&why);
                tool.status = Status::Failed;
            }
        }
    }
}
