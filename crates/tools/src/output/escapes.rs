//! Escape sequences of terminals, taken out of text: colours, cursor moves, titles, graphics.
//!
//! Sequences are those of ECMA-48: CSI and the other C1 controls in both their forms, control
//! strings, and escapes with intermediate characters. They may be split anywhere. Pure.

/// Most characters of one sequence. What goes on longer is no sequence, and is shown again.
const LENGTH_MAX: usize = 64 * 1024;

/// Where in a sequence the text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Outside of any.
    #[default]
    Text,
    /// After an escape, and maybe intermediate characters.
    Escape,
    /// In the parameters of a control sequence.
    Control,
    /// In a string that BEL, ST or, on a title, the end of the line ends.
    Title,
    /// In a string that only ST ends.
    String,
}

/// What of a text is within a sequence.
#[derive(Clone, Debug, Default)]
pub(super) struct Escapes {
    at: At,
    length: usize,
}

impl Escapes {
    /// Whether the next character of plain text is text.
    pub(super) fn is_outside(&self) -> bool {
        self.at == At::Text
    }

    /// Takes the next character; says whether it belongs to a sequence.
    pub(super) fn takes(&mut self, c: char) -> bool {
        let before = self.at;
        self.at = self.next(c);
        if self.at == At::Text {
            self.length = 0;
            // What ends a title by ending its line is text; so is what no sequence holds.
            let is_text = before == At::Text || ends_by_itself(before, c);
            return !is_text;
        }
        self.length += 1;
        if self.length > LENGTH_MAX {
            *self = Self::default();
        }
        true
    }

    fn next(&self, c: char) -> At {
        // Cancel and substitute end whatever there is.
        if matches!(c, '\x18' | '\x1a') {
            return At::Text;
        }
        match self.at {
            At::Text => begun_by(c).unwrap_or(At::Text),
            At::Control if (' '..='?').contains(&c) => At::Control,
            At::Control | At::Title | At::String if c == '\x1b' => At::Escape,
            At::Control => At::Text,
            At::Title if matches!(c, '\x07' | '\u{9c}' | '\n' | '\r') => At::Text,
            At::String if c == '\u{9c}' => At::Text,
            At::Title | At::String => self.at,
            At::Escape => after_escape(c),
        }
    }
}

/// The sequence that `c` begins.
fn begun_by(c: char) -> Option<At> {
    Some(match c {
        '\x1b' => At::Escape,
        '\u{9b}' => At::Control,
        '\u{9d}' => At::Title,
        '\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}' => At::String,
        _ => return None,
    })
}

/// Where `c` leads after an escape; the backslash of ST ends what was open, as any final byte.
fn after_escape(c: char) -> At {
    match c {
        '[' => At::Control,
        ']' => At::Title,
        'P' | 'X' | '^' | '_' => At::String,
        '\x1b' | ' '..='/' => At::Escape,
        _ => At::Text,
    }
}

/// Whether `c`, which ended what was at `before`, is itself no part of it.
fn ends_by_itself(before: At, c: char) -> bool {
    if matches!(c, '\x18' | '\x1a') {
        return false;
    }
    match before {
        At::Title => matches!(c, '\n' | '\r'),
        // A final byte belongs to its sequence; anything else broke it off.
        At::Escape => !('0'..='~').contains(&c),
        At::Control => !('@'..='~').contains(&c),
        At::Text | At::String => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut escapes = Escapes::default();
        text.chars().filter(|c| !escapes.takes(*c)).collect()
    }

    #[test]
    fn sequences_go_and_text_stays() {
        let cases = [
            ("\x1b[2K\x1b[1A\x1b[38;2;215;119;87mframe\x1b[39m\r\n", "frame\r\n"),
            ("\x1b]0;a title\x07text", "text"),
            ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1bPq#0;2;0;0;0\x1b\\after", "after"),
            ("\u{9b}31mred\u{9b}0m \u{9d}0;t\u{9c}on", "red on"),
            ("\x1b(Bplain\x1b=\x1b>\x1b7\x1b8", "plain"),
            ("\x1b[?25l\x1b[?1049h\x1b[1;1Hx\x1b[ q", "x"),
            ("\x1b]0;never ended\nnext line", "\nnext line"),
            ("\x1b[31\nbroken off", "\nbroken off"),
            ("\x1b[12\x18cancelled", "cancelled"),
            ("a [2K] b \\x1b[0m", "a [2K] b \\x1b[0m"),
            ("é\x1bé", "éé"),
        ];

        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_string_without_end_hides_no_more_than_its_bound() {
        let text = format!("\x1bP{}end", "x".repeat(2 * LENGTH_MAX));

        let shown = shown(&text);

        assert!(shown.ends_with("end"), "{}", shown.len());
        assert!(shown.len() >= LENGTH_MAX, "{}", shown.len());
    }
}
