//! Text on its way to a terminal: lines of pieces, each with a style of ours.
//!
//! What a piece holds may come from anywhere. Only the style of a piece becomes an escape sequence:
//! whatever looks like one in its text is taken out when the line is written, and a line break in it
//! is spelled. There is no `Display`, so that no styled text ends up as the text of a piece.

use std::{fmt::Write as _, ops::Add};

use anstream::adapter::WinconBytes;
use anstyle::Style;
use serde_json::Value;

use super::safe;

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Style, String)>);

/// Lines that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(Vec<Line>);

/// `text` in `style`; the streams take the colour out where it does not belong.
pub(crate) fn paint(style: Style, text: impl Into<String>) -> Line {
    Line(vec![(style, text.into())])
}

impl Line {
    /// What is written: nothing but our styles is left of what a terminal obeys.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        for (style, text) in &self.0 {
            write!(out, "{style}{}{style:#}", safe::field(text)).ok();
        }
        out
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        paint(Style::new(), text)
    }
}

impl From<&String> for Line {
    fn from(text: &String) -> Self {
        paint(Style::new(), text.as_str())
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        paint(Style::new(), text)
    }
}

impl<T: Into<Line>> Add<T> for Line {
    type Output = Self;

    fn add(mut self, more: T) -> Self {
        self.0.append(&mut more.into().0);
        self
    }
}

impl Page {
    /// Text of several lines, each of which begins where it will.
    pub(crate) fn prose(text: &str) -> Self {
        if text.is_empty() { "".into() } else { text.lines().map(Line::from).collect() }
    }

    /// A value as JSON of several lines.
    pub(crate) fn json(value: &Value) -> Self {
        Self::prose(&format!("{value:#}"))
    }

    /// Text in which another part of this program set colours, and nothing else.
    pub(crate) fn of_ansi(text: &str) -> Self {
        let mut page = Self(vec![Line::default()]);
        let mut parser = WinconBytes::new();
        for (style, piece) in parser.extract_next(text.as_bytes()) {
            for (at, part) in piece.split('\n').enumerate() {
                if at > 0 {
                    page.0.push(Line::default());
                }
                if let Some(line) = page.0.last_mut() {
                    line.0.push((style, part.to_owned()));
                }
            }
        }
        page
    }

    pub(super) fn render(&self) -> String {
        self.0.iter().map(|line| line.render() + "\n").collect()
    }
}

impl<T: Into<Line>> FromIterator<T> for Page {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        Self(lines.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Line>> Extend<T> for Page {
    fn extend<I: IntoIterator<Item = T>>(&mut self, lines: I) {
        self.0.extend(lines.into_iter().map(Into::into));
    }
}

impl IntoIterator for Page {
    type Item = Line;
    type IntoIter = std::vec::IntoIter<Line>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<Line> for Page {
    fn from(line: Line) -> Self {
        Self(vec![line])
    }
}

impl From<&str> for Page {
    fn from(line: &str) -> Self {
        Line::from(line).into()
    }
}

impl From<&String> for Page {
    fn from(line: &String) -> Self {
        Line::from(line).into()
    }
}

impl From<String> for Page {
    fn from(line: String) -> Self {
        Line::from(line).into()
    }
}

impl<T: Into<Line>> From<Vec<T>> for Page {
    fn from(lines: Vec<T>) -> Self {
        lines.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{ERROR, MUTED};

    #[test]
    fn only_our_styles_are_written() {
        let line = paint(MUTED, "a\u{1b}[31mb") + " c\u{1b}]0;title\u{7}\nfake: d";

        assert_eq!(line.render(), format!("{MUTED}ab{MUTED:#} c\\nfake: d"));
    }

    #[test]
    fn a_style_that_was_made_text_is_no_style() {
        let text = format!("{ERROR}error:{ERROR:#} x");

        assert_eq!(Line::from(text).render(), "error: x");
    }

    #[test]
    fn colours_of_the_help_are_kept_and_no_other_sequence() {
        let page = Page::of_ansi("\u{1b}[1mUsage\u{1b}[0m: x\u{1b}]0;t\u{7}\n  y\u{1b}[2J");

        assert_eq!(page.render(), "\u{1b}[1mUsage\u{1b}[0m: x\n  y\n");
    }

    #[test]
    fn prose_keeps_its_lines_and_tabs() {
        assert_eq!(Page::prose("a\r\n\tb\n").render(), "a\n\tb\n");
        assert_eq!(Page::prose("").render(), "\n");
    }
}
