//! What is known of one process. Written by its driver, read by everyone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use domain::{SessionKey, UnixMillis};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::scope::Scope;
use crate::{output::Tail, signal};

/// Characters of unread output that `poll` hands out at most.
const UNREAD_CHARS_MAX: usize = 30_000;

/// Characters of output that lists and progress show.
const TAIL_CHARS: usize = 2000;

/// One process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: String,
    pub(crate) scope: Scope,
    /// The conversation that started it.
    pub(crate) session: SessionKey,
    pub(crate) command: String,
    pub(crate) cwd: String,
    pub(crate) pid: Option<u32>,
    /// Whether it has a terminal rather than pipes.
    pub(crate) on_terminal: bool,
    pub(crate) started_at: UnixMillis,
    pub(super) kill: CancellationToken,
    pub(super) forgotten: CancellationToken,
    pub(super) state: Mutex<State>,
    pub(super) seen: watch::Sender<Seen>,
}

/// What moved, for those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Characters that came so far.
    pub(crate) chars_total: u64,
    /// Whether the process has ended.
    pub(crate) ended: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) output: Tail,
    /// Characters that `poll` has handed out or skipped.
    pub(super) read_total: u64,
    pub(super) backgrounded: bool,
    pub(super) killed: bool,
    pub(super) ending: Option<Ending>,
    pub(super) stdin: Option<mpsc::Sender<Bytes>>,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) how: How,
    /// Whether a person or the model had it killed.
    pub(crate) killed: bool,
    pub(crate) at: UnixMillis,
    pub(crate) took: Duration,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Code(i32),
    Signal(i32),
    TimedOut(Duration),
    /// It was killed, but nobody said how it ended.
    Lost,
}

impl Ending {
    /// `completed` or `failed`. A non-zero status is an answer; not to have run is a failure.
    pub(crate) fn status(self) -> &'static str {
        match self.how {
            How::Code(126 | 127) | How::TimedOut(_) => "failed",
            How::Code(_) => "completed",
            How::Signal(_) | How::Lost if self.killed => "completed",
            How::Signal(_) | How::Lost => "failed",
        }
    }

    pub(crate) fn exit_code(self) -> Option<i32> {
        if let How::Code(code) = self.how { Some(code) } else { None }
    }

    pub(crate) fn exit_signal(self) -> Option<String> {
        match self.how {
            How::Signal(number) => Some(signal::name(number)),
            How::TimedOut(_) => Some("SIGKILL".to_owned()),
            How::Lost if self.killed => Some("SIGKILL".to_owned()),
            How::Code(_) | How::Lost => None,
        }
    }

    /// Such as `code 0` or `signal SIGKILL`.
    pub(crate) fn brief(self) -> String {
        match (self.exit_code(), self.exit_signal()) {
            (Some(code), _) => format!("code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "code unknown".to_owned(),
        }
    }
}

/// A process at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) output: String,
    pub(crate) chars_total: u64,
    pub(crate) truncated: bool,
    pub(crate) ending: Option<Ending>,
}

/// Output that nobody had read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) text: String,
    /// Characters before it that are gone.
    pub(crate) lost: u64,
}

impl Process {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends output.
    pub(super) fn append(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let mut state = self.state();
        state.output.push(text);
        let chars_total = state.output.chars_total();
        drop(state);
        self.seen.send_modify(|seen| seen.chars_total = chars_total);
    }

    /// Notes the end. Says whether the process was in the background.
    pub(super) fn end(&self, how: How, at: UnixMillis, took: Duration) -> (Ending, bool) {
        let mut state = self.state();
        let ending = Ending { how, killed: state.killed, at, took };
        state.ending = Some(ending);
        state.stdin = None;
        state.output.shrink();
        let backgrounded = state.backgrounded;
        drop(state);
        self.seen.send_modify(|seen| seen.ended = true);
        (ending, backgrounded)
    }

    pub(super) fn forget(&self) {
        self.forgotten.cancel();
        self.kill.cancel();
    }

    /// Waits for what moves.
    pub(crate) fn watch(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Moves it to the background. `false` when it has ended meanwhile.
    pub(crate) fn background(&self) -> bool {
        let mut state = self.state();
        if state.ending.is_none() {
            state.backgrounded = true;
        }
        state.backgrounded
    }

    pub(crate) fn is_backgrounded(&self) -> bool {
        self.state().backgrounded
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.state().ending
    }

    pub(super) fn ended_at(&self) -> Option<UnixMillis> {
        self.ending().map(|ending| ending.at)
    }

    /// Kills its group.
    pub(crate) fn kill(&self) {
        self.state().killed = true;
        self.kill.cancel();
    }

    /// Where its standard input goes, while it takes any.
    pub(crate) fn stdin(&self) -> Option<mpsc::Sender<Bytes>> {
        self.state().stdin.clone()
    }

    /// Whether `session`, whose calls run in `scope`, may see it.
    pub(crate) fn is_seen(&self, scope: &Scope, session: &SessionKey) -> bool {
        scope.shares(&self.scope) || self.session == *session
    }

    /// Ends its standard input.
    pub(crate) fn close_stdin(&self) {
        self.state().stdin = None;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            output: state.output.text().to_owned(),
            chars_total: state.output.chars_total(),
            truncated: state.output.is_truncated(),
            ending: state.ending,
        }
    }

    /// The last of its output, for lists and progress.
    pub(crate) fn tail(&self) -> String {
        self.state().output.last(TAIL_CHARS).to_owned()
    }

    /// Whether its output is more than is kept.
    pub(crate) fn is_truncated(&self) -> bool {
        self.state().output.is_truncated()
    }

    /// Hands out what came since the last time, at most [`UNREAD_CHARS_MAX`] of it.
    pub(crate) fn drain(&self) -> Unread {
        let mut state = self.state();
        let total = state.output.chars_total();
        let unread = total - std::mem::replace(&mut state.read_total, total);
        let wanted = usize::try_from(unread).unwrap_or(usize::MAX).min(UNREAD_CHARS_MAX);
        let text = state.output.last(wanted).to_owned();
        let lost = unread - text.chars().count() as u64;
        Unread { text, lost }
    }

    /// Whether [`Self::drain`] would bring something.
    pub(crate) fn has_unread(&self) -> bool {
        let state = self.state();
        state.output.chars_total() > state.read_total
    }

    /// A short name made from the command: its verb and what it acts on.
    pub(crate) fn name(&self) -> String {
        name_of(&self.command)
    }
}

fn name_of(command: &str) -> String {
    const NAME_CHARS_MAX: usize = 48;
    let base = |word: &str| {
        let word = word.trim_matches(['"', '\'']);
        word.trim_end_matches('/').rsplit('/').next().unwrap_or(word).to_owned()
    };
    let is_setting = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let mut words = command.split_whitespace().skip_while(|word| is_setting(word));
    let verb = words.next().map(base).unwrap_or_default();
    let target = words
        .take_while(|word| !matches!(*word, "&&" | "||" | "|" | ";"))
        .find(|word| !word.starts_with('-'))
        .map(base);
    let name = target.map_or_else(|| verb.clone(), |target| format!("{verb} {target}"));
    if name.chars().count() <= NAME_CHARS_MAX {
        return name;
    }
    name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_verb_and_its_target() {
        let cases = [
            ("npm run build", "npm run"),
            ("RUST_LOG=debug /usr/bin/cargo --quiet test", "cargo test"),
            ("tail -f /var/log/syslog | grep x", "tail syslog"),
            ("ls && pwd", "ls"),
            ("", ""),
        ];

        for (command, expected) in cases {
            assert_eq!(name_of(command), expected, "{command:?}");
        }
        assert_eq!(name_of(&"x".repeat(99)).chars().count(), 48);
    }

    #[test]
    fn only_not_running_at_all_and_foreign_signals_are_failures() {
        let ending = |how, killed| Ending { how, killed, at: UnixMillis(0), took: Duration::ZERO };

        assert_eq!(ending(How::Code(3), false).status(), "completed");
        assert_eq!(ending(How::Code(127), false).status(), "failed");
        assert_eq!(ending(How::Signal(9), true).status(), "completed");
        assert_eq!(ending(How::Signal(15), false).status(), "failed");
        assert_eq!(ending(How::Signal(15), false).brief(), "signal SIGTERM");
    }
}
