//! Which characters a terminal obeys or hides, and JSON that holds none of them.

use std::fmt::Write as _;

/// Whether a terminal obeys `char`, or shows nothing or another order for it.
///
/// The line break and the tab are not among them, nor are the joiners that Persian and emoji need.
pub fn is_hidden(char: char) -> bool {
    let turns_direction = matches!(char,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_break = matches!(char, '\u{2028}' | '\u{2029}');
    let has_no_width = matches!(char,
        '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let is_control = char.is_control() && char != '\n' && char != '\t';
    is_control || turns_direction || is_break || has_no_width
}

/// The text of a JSON document with everything hidden in its strings escaped: the same document.
pub fn json(document: String) -> String {
    if !document.chars().any(is_hidden) {
        return document;
    }
    let mut out = String::with_capacity(document.len());
    for next in document.chars() {
        if is_hidden(next) {
            for unit in next.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").ok();
            }
        } else {
            out.push(next);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_document_stays_the_same_document() {
        let value = serde_json::json!({"a": "\u{1b}]0;t\u{7}\u{9b}1m\u{7f}\u{202e}\u{e0041}\n你"});

        let document = json(value.to_string());

        assert!(!document.chars().any(is_hidden), "{document}");
        assert!(document.contains("\\u009b1m\\u007f\\u202e\\udb40\\udc41\\n你"), "{document}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&document).unwrap(), value);
    }
}
