//! Questions on a terminal: arrow keys, hidden secrets, Escape to go back, Ctrl-C to leave.
//!
//! Knows how questions look. What is asked and what will do as an answer is the wizard's.

mod keys;
mod screen;
mod state;

use std::{io, time::Duration};

use anstyle::Style;
use onboard::{Answer, Kind, Language, Question, Text};
use tokio::time::sleep;

use self::{
    keys::Keyboard,
    screen::{Line, Screen},
    state::{Entry, Step},
};
use crate::ui::{self, ACCENT, ERROR, MUTED, SUCCESS, WARN};

/// How often a wait looks at the keyboard.
const LOOK: Duration = Duration::from_millis(80);
const PLAIN: Style = Style::new();
const SPINNER: [&str; 4] = ["◒", "◐", "◓", "◑"];

/// What a person said to a question.
pub(crate) enum Said {
    /// This.
    Answer(Answer),
    /// The question before, please.
    Back,
    /// No more.
    Leave,
}

/// A terminal with a person at it.
pub(crate) struct Prompt {
    keyboard: Keyboard,
    screen: Screen,
    language: Language,
}

impl Prompt {
    /// Takes the terminal; it is as it was when this is dropped.
    pub(crate) fn open(language: Language) -> io::Result<Self> {
        Ok(Self { keyboard: Keyboard::open()?, screen: Screen::default(), language })
    }

    /// Begins with a title.
    pub(crate) fn intro(&mut self, title: &str) {
        self.say(&[
            Line::new("┌", MUTED, ACCENT.bold(), title.to_owned()),
            Line::new("│", MUTED, PLAIN, String::new()),
        ]);
    }

    /// Ends with a last word.
    pub(crate) fn outro(&mut self, text: &str) {
        self.say(&[Line::new("└", MUTED, PLAIN, text.to_owned())]);
    }

    /// Says something that is no question.
    pub(crate) fn note(&mut self, text: &str) {
        self.say(&[
            Line::new("●", WARN, PLAIN, text.to_owned()),
            Line::new("│", MUTED, PLAIN, String::new()),
        ]);
    }

    /// Leaves the question with its answer on the screen: it was taken.
    pub(crate) fn take(&mut self, question: &Question, answer: &Answer) {
        let shown = Entry::of(&question.kind, Some(answer), self.language).shown();
        self.settle(question, &shown);
    }

    /// Asks; what was said stays in sight until the next question, or [`Prompt::take`].
    /// `rejected` says why the last answer, which is still there, would not do.
    pub(crate) fn ask(
        &mut self,
        question: &Question,
        last: Option<&Answer>,
        rejected: Option<&str>,
    ) -> io::Result<Said> {
        let mut entry = Entry::of(&question.kind, last, self.language);
        let mut trouble = rejected.map(str::to_owned);
        loop {
            let mut lines = head(question, trouble.is_some());
            lines.extend(
                entry
                    .lines(ui_rows())
                    .into_iter()
                    .map(|(style, text)| Line::new("│", ACCENT, style, text)),
            );
            let (style, foot) = match &trouble {
                Some(text) => (ERROR, text.clone()),
                None => (MUTED, entry.keys_hint()),
            };
            lines.push(Line::new("└", ACCENT, style, foot));
            self.screen.show(&lines);
            let key = self.keyboard.read()?;
            trouble = None;
            match entry.on(key) {
                Step::Stay => {}
                Step::Done(answer) => return Ok(Said::Answer(answer)),
                Step::Back => {
                    self.screen.show(&[]);
                    return Ok(Said::Back);
                }
                Step::Leave => {
                    self.settle(question, "");
                    return Ok(Said::Leave);
                }
            }
        }
    }

    /// Shows that something takes time, until it is done or the person has enough (`None`).
    pub(crate) async fn wait<T>(
        &mut self,
        text: &str,
        work: impl Future<Output = T>,
    ) -> io::Result<Option<T>> {
        let mut work = std::pin::pin!(work);
        let mut at = 0;
        let outcome = loop {
            self.screen.show(&[Line::new(
                SPINNER[at % SPINNER.len()],
                ACCENT,
                PLAIN,
                text.to_owned(),
            )]);
            at += 1;
            tokio::select! {
                biased;
                outcome = &mut work => break Some(outcome),
                () = sleep(LOOK) => {}
            }
            if self.keyboard.wants_stop()? {
                break None;
            }
        };
        self.screen.show(&[]);
        Ok(outcome)
    }

    /// Says that something went well.
    pub(crate) fn passed(&mut self, text: &str) {
        self.say(&[
            Line::new("◇", SUCCESS, PLAIN, text.to_owned()),
            Line::new("│", MUTED, PLAIN, String::new()),
        ]);
    }

    /// Replaces the question by what was said to it.
    fn settle(&mut self, question: &Question, shown: &str) {
        let mut lines = vec![Line::new("◇", SUCCESS, PLAIN, question.title.clone())];
        if !shown.is_empty() {
            lines.push(Line::new("│", MUTED, MUTED, shown.to_owned()));
        }
        lines.push(Line::new("│", MUTED, PLAIN, String::new()));
        self.say(&lines);
    }

    fn say(&mut self, lines: &[Line]) {
        self.screen.show(lines);
        self.screen.leave();
    }
}

/// A question's title and explanation.
fn head(question: &Question, is_wrong: bool) -> Vec<Line> {
    let mark_style = if is_wrong { ERROR } else { ACCENT };
    let title = PLAIN.bold();
    let mut lines = vec![Line::new("◆", mark_style, title, question.title.clone())];
    let is_note = question.kind == Kind::Note;
    for text in question.message.lines() {
        let style = if is_note { PLAIN } else { MUTED };
        lines.push(Line::new("│", ACCENT, style, text.to_owned()));
    }
    lines
}

/// Rows that a list of choices may take.
fn ui_rows() -> usize {
    ui::rows_of_talk().saturating_sub(8).max(4)
}

/// A text in the language of `language`.
fn say(language: Language, text: Text) -> String {
    text.of(language).to_owned()
}
