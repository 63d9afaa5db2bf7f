//! What a keyboard sends: named keys, modifiers and pasted text as bytes of a terminal. Pure.
//!
//! Sequences are those of xterm and VT220.

/// Bytes to send, and what was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) warnings: Vec<String>,
}

impl Encoded {
    /// Appends a key such as `enter`, `C-c`, `^D`, `M-x`, `S-up` or `a`; `enter` alone is
    /// `line_end`.
    pub(crate) fn key(&mut self, token: &str, line_end: u8) {
        if matches!(token.to_lowercase().as_str(), "enter" | "return") {
            self.bytes.push(line_end);
        } else if let Some(bytes) = encode(token) {
            self.bytes.extend(bytes);
        } else {
            self.warnings.push(format!("key {token} is unknown and was sent as text"));
            self.bytes.extend(token.as_bytes());
        }
    }

    /// Appends bytes written in hex, such as `1b` or `0x1b`.
    pub(crate) fn hex(&mut self, token: &str) {
        let digits = token.trim().trim_start_matches("0x").trim_start_matches("0X");
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if digits.len() <= 2 => self.bytes.push(byte),
            Ok(_) | Err(_) => self.warnings.push(format!("{token} is no hex byte and was skipped")),
        }
    }
}

/// `text` as a terminal pastes it.
pub(crate) fn paste(text: &str, bracketed: bool) -> Vec<u8> {
    if bracketed {
        [b"\x1b[200~", text.as_bytes(), b"\x1b[201~"].concat()
    } else {
        text.as_bytes().to_vec()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Modifiers {
    shift: bool,
    meta: bool,
    control: bool,
}

impl Modifiers {
    fn any(self) -> bool {
        self.shift || self.meta || self.control
    }

    /// As xterm numbers them.
    fn parameter(self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.meta) + 4 * u8::from(self.control)
    }
}

fn encode(token: &str) -> Option<Vec<u8>> {
    let (modifiers, key) = split_modifiers(token);
    if let Some(sequence) = named(&key.to_lowercase()) {
        return Some(modified(sequence, modifiers));
    }
    let mut chars = key.chars();
    let (c, None) = (chars.next()?, chars.next()) else { return None };
    character(c, modifiers)
}

fn split_modifiers(token: &str) -> (Modifiers, &str) {
    let mut modifiers = Modifiers::default();
    let mut key = token;
    loop {
        if let Some(rest) = key.strip_prefix('^').filter(|rest| rest.chars().count() == 1) {
            modifiers.control = true;
            return (modifiers, rest);
        }
        let mut chars = key.chars();
        let flag = match (chars.next(), chars.next()) {
            (Some('C' | 'c'), Some('-')) => &mut modifiers.control,
            (Some('M' | 'm'), Some('-')) => &mut modifiers.meta,
            (Some('S' | 's'), Some('-')) => &mut modifiers.shift,
            _ => return (modifiers, key),
        };
        if chars.as_str().is_empty() {
            return (modifiers, key);
        }
        *flag = true;
        key = chars.as_str();
    }
}

fn character(c: char, modifiers: Modifiers) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if modifiers.meta {
        bytes.push(0x1b);
    }
    if modifiers.control {
        bytes.push(match c.to_ascii_lowercase() {
            letter @ 'a'..='z' => letter as u8 - b'a' + 1,
            ' ' | '@' | '2' => 0,
            '[' | '3' => 0x1b,
            '\\' | '4' => 0x1c,
            ']' | '5' => 0x1d,
            '^' | '6' => 0x1e,
            '_' | '/' | '7' => 0x1f,
            '?' | '8' => 0x7f,
            _ => return None,
        });
        return Some(bytes);
    }
    let shifted = if modifiers.shift { c.to_uppercase().collect() } else { c.to_string() };
    bytes.extend(shifted.as_bytes());
    Some(bytes)
}

/// What a named key sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sequence {
    /// Always the same bytes; meta puts an escape before them.
    Fixed(&'static str),
    /// `ESC [ X`; with modifiers `ESC [ 1 ; m X`.
    Letter(char),
    /// `ESC [ n ~`; with modifiers `ESC [ n ; m ~`.
    Tilde(u8),
    /// Tab, which has a shifted form of its own.
    Tab,
}

fn modified(sequence: Sequence, modifiers: Modifiers) -> Vec<u8> {
    let number = modifiers.parameter();
    match sequence {
        Sequence::Letter(letter) if modifiers.any() => format!("\x1b[1;{number}{letter}"),
        Sequence::Letter(letter) => format!("\x1b[{letter}"),
        Sequence::Tilde(key) if modifiers.any() => format!("\x1b[{key};{number}~"),
        Sequence::Tilde(key) => format!("\x1b[{key}~"),
        Sequence::Tab if modifiers.shift => "\x1b[Z".to_owned(),
        Sequence::Tab if modifiers.meta => "\x1b\t".to_owned(),
        Sequence::Tab => "\t".to_owned(),
        Sequence::Fixed(text) if modifiers.meta => format!("\x1b{text}"),
        Sequence::Fixed(text) => text.to_owned(),
    }
    .into_bytes()
}

fn named(name: &str) -> Option<Sequence> {
    use Sequence::{Fixed, Letter, Tab, Tilde};
    Some(match name {
        "enter" | "return" => Fixed("\r"),
        "tab" => Tab,
        "btab" => Fixed("\x1b[Z"),
        "escape" | "esc" => Fixed("\x1b"),
        "space" => Fixed(" "),
        "bspace" | "backspace" => Fixed("\x7f"),
        "up" => Letter('A'),
        "down" => Letter('B'),
        "right" => Letter('C'),
        "left" => Letter('D'),
        "home" => Tilde(1),
        "insert" | "ic" => Tilde(2),
        "delete" | "del" | "dc" => Tilde(3),
        "end" => Tilde(4),
        "pageup" | "pgup" | "ppage" => Tilde(5),
        "pagedown" | "pgdn" | "npage" => Tilde(6),
        "f1" => Fixed("\x1bOP"),
        "f2" => Fixed("\x1bOQ"),
        "f3" => Fixed("\x1bOR"),
        "f4" => Fixed("\x1bOS"),
        "f5" => Tilde(15),
        "f6" => Tilde(17),
        "f7" => Tilde(18),
        "f8" => Tilde(19),
        "f9" => Tilde(20),
        "f10" => Tilde(21),
        "f11" => Tilde(23),
        "f12" => Tilde(24),
        keypad => Fixed(keypad_key(keypad.strip_prefix("kp")?)?),
    })
}

/// A key of the keypad in application mode.
fn keypad_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "0" => "\x1bOp",
        "1" => "\x1bOq",
        "2" => "\x1bOr",
        "3" => "\x1bOs",
        "4" => "\x1bOt",
        "5" => "\x1bOu",
        "6" => "\x1bOv",
        "7" => "\x1bOw",
        "8" => "\x1bOx",
        "9" => "\x1bOy",
        "/" => "\x1bOo",
        "*" => "\x1bOj",
        "-" => "\x1bOm",
        "+" => "\x1bOk",
        "." => "\x1bOn",
        "enter" => "\x1bOM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_send_what_a_terminal_sends() {
        let cases: [(&str, &[u8]); 20] = [
            ("enter", b"\r"),
            ("Enter", b"\r"),
            ("C-c", b"\x03"),
            ("c-C", b"\x03"),
            ("^D", b"\x04"),
            ("M-x", b"\x1bx"),
            ("C-M-x", b"\x1b\x18"),
            ("S-a", b"A"),
            ("a", b"a"),
            ("é", "é".as_bytes()),
            ("C-", b"C-"),
            ("up", b"\x1b[A"),
            ("S-up", b"\x1b[1;2A"),
            ("C-M-left", b"\x1b[1;7D"),
            ("home", b"\x1b[1~"),
            ("C-delete", b"\x1b[3;5~"),
            ("S-tab", b"\x1b[Z"),
            ("f3", b"\x1bOR"),
            ("f12", b"\x1b[24~"),
            ("kpenter", b"\x1bOM"),
        ];

        for (token, expected) in cases {
            let mut encoded = Encoded::default();
            encoded.key(token, b'\r');
            assert_eq!(encoded.bytes, expected, "{token}");
            assert_eq!(encoded.warnings.is_empty(), token != "C-", "{token}");
        }
    }

    #[test]
    fn a_bad_hex_byte_is_a_warning() {
        let mut encoded = Encoded::default();
        for token in ["1b", "0x5B", "zz", "123"] {
            encoded.hex(token);
        }

        assert_eq!(encoded.bytes, b"\x1b[");
        assert_eq!(encoded.warnings.len(), 2);
    }

    #[test]
    fn pasted_text_is_bracketed() {
        assert_eq!(paste("hi", true), b"\x1b[200~hi\x1b[201~");
        assert_eq!(paste("hi", false), b"hi");
    }
}
