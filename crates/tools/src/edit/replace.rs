//! Finds text in a file and replaces it. Pure.
//!
//! Text is looked for in a *view* of the file: first one where line ends are `\n`, then one
//! where blanks at line ends are gone and typographic characters are plain. Each view knows
//! where its bytes come from, so only the part that was found is replaced.

use crate::typography::plain;

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replacement {
    /// Not empty.
    pub(super) old: String,
    pub(super) new: String,
}

/// Why nothing was replaced. `nth` counts edits from 1 when there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    NotFound { nth: Option<usize> },
    Ambiguous { nth: Option<usize>, count: usize },
    Overlap,
    Unchanged,
}

/// `text` with all `replacements` made; each is looked for in `text` as it is.
pub(super) fn apply(text: &str, replacements: &[Replacement]) -> Result<String, Failure> {
    let exact = View::exact(text);
    let mut loose = None;
    let line_end = dominant_line_end(text);
    let mut splices = Vec::new();
    for (index, replacement) in replacements.iter().enumerate() {
        let nth = (replacements.len() > 1).then_some(index + 1);
        let old = replacement.old.replace("\r\n", "\n");
        let span = match exact.find(&old) {
            Found::Once(span) => span,
            Found::Many(count) => return Err(Failure::Ambiguous { nth, count }),
            Found::Nowhere => {
                let view = loose.get_or_insert_with(|| View::loose(text));
                match view.find(&View::loose(&old).text) {
                    Found::Once(span) => span,
                    Found::Many(count) => return Err(Failure::Ambiguous { nth, count }),
                    Found::Nowhere => return Err(Failure::NotFound { nth }),
                }
            }
        };
        let new = replacement.new.replace("\r\n", "\n").replace('\n', line_end);
        splices.push((span, new));
    }
    splices.sort_by_key(|(span, _)| span.start);
    if splices.windows(2).any(|pair| pair[0].0.end > pair[1].0.start) {
        return Err(Failure::Overlap);
    }
    let mut after = String::with_capacity(text.len());
    let mut copied_to = 0;
    for (span, new) in splices {
        after.push_str(&text[copied_to..span.start]);
        after.push_str(&new);
        copied_to = span.end;
    }
    after.push_str(&text[copied_to..]);
    if after == text { Err(Failure::Unchanged) } else { Ok(after) }
}

/// The line end that most lines have.
fn dominant_line_end(text: &str) -> &'static str {
    let all = text.matches('\n').count();
    let crlf = text.matches("\r\n").count();
    if crlf * 2 > all { "\r\n" } else { "\n" }
}

/// A text as it is compared.
struct View {
    text: String,
    /// For each byte of `text`, and for its end, where it comes from; empty when it is the same.
    origins: Vec<usize>,
}

enum Found {
    Nowhere,
    Once(std::ops::Range<usize>),
    Many(usize),
}

impl View {
    /// The text with `\n` as line end.
    fn exact(text: &str) -> Self {
        if !text.contains("\r\n") {
            return Self { text: text.to_owned(), origins: Vec::new() };
        }
        let mut view = Self::empty(text.len());
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
                view.push('\n', at);
            } else {
                view.push(c, at);
            }
        }
        view.origins.push(text.len());
        view
    }

    /// Without blanks at line ends, and with plain quotes, dashes and spaces.
    fn loose(text: &str) -> Self {
        let mut view = Self::empty(text.len());
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let kept = line.trim_end();
            for (offset, c) in kept.char_indices() {
                view.push(plain(c), at + offset);
            }
            if line.ends_with('\n') {
                view.push('\n', at + kept.len());
            }
            at += line.len();
        }
        view.origins.push(text.len());
        view
    }

    fn empty(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), origins: Vec::with_capacity(capacity + 1) }
    }

    fn push(&mut self, c: char, origin: usize) {
        self.text.push(c);
        self.origins.extend(std::iter::repeat_n(origin, c.len_utf8()));
    }

    fn find(&self, old: &str) -> Found {
        if old.is_empty() {
            return Found::Nowhere;
        }
        let mut starts = self.text.match_indices(old).map(|(at, _)| at);
        match (starts.next(), starts.count()) {
            (None, _) => Found::Nowhere,
            (Some(start), 0) => Found::Once(self.origin(start)..self.origin(start + old.len())),
            (Some(_), more) => Found::Many(more + 1),
        }
    }

    fn origin(&self, at: usize) -> usize {
        self.origins.get(at).copied().unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str, old: &str, new: &str) -> Result<String, Failure> {
        apply(text, &[Replacement { old: old.to_owned(), new: new.to_owned() }])
    }

    #[test]
    fn unique_text_is_replaced() {
        assert_eq!(one("a b c", "b", "x").as_deref(), Ok("a x c"));
    }

    #[test]
    fn byte_order_mark_and_line_ends_stay() {
        let text = "\u{feff}one\r\ntwo\r\nthree\nfour\r\n";

        let after = one(text, "two\nthree", "2\n3");

        assert_eq!(after.as_deref(), Ok("\u{feff}one\r\n2\r\n3\nfour\r\n"));
    }

    #[test]
    fn a_fuzzy_hit_changes_only_what_was_found() {
        let text =
            "say \u{201c}hi\u{201d} \nfoo(\u{2018}x\u{2019})  \t\nbar  \nrest \u{2014} end  \n";

        let after = one(text, "foo('x')\nbar\n", "baz\n");

        assert_eq!(after.as_deref(), Ok("say \u{201c}hi\u{201d} \nbaz\nrest \u{2014} end  \n"));
    }

    #[test]
    fn what_is_not_unique_or_not_there_is_refused() {
        assert_eq!(one("aXbXc", "X", "y"), Err(Failure::Ambiguous { nth: None, count: 2 }));
        assert_eq!(one("abc", "X", "y"), Err(Failure::NotFound { nth: None }));
        assert_eq!(one("abc", "b", "b"), Err(Failure::Unchanged));
        assert_eq!(one("abc", " \n", "y"), Err(Failure::NotFound { nth: None }));
    }

    #[test]
    fn several_edits_are_found_in_the_original() {
        let edit = |old: &str, new: &str| Replacement { old: old.to_owned(), new: new.to_owned() };

        assert_eq!(apply("a b", &[edit("b", "a"), edit("a", "c")]).as_deref(), Ok("c a"));
        assert_eq!(apply("abc", &[edit("ab", "x"), edit("bc", "y")]), Err(Failure::Overlap));
        assert_eq!(
            apply("abc", &[edit("a", "x"), edit("z", "y")]),
            Err(Failure::NotFound { nth: Some(2) })
        );
    }

    proptest! {
        #[test]
        fn the_rest_of_the_file_stays_byte_for_byte(
            before in "[a-c \t\u{201c}\u{a0}\r\n]{0,30}", after in "[a-c \t\u{201c}\u{a0}\r\n]{0,30}",
            old in "[X-Z]{1,5}", new in "[x-z]{0,5}"
        ) {
            let text = format!("{before}{old}{after}");

            prop_assert_eq!(one(&text, &old, &new), Ok(format!("{before}{new}{after}")));
        }

        #[test]
        fn any_text_is_searched_without_panic(text in "\\PC{0,40}", old in "\\PC{1,6}", new in "\\PC{0,6}") {
            one(&text, &old, &new).ok();
            one(&format!("{text}{old} \r\n{text}"), &format!("{old}\n"), &new).ok();
        }
    }
}
