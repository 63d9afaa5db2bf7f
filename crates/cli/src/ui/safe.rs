//! Makes text of models, tools, files and other people fit for a terminal and a log.
//!
//! Invariant: what leaves here has no control character but the line break and the tab where they
//! are allowed, no escape sequence, nothing that turns the direction of writing, and no character
//! without a width but those that scripts and emoji need.

use std::{borrow::Cow, fmt::Write as _};

use domain::printable::{is_hidden, json};
use serde_json::Value;

/// `untrusted` without anything that a terminal obeys. Tabs become spaces.
pub(crate) fn text(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    filter(untrusted, |shown| match shown {
        '\t' => out.push_str("    "),
        shown => out.push(shown),
    });
    out
}

/// The same on one line.
pub(crate) fn line(untrusted: &str) -> String {
    text(untrusted).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same on one line with its spaces; a line break is spelled, a tab stays.
pub(crate) fn field(untrusted: &str) -> Cow<'_, str> {
    if !untrusted.chars().any(|it| it == '\n' || is_hidden(it)) {
        return untrusted.into();
    }
    let mut out = String::with_capacity(untrusted.len());
    filter(untrusted, |shown| match shown {
        '\n' => out.push_str("\\n"),
        shown => out.push(shown),
    });
    out.into()
}

/// `untrusted` with everything hidden made visible: a person decides about it.
pub(crate) fn spelled(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    for next in untrusted.chars() {
        match next {
            '\n' => out.push('\n'),
            hidden if hidden == '\t' || is_hidden(hidden) || is_deceptive(hidden) => {
                out.extend(hidden.escape_unicode());
            }
            shown => out.push(shown),
        }
    }
    out
}

/// `untrusted` on one line with everything hidden made visible, for a log: nothing is lost.
pub(crate) fn record(untrusted: &str) -> Cow<'_, str> {
    if !untrusted.chars().any(is_hidden_in_record) {
        return untrusted.into();
    }
    let mut out = String::with_capacity(untrusted.len());
    for next in untrusted.chars() {
        match next {
            '\n' | '\r' | '\t' => out.extend(next.escape_default()),
            hidden if is_hidden_in_record(hidden) => out.extend(hidden.escape_unicode()),
            shown => out.push(shown),
        }
    }
    out.into()
}

/// ` name=value` of each field, for a log. A value is quoted unless it is one word that hides nothing.
pub(crate) fn pairs<'f>(fields: impl IntoIterator<Item = (&'f String, &'f Value)>) -> String {
    let is_plain = |char: char| !char.is_whitespace() && char != '"' && !is_hidden(char);
    let mut out = String::new();
    for (name, value) in fields {
        let name = record(name);
        match value.as_str() {
            Some(text) if !text.is_empty() && text.chars().all(is_plain) => {
                write!(out, " {name}={text}").ok();
            }
            Some(_) | None => {
                write!(out, " {name}={}", json(value.to_string())).ok();
            }
        }
    }
    out
}

/// At most `chars_max` characters, and how many more there were.
pub(crate) fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => text.into(),
        Some((at, _)) => {
            let more = text[at..].chars().count();
            format!("{}… ({more} more)", &text[..at]).into()
        }
    }
}

fn is_hidden_in_record(char: char) -> bool {
    is_hidden(char) || matches!(char, '\n' | '\t')
}

/// Whether `char` is fine in a sentence, and can make one command look like another.
fn is_deceptive(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{200c}'
            | '\u{200d}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{e0100}'..='\u{e01ef}')
}

/// Hands on what is to be shown, tabs and line breaks with it.
fn filter(untrusted: &str, mut show: impl FnMut(char)) {
    let mut chars = untrusted.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\u{1b}' => skip_sequence(&mut chars),
            '\u{9b}' => skip_parameters(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            hidden if is_hidden(hidden) => {}
            shown => show(shown),
        }
    }
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

/// Passes over what follows an escape character.
fn skip_sequence(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_parameters(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(chars),
        Some(' '..='/') => {
            while chars.next_if(|it| matches!(it, ' '..='/')).is_some() {}
            chars.next_if(|it| matches!(it, '0'..='~'));
        }
        Some('0'..='~') => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

fn skip_parameters(chars: &mut Chars<'_>) {
    while chars.next_if(|it| matches!(it, ' '..='?')).is_some() {}
    chars.next_if(|it| matches!(it, '@'..='~'));
}

/// Passes over a string that ends in a bell or in `ESC \`. One without an end takes its line
/// with it, and no more: the rest may matter.
fn skip_string(chars: &mut Chars<'_>) {
    while let Some(next) = chars.next_if(|it| *it != '\n') {
        match next {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_go_and_words_stay() {
        let cases = [
            ("a\u{1b}[31mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]52;c;QUJD\u{1b}\\text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jtext", "text"),
            ("\u{9d}0;title\u{9c}text", "text"),
            ("\u{90}1$r\u{9c}\u{9f}apc\u{9c}\u{9e}pm\u{7}text", "text"),
            ("\u{1b}Pdcs\u{1b}\\\u{1b}_apc\u{1b}\\\u{1b}^pm\u{1b}\\\u{1b}Xsos\u{1b}\\text", "text"),
            ("\u{1b}(Btext\u{1b}c", "text"),
            ("one\r\ntwo\u{8}\u{0}\tthree", "one\ntwo    three"),
            ("shown\rfaked\u{7f}\u{7}", "shownfaked"),
            ("\u{1b}]no end\nnext line", "\nnext line"),
            ("a\u{202e}b\u{2066}c\u{2028}d", "abcd"),
            ("a\u{200b}b\u{feff}c\u{e0041}d", "abcd"),
            (
                "naïve 你好 🦞 👩\u{200d}🔬 می\u{200c}خواهم",
                "naïve 你好 🦞 👩\u{200d}🔬 می\u{200c}خواهم",
            ),
        ];

        for (given, expected) in cases {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_decided_about_hides_nothing() {
        assert_eq!(spelled("rm\u{202e} x\u{1b}[A\n"), "rm\\u{202e} x\\u{1b}[A\n");
        assert_eq!(spelled("a\u{200d}b\u{3164}\tc"), "a\\u{200d}b\\u{3164}\\u{9}c");
    }

    #[test]
    fn a_record_is_one_line_and_loses_nothing() {
        assert_eq!(record("a\n\r\tb\u{9b}c\u{2028}"), "a\\n\\r\\tb\\u{9b}c\\u{2028}");
        assert!(matches!(record("plain words"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_value_of_a_pair_cannot_look_like_another_pair() {
        let cases = [
            ("agent:main:x", "k=agent:main:x"),
            ("a b=c", "k=\"a b=c\""),
            ("a\nb", "k=\"a\\nb\""),
            ("\"q\"", "k=\"\\\"q\\\"\""),
            ("a\u{a0}b", "k=\"a\u{a0}b\""),
            ("", "k=\"\""),
        ];

        for (given, expected) in cases {
            assert_eq!(pairs([(&"k".to_owned(), &given.into())]), format!(" {expected}"));
        }
        assert_eq!(pairs([(&"k".to_owned(), &7.into())]), " k=7");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(
            given in "(\\PC|[\\x00-\\x{9f}a-z\\[\\];\\\\]|[\\x{2000}-\\x{206f}]){0,40}",
        ) {
            for kept in [text(&given), field(&given).into_owned(), spelled(&given)] {
                prop_assert!(!kept.chars().any(is_hidden), "{kept:?}");
            }
            prop_assert!(!line(&given).contains('\n') && !field(&given).contains('\n'));
            prop_assert!(!record(&given).chars().any(is_hidden_in_record));
        }
    }
}
