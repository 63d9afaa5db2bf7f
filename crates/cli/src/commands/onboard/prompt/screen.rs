//! The lines of the present question: drawn, and replaced when something changes.
//!
//! Counts columns as a terminal does, so that wide characters and long lines are taken away again
//! as they were drawn.

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::ui;

/// A line with a mark before it.
pub(super) struct Line {
    mark: &'static str,
    mark_style: Style,
    style: Style,
    text: String,
}

impl Line {
    pub(super) fn new(mark: &'static str, mark_style: Style, style: Style, text: String) -> Self {
        Self { mark, mark_style, style, text }
    }
}

/// What stands on the screen of the present question.
#[derive(Default)]
pub(super) struct Screen {
    drawn: usize,
}

impl Screen {
    /// Puts `lines` in the place of what stands there.
    pub(super) fn show(&mut self, lines: &[Line]) {
        let columns = ui::columns_of_talk();
        let mut drawn: Vec<ui::Line> = Vec::new();
        for line in lines {
            let room = columns.saturating_sub(line.mark.width() + 3).max(8);
            for (at, piece) in wrapped(&ui::safe::text(&line.text), room).into_iter().enumerate() {
                let mark = if at == 0 { line.mark } else { continued(line.mark) };
                drawn.push(ui::paint(line.mark_style, mark) + "  " + ui::paint(line.style, piece));
            }
        }
        let count = drawn.len();
        ui::redraw(self.drawn, &drawn.into());
        self.drawn = count;
    }

    /// Leaves what stands there for good.
    pub(super) fn leave(&mut self) {
        self.drawn = 0;
    }
}

/// The bar that goes on below a mark.
fn continued(mark: &'static str) -> &'static str {
    if mark == "└" { " " } else { "│" }
}

/// `text` in pieces of at most `room` columns; at least one piece.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for line in text.split('\n').enumerate() {
        if line.0 > 0 {
            pieces.push(String::new());
        }
        for word in line.1.split_inclusive(' ') {
            add_word(&mut pieces, word, room);
        }
    }
    pieces
}

fn add_word(pieces: &mut Vec<String>, word: &str, room: usize) {
    let present = |pieces: &[String]| pieces.last().map_or(0, |piece| piece.width());
    if present(pieces) > 0 && present(pieces) + word.trim_end().width() > room && word.is_ascii() {
        pieces.push(String::new());
    }
    // Text without blanks, such as Chinese, may be cut anywhere.
    for char in word.chars() {
        if present(pieces) + char.width().unwrap_or(0) > room {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_to_the_next_line_whole_and_wide_text_is_cut_by_columns() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("一二三四五", 6), ["一二三", "四五"]);
        assert_eq!(wrapped("a\nb", 8), ["a", "b"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
