//! An answer in the making: what stands there, and what a key does to it. Pure.

#![expect(clippy::wildcard_enum_match_arm, reason = "a key that means nothing does nothing")]

use anstyle::Style;
use domain::Secret;
use onboard::{Answer, Choice, Kind, Language, Text};

use super::{keys::Key, say};
use crate::ui::{ACCENT, MUTED};

const PLAIN: Style = Style::new();
const YES: Text = Text("Yes", "是");
const NO: Text = Text("No", "否");

/// What a key led to.
pub(super) enum Step {
    /// The question stays.
    Stay,
    /// This is the answer.
    Done(Answer),
    /// The question before.
    Back,
    /// No more.
    Leave,
}

/// An answer in the making.
pub(super) struct Entry {
    language: Language,
    form: Form,
}

enum Form {
    Note,
    Confirm(bool),
    One { choices: Vec<Choice>, at: usize },
    Many { choices: Vec<Choice>, at: usize, on: Vec<bool> },
    Line { text: Vec<char>, at: usize, placeholder: String, is_secret: bool },
}

impl Entry {
    pub(super) fn of(kind: &Kind, last: Option<&Answer>, language: Language) -> Self {
        let form = match (kind, last) {
            (Kind::Note, _) => Form::Note,
            (Kind::Confirm { .. }, Some(Answer::Yes(yes))) => Form::Confirm(*yes),
            (Kind::Confirm { initial }, _) => Form::Confirm(*initial),
            (Kind::One { choices, initial }, last) => {
                let wanted = match last {
                    Some(Answer::One(value)) => value,
                    _ => initial,
                };
                let at = choices.iter().position(|it| it.value == *wanted).unwrap_or(0);
                Form::One { choices: choices.clone(), at }
            }
            (Kind::Many { choices, initial }, last) => {
                let wanted = match last {
                    Some(Answer::Many(values)) => values,
                    _ => initial,
                };
                let on = choices.iter().map(|it| wanted.contains(&it.value)).collect();
                Form::Many { choices: choices.clone(), at: 0, on }
            }
            (Kind::Text { initial, placeholder }, last) => {
                let text = match last {
                    Some(Answer::Text(text)) => text,
                    _ => initial,
                };
                line(text, placeholder, false)
            }
            (Kind::Secret { .. }, Some(Answer::Secret(secret))) => line(secret.expose(), "", true),
            (Kind::Secret { .. }, _) => line("", "", true),
        };
        Self { language, form }
    }

    /// What the key does.
    pub(super) fn on(&mut self, key: Key) -> Step {
        match key {
            Key::Escape => return Step::Back,
            Key::Leave => return Step::Leave,
            Key::Enter => return Step::Done(self.answer()),
            _ => {}
        }
        match &mut self.form {
            Form::Note => {}
            Form::Confirm(yes) => match key {
                Key::Left | Key::Right | Key::Up | Key::Down => *yes = !*yes,
                Key::Char('y' | 'Y') => *yes = true,
                Key::Char('n' | 'N') => *yes = false,
                _ => {}
            },
            Form::One { choices, at } => match key {
                Key::Char(char) => jump(choices, at, char),
                _ => move_in(choices.len(), at, key),
            },
            Form::Many { choices, at, on } => match (key, on.get_mut(*at)) {
                (Key::Char(' '), Some(it)) => *it = !*it,
                _ => move_in(choices.len(), at, key),
            },
            Form::Line { text, at, .. } => edit(text, at, key),
        }
        Step::Stay
    }

    fn answer(&self) -> Answer {
        match &self.form {
            Form::Note => Answer::Seen,
            Form::Confirm(yes) => Answer::Yes(*yes),
            Form::One { choices, at } => {
                Answer::One(choices.get(*at).map(|it| it.value.clone()).unwrap_or_default())
            }
            Form::Many { choices, on, .. } => Answer::Many(
                choices
                    .iter()
                    .zip(on)
                    .filter(|(_, on)| **on)
                    .map(|(choice, _)| choice.value.clone())
                    .collect(),
            ),
            Form::Line { text, is_secret: true, .. } => {
                Answer::Secret(Secret::new(text.iter().collect::<String>()))
            }
            Form::Line { text, .. } => Answer::Text(text.iter().collect()),
        }
    }

    /// The answer as it may stay on the screen.
    pub(super) fn shown(&self) -> String {
        match &self.form {
            Form::Note => String::new(),
            Form::Confirm(yes) => say(self.language, if *yes { YES } else { NO }),
            Form::One { choices, at } => {
                choices.get(*at).map(|it| it.label.clone()).unwrap_or_default()
            }
            Form::Many { choices, on, .. } => {
                let chosen = choices.iter().zip(on).filter(|(_, on)| **on);
                chosen.map(|(choice, _)| choice.label.as_str()).collect::<Vec<_>>().join(", ")
            }
            Form::Line { text, is_secret: true, .. } => "•".repeat(text.len().min(8)),
            Form::Line { text, .. } => text.iter().collect(),
        }
    }

    /// The answer in the making, at most `rows_max` lines of a list.
    pub(super) fn lines(&self, rows_max: usize) -> Vec<(Style, String)> {
        match &self.form {
            Form::Note => Vec::new(),
            Form::Confirm(yes) => {
                let mark = |on: bool| if on { "●" } else { "○" };
                let (no, yes_text) = (say(self.language, NO), say(self.language, YES));
                let text = format!("{} {yes_text} / {} {no}", mark(*yes), mark(!*yes));
                vec![(PLAIN, text)]
            }
            Form::One { choices, at } => {
                rows(choices, *at, rows_max, |index| if index == *at { "●" } else { "○" })
            }
            Form::Many { choices, at, on } => rows(choices, *at, rows_max, |index| {
                if on.get(index) == Some(&true) { "◼" } else { "◻" }
            }),
            Form::Line { text, placeholder, .. } if text.is_empty() => {
                vec![(MUTED, format!("▏{placeholder}"))]
            }
            Form::Line { text, at, is_secret, .. } => {
                let char = |it: &char| if *is_secret { '•' } else { *it };
                let mut shown: Vec<char> = text.iter().map(char).collect();
                shown.insert((*at).min(shown.len()), '▏');
                vec![(PLAIN, shown.into_iter().collect())]
            }
        }
    }

    /// Which keys do what.
    pub(super) fn keys_hint(&self) -> String {
        let text = match &self.form {
            Form::Note => Text("Enter: on · Esc: back", "回车：继续 · Esc：返回"),
            Form::Confirm(_) => {
                Text("←→ or y/n · Enter · Esc: back", "←→ 或 y/n · 回车 · Esc：返回")
            }
            Form::One { .. } => Text("↑↓ · Enter · Esc: back", "↑↓ · 回车 · Esc：返回"),
            Form::Many { .. } => {
                Text("↑↓ · Space: choose · Enter · Esc: back", "↑↓ · 空格：选择 · 回车 · Esc：返回")
            }
            Form::Line { is_secret: true, .. } => Text(
                "hidden · Enter · Ctrl-U: clear · Esc: back",
                "隐藏输入 · 回车 · Ctrl-U：清空 · Esc：返回",
            ),
            Form::Line { .. } => {
                Text("Enter · Ctrl-U: clear · Esc: back", "回车 · Ctrl-U：清空 · Esc：返回")
            }
        };
        say(self.language, text)
    }
}

fn line(text: &str, placeholder: &str, is_secret: bool) -> Form {
    let text: Vec<char> = text.chars().collect();
    Form::Line { at: text.len(), text, placeholder: placeholder.to_owned(), is_secret }
}

fn move_in(count: usize, at: &mut usize, key: Key) {
    let last = count.saturating_sub(1);
    *at = match key {
        Key::Up | Key::Left if *at == 0 => last,
        Key::Up | Key::Left => *at - 1,
        Key::Down | Key::Right if *at >= last => 0,
        Key::Down | Key::Right => *at + 1,
        Key::Home => 0,
        Key::End => last,
        _ => *at,
    };
}

/// Goes to the next choice that begins with `char`.
fn jump(choices: &[Choice], at: &mut usize, char: char) {
    let begins = |choice: &Choice| {
        choice
            .label
            .chars()
            .next()
            .is_some_and(|first| first.to_lowercase().eq(char.to_lowercase()))
    };
    let mut round = (*at + 1..choices.len()).chain(0..=*at);
    if let Some(next) = round.find(|index| choices.get(*index).is_some_and(begins)) {
        *at = next;
    }
}

fn edit(text: &mut Vec<char>, at: &mut usize, key: Key) {
    match key {
        Key::Char(char) => {
            text.insert(*at, char);
            *at += 1;
        }
        Key::Backspace if *at > 0 => {
            *at -= 1;
            text.remove(*at);
        }
        Key::Delete if *at < text.len() => {
            text.remove(*at);
        }
        Key::Left => *at = at.saturating_sub(1),
        Key::Right => *at = (*at + 1).min(text.len()),
        Key::Home => *at = 0,
        Key::End => *at = text.len(),
        Key::Clear => {
            text.clear();
            *at = 0;
        }
        _ => {}
    }
}

/// The part of a list around `at`.
fn rows(
    choices: &[Choice],
    at: usize,
    rows_max: usize,
    mark: impl Fn(usize) -> &'static str,
) -> Vec<(Style, String)> {
    let begin = at.saturating_sub(rows_max / 2).min(choices.len().saturating_sub(rows_max));
    let shown = choices.iter().enumerate().skip(begin).take(rows_max);
    let mut lines: Vec<(Style, String)> = shown
        .map(|(index, choice)| {
            let hint =
                if choice.hint.is_empty() { String::new() } else { format!("  ({})", choice.hint) };
            let style = if index == at { ACCENT } else { PLAIN };
            (style, format!("{} {}{hint}", mark(index), choice.label))
        })
        .collect();
    if begin + rows_max < choices.len() {
        lines.push((MUTED, "…".to_owned()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(entry: &mut Entry, text: &str) {
        for char in text.chars() {
            assert!(matches!(entry.on(Key::Char(char)), Step::Stay));
        }
    }

    fn choice(value: &str) -> Choice {
        Choice { value: value.to_owned(), label: value.to_owned(), hint: String::new() }
    }

    #[test]
    fn a_secret_is_nowhere_on_the_screen() {
        let mut entry = Entry::of(&Kind::Secret { optional: false }, None, Language::English);

        typed(&mut entry, "sk-secret");

        assert!(entry.lines(9).iter().all(|(_, text)| !text.contains("secret")));
        assert_eq!(entry.shown(), "••••••••");
        let Step::Done(Answer::Secret(secret)) = entry.on(Key::Enter) else { panic!() };
        assert_eq!(secret.expose(), "sk-secret");
    }

    #[test]
    fn a_line_is_edited_in_the_middle_too() {
        let kind = Kind::Text { initial: "ab".to_owned(), placeholder: String::new() };
        let mut entry = Entry::of(&kind, None, Language::English);

        entry.on(Key::Left);
        entry.on(Key::Backspace);
        typed(&mut entry, "语x");
        entry.on(Key::Home);
        entry.on(Key::Delete);

        let Step::Done(Answer::Text(text)) = entry.on(Key::Enter) else { panic!() };
        assert_eq!(text, "xb");
    }

    #[test]
    fn lists_go_round_and_keep_what_was_chosen_in_sight() {
        let choices: Vec<Choice> = (0..30).map(|n| choice(&n.to_string())).collect();
        let kind = Kind::One { choices, initial: "0".to_owned() };
        let mut entry = Entry::of(&kind, None, Language::English);

        entry.on(Key::Up);

        let lines = entry.lines(5);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().any(|(_, text)| text == "● 29"));
        let Step::Done(Answer::One(value)) = entry.on(Key::Enter) else { panic!() };
        assert_eq!(value, "29");
    }

    #[test]
    fn a_letter_goes_to_the_next_choice_that_begins_with_it() {
        let choices = ["Anthropic", "Groq", "Mistral", "Gemini"].map(choice).into();
        let kind = Kind::One { choices, initial: "Anthropic".to_owned() };
        let mut entry = Entry::of(&kind, None, Language::English);
        let chosen = |entry: &mut Entry, letters: &str| {
            typed(entry, letters);
            entry.shown()
        };

        assert_eq!(chosen(&mut entry, "g"), "Groq");
        assert_eq!(chosen(&mut entry, "G"), "Gemini");
        assert_eq!(chosen(&mut entry, "x"), "Gemini");
        assert_eq!(chosen(&mut entry, "ag"), "Groq");
    }

    #[test]
    fn space_chooses_several() {
        let kind = Kind::Many { choices: ["a", "b", "c"].map(choice).into(), initial: Vec::new() };
        let mut entry = Entry::of(&kind, None, Language::English);

        for key in [Key::Char(' '), Key::Down, Key::Down, Key::Char(' ')] {
            entry.on(key);
        }

        let Step::Done(Answer::Many(values)) = entry.on(Key::Enter) else { panic!() };
        assert_eq!(values, ["a", "c"]);
    }
}
