//! The text that a person types: several lines, a cursor, and what was sent before.

use crate::ui::safe;

/// Sent texts that are kept.
const PAST_MAX: usize = 200;

/// The text that is being typed.
#[derive(Debug, Default)]
pub(crate) struct Input {
    text: String,
    /// A byte of `text`, at the border of a character.
    cursor: usize,
    past: Vec<String>,
    /// The text of the past that is shown, and what was typed before.
    looking: Option<(usize, String)>,
}

impl Input {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text before the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Replaces everything.
    pub(crate) fn set(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        self.cursor = self.text.len();
        self.looking = None;
    }

    /// Puts text at the cursor, typed or pasted.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = safe::text(&text.replace("\r\n", "\n").replace('\r', "\n"));
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
        self.looking = None;
    }

    /// Takes the text out, to be sent, and keeps it among what was sent before.
    pub(crate) fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        (self.cursor, self.looking) = (0, None);
        if !text.trim().is_empty() && self.past.last() != Some(&text) {
            if self.past.len() == PAST_MAX {
                self.past.remove(0);
            }
            self.past.push(text.clone());
        }
        text
    }

    pub(crate) fn left(&mut self) {
        self.cursor -= self.before().chars().next_back().map_or(0, char::len_utf8);
    }

    pub(crate) fn right(&mut self) {
        self.cursor += self.text[self.cursor..].chars().next().map_or(0, char::len_utf8);
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_start();
    }

    pub(crate) fn word_right(&mut self) {
        let after = &self.text[self.cursor..];
        let word = after.trim_start();
        let skipped = after.len() - word.len();
        self.cursor += skipped + word.find(char::is_whitespace).unwrap_or(word.len());
    }

    pub(crate) fn line_start(&mut self) {
        self.cursor = self.before().rfind('\n').map_or(0, |at| at + 1);
    }

    pub(crate) fn line_end(&mut self) {
        let after = &self.text[self.cursor..];
        self.cursor += after.find('\n').unwrap_or(after.len());
    }

    pub(crate) fn erase_left(&mut self) {
        let end = self.cursor;
        self.left();
        self.erase(end);
    }

    pub(crate) fn erase_right(&mut self) {
        let start = self.cursor;
        self.right();
        let end = std::mem::replace(&mut self.cursor, start);
        self.erase(end);
    }

    pub(crate) fn erase_word(&mut self) {
        let start = self.word_start();
        let end = std::mem::replace(&mut self.cursor, start);
        self.erase(end);
    }

    pub(crate) fn erase_to_line_start(&mut self) {
        let end = self.cursor;
        self.line_start();
        self.erase(end);
    }

    pub(crate) fn erase_to_line_end(&mut self) {
        let start = self.cursor;
        self.line_end();
        let end = std::mem::replace(&mut self.cursor, start);
        self.erase(end);
    }

    /// One line up, or to what was sent before.
    pub(crate) fn up(&mut self) {
        let before = self.before();
        let Some(line) = before.rfind('\n') else { return self.earlier() };
        let column = before[line + 1..].chars().count();
        let start = before[..line].rfind('\n').map_or(0, |at| at + 1);
        self.cursor = place(&self.text, start, column);
    }

    /// One line down, or back to what was typed.
    pub(crate) fn down(&mut self) {
        let Some(next) = self.text[self.cursor..].find('\n') else { return self.later() };
        let start = self.before().rfind('\n').map_or(0, |at| at + 1);
        let column = self.text[start..self.cursor].chars().count();
        self.cursor = place(&self.text, self.cursor + next + 1, column);
    }

    fn earlier(&mut self) {
        let at = self.looking.as_ref().map_or(self.past.len(), |(at, _)| *at);
        let Some(at) = at.checked_sub(1) else { return };
        let typed = match self.looking.take() {
            Some((_, typed)) => typed,
            None => std::mem::take(&mut self.text),
        };
        let text = self.past[at].clone();
        self.set(&text);
        self.looking = Some((at, typed));
    }

    fn later(&mut self) {
        let Some((at, typed)) = self.looking.take() else { return };
        match self.past.get(at + 1).cloned() {
            Some(text) => {
                self.set(&text);
                self.looking = Some((at + 1, typed));
            }
            None => self.set(&typed),
        }
    }

    fn word_start(&self) -> usize {
        let word_end = self.before().trim_end();
        let space = word_end.char_indices().rev().find(|(_, char)| char.is_whitespace());
        space.map_or(0, |(at, char)| at + char.len_utf8())
    }

    fn erase(&mut self, end: usize) {
        self.text.replace_range(self.cursor..end, "");
        self.looking = None;
    }
}

/// The byte of `column` in the line that begins at `start`.
fn place(text: &str, start: usize, column: usize) -> usize {
    let line = text[start..].split('\n').next().unwrap_or_default();
    start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_lines_are_erased_and_walked() {
        let mut input = Input::default();
        input.insert("one two\r\nthree 你好");

        input.erase_word();
        input.up();
        input.line_end();
        input.erase_word();
        input.insert("2\u{1b}");
        input.down();
        input.line_start();
        input.word_right();

        assert_eq!(input.text(), "one 2\nthree ");
        assert_eq!(input.before(), "one 2\nthree");
    }

    #[test]
    fn what_was_sent_comes_back_and_what_was_typed_is_not_lost() {
        let mut input = Input::default();
        for text in ["first", "second"] {
            input.set(text);
            input.take();
        }
        input.insert("draft");

        let mut seen = Vec::new();
        for step in [Input::up, Input::up, Input::up, Input::down, Input::down, Input::down] {
            step(&mut input);
            seen.push(input.text().to_owned());
        }

        assert_eq!(seen, ["second", "first", "first", "second", "draft", "draft"]);
    }

    proptest! {
        #[test]
        fn any_keys_leave_the_cursor_within_the_text(
            keys in proptest::collection::vec(0_usize..16, 0..60), text in "[a 你\\n]{0,6}",
        ) {
            let mut input = Input::default();
            for key in keys {
                match key {
                    0 => input.left(), 1 => input.right(), 2 => input.up(), 3 => input.down(),
                    4 => input.word_left(), 5 => input.word_right(), 6 => input.line_start(),
                    7 => input.line_end(), 8 => input.erase_left(), 9 => input.erase_right(),
                    10 => input.erase_word(), 11 => input.erase_to_line_start(),
                    12 => input.erase_to_line_end(), 13 => drop(input.take()),
                    _ => input.insert(&text),
                }
                prop_assert!(input.text().is_char_boundary(input.before().len()));
            }
        }
    }
}
