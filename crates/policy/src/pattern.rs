//! Tool name patterns: plain names, and `*` for any run of characters.
//!
//! The text between stars is looked for leftmost first, so that matching takes time linear
//! in the name, however many stars a pattern has.

/// A compiled pattern over whole names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// What the name must start with, or be when `tail` is `None`.
    head: String,
    tail: Option<Tail>,
}

/// What follows the first star.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tail {
    /// Texts that must follow in this order, anything between them.
    middle: Vec<String>,
    /// What the rest must end with.
    end: String,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = text.split('*').map(str::to_owned);
        let head = pieces.next().unwrap_or_default();
        let mut middle: Vec<String> = pieces.collect();
        let tail = middle.pop().map(|end| {
            middle.retain(|piece| !piece.is_empty());
            Tail { middle, end }
        });
        Self { head, tail }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let Some(tail) = &self.tail else { return self.head == name };
        let Some(mut rest) = name.strip_prefix(self.head.as_str()) else { return false };
        for piece in &tail.middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(tail.end.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Pattern;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let cases = [
            ("*", "", true),
            ("*", "exec", true),
            ("exec", "exec", true),
            ("exec", "exec2", false),
            ("sessions_*", "sessions_list", true),
            ("sessions_*", "session_status", false),
            ("*_list", "sessions_list", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("web.*", "web_search", false),
            ("[ew]*", "exec", false),
        ];

        for (pattern, name, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} ~ {name}");
        }
    }

    /// The definition, exponential: what the fast matcher must agree with.
    fn matches_by_definition(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => {
                (0..=name.len()).any(|skipped| matches_by_definition(rest, &name[skipped..]))
            }
            Some((c, rest)) => name.first() == Some(c) && matches_by_definition(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{0,7}", name in "[ab]{0,8}") {
            prop_assert_eq!(
                Pattern::new(&pattern).matches(&name),
                matches_by_definition(pattern.as_bytes(), name.as_bytes())
            );
        }
    }
}
