//! Makes text of models, tools and other people fit for a terminal.
//!
//! Invariant: what leaves here has no control character but the line break, no escape sequence,
//! and nothing that turns the direction of writing.

/// `untrusted` without anything that a terminal obeys. Tabs become spaces.
pub(crate) fn text(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    let mut chars = untrusted.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            '\u{1b}' => skip_sequence(&mut chars),
            '\u{9b}' => skip_parameters(&mut chars),
            hidden if is_hidden(hidden) => {}
            shown => out.push(shown),
        }
    }
    out
}

/// The same on one line.
pub(crate) fn line(untrusted: &str) -> String {
    text(untrusted).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `untrusted` with everything hidden made visible: a person decides about it.
pub(crate) fn spelled(untrusted: &str) -> String {
    let mut out = String::with_capacity(untrusted.len());
    for next in untrusted.chars() {
        match next {
            '\n' => out.push('\n'),
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            shown => out.push(shown),
        }
    }
    out
}

fn is_hidden(char: char) -> bool {
    let turns_direction = matches!(char,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_break = matches!(char, '\u{2028}' | '\u{2029}' | '\u{feff}');
    char.is_control() || turns_direction || is_break
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
            ("\u{9b}2Jtext", "text"),
            ("\u{1b}(Btext\u{1b}c", "text"),
            ("one\r\ntwo\u{8}\u{0}\tthree", "one\ntwo    three"),
            ("\u{1b}]no end\nnext line", "\nnext line"),
            ("a\u{202e}b\u{2066}c", "abc"),
            ("naïve 你好 🦞", "naïve 你好 🦞"),
        ];

        for (given, expected) in cases {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_decided_about_hides_nothing() {
        assert_eq!(spelled("rm\u{202e} x\u{1b}[A\n"), "rm\\u{202e} x\\u{1b}[A\n");
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_is_left(given in "\\PC*|[\\x00-\\x{9f}a-z\\[\\]]*") {
            let kept = text(&given);
            prop_assert!(kept.chars().all(|it| it == '\n' || !it.is_control()), "{kept:?}");
            prop_assert!(!line(&given).contains('\n'));
        }
    }
}
