//! Patterns over paths: `**` any characters, `*` any but `/`, `?` one but `/`, case ignored.

/// Whether the whole of `text` matches.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<Piece> = pieces(&pattern.to_lowercase());
    let text: Vec<char> = text.to_lowercase().chars().collect();
    // `reached[n]`: the pieces so far can match the first `n` characters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for piece in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            let before = at.checked_sub(1);
            next[at] = match piece {
                Piece::Char(wanted) => {
                    before.is_some_and(|before| reached[before] && text[before] == wanted)
                }
                Piece::One => before.is_some_and(|before| reached[before] && text[before] != '/'),
                Piece::Any => reached[at] || before.is_some_and(|before| next[before]),
                Piece::Part => {
                    reached[at] || before.is_some_and(|before| next[before] && text[before] != '/')
                }
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    One,
    Part,
    Any,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => Piece::Any,
            '*' => Piece::Part,
            '?' => Piece::One,
            other => Piece::Char(other),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stays_in_its_directory_and_two_do_not() {
        let cases = [
            ("/usr/bin/rg", "/usr/bin/rg", true),
            ("/usr/bin/RG", "/usr/bin/rg", true),
            ("/usr/bin/*", "/usr/bin/rg", true),
            ("/usr/bin/*", "/usr/bin/a/rg", false),
            ("/usr/**", "/usr/bin/a/rg", true),
            ("/usr/**/rg", "/usr/bin/a/rg", true),
            ("/usr/bin/r?", "/usr/bin/rg", true),
            ("/usr/bin?rg", "/usr/bin/rg", false),
            ("/usr/bin/rg", "/usr/bin/rg2", false),
            ("", "/x", false),
            ("*", "", true),
        ];

        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), expected, "{pattern} ~ {path}");
        }
    }
}
