//! What a command wrote, made fit for a model: decoded, sanitised, and only its end kept.
//!
//! Memory is constant and work per byte is too, however much a command writes. Pure.

mod escapes;

use escapes::Escapes;

/// Decodes one stream of bytes, whose chunks may split a character, and drops what a model
/// should not see: escape sequences of terminals, control characters other than tab, LF and CR,
/// and invisible format characters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoder {
    /// Start of a character whose rest has not come yet; at most three bytes.
    begun: Vec<u8>,
    escapes: Escapes,
}

impl Decoder {
    /// Appends the text of `bytes` to `out`.
    pub(crate) fn decode(&mut self, bytes: &[u8], out: &mut String) {
        let joined;
        let mut rest = if self.begun.is_empty() {
            bytes
        } else {
            self.begun.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.begun);
            &joined
        };
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => return push_sanitised(text, &mut self.escapes, out),
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    push_sanitised(&String::from_utf8_lossy(valid), &mut self.escapes, out);
                    let Some(bad) = error.error_len() else {
                        self.begun = after.to_vec();
                        return;
                    };
                    out.push(char::REPLACEMENT_CHARACTER);
                    rest = after.get(bad..).unwrap_or_default();
                }
            }
        }
    }

    /// Appends what is left when the stream ends in the middle of a character.
    pub(crate) fn finish(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.begun).is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

fn push_sanitised(text: &str, escapes: &mut Escapes, out: &mut String) {
    // Nearly all output is plain; this test runs many bytes at a time.
    if escapes.is_outside()
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
    {
        return out.push_str(text);
    }
    let mut kept_from = 0;
    for (at, c) in text.char_indices() {
        if escapes.takes(c) || is_dropped(c) {
            out.push_str(&text[kept_from..at]);
            kept_from = at + c.len_utf8();
        }
    }
    out.push_str(&text[kept_from..]);
}

/// Whether a character is left out of output. The ranges are Unicode's class `Cf`.
fn is_dropped(c: char) -> bool {
    if c < '\u{ad}' {
        return c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    }
    matches!(
        c,
        '\u{ad}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}'
    )
}

/// The end of a text that only grows.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// At most twice `chars_max` characters, so that the head is cut off rarely.
    text: String,
    chars: usize,
    chars_max: usize,
    /// All characters that ever came.
    chars_total: u64,
}

impl Tail {
    /// Keeps the last `chars_max` characters.
    pub(crate) fn new(chars_max: usize) -> Self {
        Self { text: String::new(), chars: 0, chars_max, chars_total: 0 }
    }

    /// Appends `piece`.
    pub(crate) fn push(&mut self, piece: &str) {
        let count = piece.chars().count();
        self.chars_total += count as u64;
        self.text.push_str(piece);
        self.chars += count;
        if self.chars > self.chars_max.saturating_mul(2) {
            let cut = self.text.len() - self.last(self.chars_max).len();
            self.text.drain(..cut);
            self.chars = self.chars_max;
        }
    }

    /// What is kept.
    pub(crate) fn text(&self) -> &str {
        self.last(self.chars_max)
    }

    /// The last `chars` characters of what is kept.
    pub(crate) fn last(&self, chars: usize) -> &str {
        last_chars(&self.text, self.chars, chars.min(self.chars_max))
    }

    /// All characters that ever came.
    pub(crate) fn chars_total(&self) -> u64 {
        self.chars_total
    }

    /// Whether the beginning is gone.
    pub(crate) fn is_truncated(&self) -> bool {
        self.chars_total > self.chars_max as u64
    }

    /// Frees the memory that is not needed, for a text that grows no more.
    pub(crate) fn shrink(&mut self) {
        let cut = self.text.len() - self.text().len();
        self.text.drain(..cut);
        self.chars = self.chars.min(self.chars_max);
        self.text.shrink_to_fit();
    }
}

/// The last `wanted` characters of `text`, which has `count`.
fn last_chars(text: &str, count: usize, wanted: usize) -> &str {
    if wanted >= count {
        return text;
    }
    if text.len() == count {
        return &text[count - wanted..];
    }
    match wanted.checked_sub(1) {
        Some(nth) => text.char_indices().nth_back(nth).map_or(text, |(at, _)| &text[at..]),
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(chunks: &[&[u8]]) -> String {
        let mut decoder = Decoder::default();
        let mut out = String::new();
        for chunk in chunks {
            decoder.decode(chunk, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn controls_escapes_and_format_characters_are_dropped_but_line_ends_and_tabs_stay() {
        let text = "a\0\u{1b}[31mb\tc\r\nd\u{200b}\u{feff}é\u{7f}\u{202e}😀";

        assert_eq!(decoded(&[text.as_bytes()]), "ab\tc\r\ndé😀");
    }

    #[test]
    fn broken_bytes_become_replacement_characters() {
        assert_eq!(decoded(&[b"a\xffb", b"\xe2\x82"]), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_gigabyte_keeps_only_its_end() {
        let mut tail = Tail::new(1000);
        let chunk = "é".repeat(4096);
        for _ in 0..1000 {
            tail.push(&chunk);
        }
        tail.push("end");

        assert_eq!(tail.text().chars().count(), 1000);
        assert!(tail.text().ends_with("éend"));
        assert!(tail.text.capacity() < 64 * 1024, "{}", tail.text.capacity());
        assert!(tail.is_truncated());
        assert_eq!(tail.chars_total(), 4_096_003);
    }

    proptest! {
        #[test]
        fn chunk_boundaries_do_not_matter(
            bytes in prop::collection::vec(any::<u8>(), 0..200), cuts in prop::collection::vec(0usize..200, 0..6)
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();

            let whole = decoded(&[&bytes]);

            prop_assert_eq!(&decoded(&chunks), &whole);
            prop_assert!(!whole.chars().any(|c| c.is_control() && !"\t\r\n".contains(c)));
        }

        #[test]
        fn the_tail_is_the_end_of_the_whole(
            pieces in prop::collection::vec("[a-zé😀]{0,12}", 0..20), max in 0usize..30
        ) {
            let mut tail = Tail::new(max);
            for piece in &pieces {
                tail.push(piece);
            }
            let whole: Vec<char> = pieces.concat().chars().collect();
            let expected: String = whole[whole.len().saturating_sub(max)..].iter().collect();

            prop_assert_eq!(tail.text(), expected.as_str());
            tail.shrink();
            prop_assert_eq!(tail.text(), expected.as_str());
        }
    }
}
