//! What a message does while a turn runs: a pure queue, without clock or lock.
//!
//! ```text
//!   offer ──► idle? ─────────────► Start
//!               │ busy
//!               ├ steer ──────────► Steer            (joins at the next tool boundary)
//!               ├ steer-backlog ──► Steer + waits
//!               ├ interrupt ──────► Interrupt + waits alone
//!               └ followup/collect► waits, or drops by the rule at the cap
//! ```
//!
//! `next` hands out what waits: one message (`followup`, `interrupt`) or all messages of one
//! origin merged (`collect`). Invariant: a message leaves the queue at most once, and leaves
//! no trace only when the drop rule is `old`.

use std::collections::VecDeque;

use config::{Queue as Settings, QueueDrop, QueueMode};
use domain::{Content, Part, TurnId};

use crate::Submission;

/// Longest line of a dropped message that is kept for the summary, in characters.
const SUMMARY_CHARS_MAX: usize = 140;

/// Messages that wait for their conversation to be free.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiting>,
    dropped: VecDeque<Dropped>,
    /// Ids of dropped messages that nobody will read of any more.
    forgotten: Vec<String>,
}

/// What is left of a message that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Its id among what waits.
    pub(crate) id: String,
    /// Its beginning.
    pub(crate) line: String,
}

#[derive(Debug)]
struct Waiting {
    submission: Submission,
    mode: QueueMode,
}

/// What is to be done with a message that was offered.
#[derive(Debug)]
pub(crate) enum Offer {
    /// Start a turn with it now.
    Start(Submission),
    /// Hand it to the running turn.
    Steer(Submission),
    /// It waits; the running turn is to be stopped.
    Interrupt {
        /// Turns whose messages were thrown out to make room for the newest.
        replaced: Vec<TurnId>,
    },
    /// It waits.
    Waits {
        /// The turn whose message was dropped for it.
        dropped: Option<TurnId>,
        /// What is left of that message.
        summary: Option<Dropped>,
    },
    /// There is no room for it.
    Refused,
}

/// One turn's worth of messages.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The turn, under the newest message's id.
    pub(crate) submission: Submission,
    /// Ids of the messages that were merged into it.
    pub(crate) merged: Vec<TurnId>,
    /// Ids of the dropped messages that it tells of.
    pub(crate) dropped: Vec<String>,
}

impl Batch {
    /// A turn of one message.
    pub(crate) fn of(submission: Submission) -> Self {
        Self { submission, merged: Vec::new(), dropped: Vec::new() }
    }
}

impl Queue {
    /// The mode that holds for a message.
    pub(crate) fn mode_of(submission: &Submission, settings: Settings) -> QueueMode {
        let asked = submission.queue.unwrap_or(settings.mode);
        if submission.origin.is_person() { asked } else { QueueMode::Followup }
    }

    /// Decides what to do with `submission`, and keeps it if it waits.
    pub(crate) fn offer(
        &mut self,
        submission: Submission,
        busy: bool,
        settings: Settings,
    ) -> Offer {
        let mode = Self::mode_of(&submission, settings);
        if !busy && self.waiting.is_empty() {
            return Offer::Start(submission);
        }
        match mode {
            QueueMode::Steer if busy => Offer::Steer(submission),
            QueueMode::SteerBacklog if busy => {
                // The copy for later is a turn of its own; without room it is not made.
                if self.waiting.len() < settings.cap {
                    let turn = copy_of(&submission.turn);
                    let later = Submission { turn, ..submission.clone() };
                    self.waiting
                        .push_back(Waiting { submission: later, mode: QueueMode::Followup });
                }
                Offer::Steer(submission)
            }
            QueueMode::Interrupt => {
                let replaced = self.clear();
                self.waiting.push_back(Waiting { submission, mode });
                Offer::Interrupt { replaced }
            }
            QueueMode::Steer
            | QueueMode::SteerBacklog
            | QueueMode::Followup
            | QueueMode::Collect => self.wait(submission, mode, settings),
        }
    }

    fn wait(&mut self, submission: Submission, mode: QueueMode, settings: Settings) -> Offer {
        let (mut dropped, mut summary) = (None, None);
        if self.waiting.len() >= settings.cap.max(1) {
            // What no person wrote never pushes out what one did.
            if settings.drop == QueueDrop::New || !submission.origin.is_person() {
                return Offer::Refused;
            }
            if let Some(oldest) = self.waiting.pop_front() {
                if settings.drop == QueueDrop::Summarize {
                    summary = Some(self.remember(&oldest.submission, settings.cap));
                }
                dropped = Some(oldest.submission.turn);
            }
        }
        self.waiting.push_back(Waiting { submission, mode });
        Offer::Waits { dropped, summary }
    }

    fn remember(&mut self, dropped: &Submission, cap: usize) -> Dropped {
        let text = dropped.content.joined_text();
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let id = format!("dropped:{}", dropped.turn);
        let dropped = Dropped { id, line: line.chars().take(SUMMARY_CHARS_MAX).collect() };
        self.dropped.push_back(dropped.clone());
        // The summary itself is bounded: past `cap` lines the oldest line goes for good.
        while self.dropped.len() > cap.max(1) {
            self.forgotten.extend(self.dropped.pop_front().map(|it| it.id));
        }
        dropped
    }

    /// Takes up what waited before a restart, oldest first.
    pub(crate) fn restore(&mut self, waiting: Vec<(Submission, QueueMode)>, dropped: Vec<Dropped>) {
        self.dropped.extend(dropped);
        for (submission, mode) in waiting {
            let mode = match mode {
                QueueMode::Collect => QueueMode::Collect,
                // There is no turn to join or to stop any more.
                QueueMode::Steer
                | QueueMode::Followup
                | QueueMode::SteerBacklog
                | QueueMode::Interrupt => QueueMode::Followup,
            };
            self.waiting.push_back(Waiting { submission, mode });
        }
    }

    /// Whether the message of a turn waits.
    pub(crate) fn message(&self, turn: &TurnId) -> Option<&Submission> {
        self.waiting.iter().map(|it| &it.submission).find(|it| it.turn == *turn)
    }

    /// Ids of dropped messages that nobody will read of any more.
    pub(crate) fn forgotten(&mut self) -> Vec<String> {
        std::mem::take(&mut self.forgotten)
    }

    /// Hands out the next turn's messages.
    pub(crate) fn next(&mut self) -> Option<Batch> {
        let first = self.waiting.pop_front()?;
        let mut items = vec![first.submission];
        if first.mode == QueueMode::Collect {
            while let Some(next) = self.waiting.front() {
                if next.mode != QueueMode::Collect || !same_origin(&items[0], &next.submission) {
                    break;
                }
                items.extend(self.waiting.pop_front().map(|waiting| waiting.submission));
            }
        }
        let summary: Vec<Dropped> = self.dropped.drain(..).collect();
        Some(merge(items, &summary))
    }

    /// Puts messages back that a turn did not get to, oldest first.
    pub(crate) fn put_back(&mut self, unread: Vec<Submission>) {
        for submission in unread.into_iter().rev() {
            self.waiting.push_front(Waiting { submission, mode: QueueMode::Followup });
        }
    }

    /// Throws everything out; gives the turns that will not be.
    pub(crate) fn clear(&mut self) -> Vec<TurnId> {
        self.forgotten.extend(self.dropped.drain(..).map(|it| it.id));
        self.clear_where(|_| true)
    }

    /// Throws those messages out; gives the turns that will not be.
    pub(crate) fn clear_where(&mut self, is_out: impl Fn(&Submission) -> bool) -> Vec<TurnId> {
        let (out, left) = self.waiting.drain(..).partition(|it| is_out(&it.submission));
        self.waiting = left;
        let out: VecDeque<Waiting> = out;
        out.into_iter().map(|waiting| waiting.submission.turn).collect()
    }

    /// Takes one waiting message out.
    pub(crate) fn remove(&mut self, turn: &TurnId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.submission.turn != *turn);
        before != self.waiting.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// The id of the turn that a steered message becomes later.
pub(crate) fn copy_of(turn: &TurnId) -> TurnId {
    TurnId::new(format!("{turn}:backlog"))
}

fn same_origin(a: &Submission, b: &Submission) -> bool {
    a.channel == b.channel
        && a.extra_system == b.extra_system
        && a.client_tools == b.client_tools
        && a.output_tokens_max == b.output_tokens_max
}

fn merge(mut items: Vec<Submission>, dropped: &[Dropped]) -> Batch {
    if items.len() == 1 && dropped.is_empty() {
        return Batch::of(items.remove(0));
    }
    let mut parts = Vec::new();
    if !dropped.is_empty() {
        let lines: Vec<String> = dropped.iter().map(|it| format!("- {}", it.line)).collect();
        parts.push(Part::text(format!(
            "[Queue overflow: {} message(s) dropped, in brief]\n{}",
            dropped.len(),
            lines.join("\n")
        )));
    }
    if items.len() == 1 {
        parts.extend(items[0].content.0.iter().cloned());
    } else {
        parts.push(Part::text("[Queued messages while agent was busy]"));
        for (index, item) in items.iter().enumerate() {
            parts.push(Part::text(format!("---\nQueued #{}", index + 1)));
            parts.extend(item.content.0.iter().cloned());
        }
    }
    let mut submission = items.remove(items.len() - 1);
    submission.content = Content(parts);
    let merged = items.into_iter().map(|item| item.turn).collect();
    let dropped = dropped.iter().map(|it| it.id.clone()).collect();
    Batch { submission, merged, dropped }
}

#[cfg(test)]
mod tests;
