//! What a turn does when its conversation does not fit the model: each time it happens, a
//! little more is left out. Pure.

/// Tokens of a model that nobody described.
pub(crate) const WINDOW_TOKENS_DEFAULT: u64 = 200_000;

/// Most characters of a tool's output that are kept, however large the window.
const OUTPUT_CHARS_MAX: usize = 200_000;

/// Least characters of a tool's output that are kept, however small the window.
const OUTPUT_CHARS_MIN: usize = 2_000;

/// How often a turn tries to recover.
const ROUNDS_MAX: u32 = 4;

/// Most characters of one result that are kept for a model with such a window: about a quarter
/// of it.
pub(crate) fn output_chars_max(window_tokens: u64) -> usize {
    let window = usize::try_from(window_tokens).unwrap_or(usize::MAX);
    window.clamp(OUTPUT_CHARS_MIN, OUTPUT_CHARS_MAX)
}

/// How far a turn has gone to make its conversation fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recovery {
    rounds: u32,
    /// Longest text of one result in requests, in bytes.
    pub(crate) result_bytes_max: Option<usize>,
}

impl Recovery {
    /// Takes note that the conversation did not fit; whether it may be tried again.
    ///
    /// `shortened` tells whether older messages were summarised just now; when not, results are
    /// cut, shorter each time.
    pub(crate) fn next(&mut self, shortened: bool, window_tokens: u64) -> bool {
        self.rounds += 1;
        if !shortened || self.rounds > 1 {
            let first = output_chars_max(window_tokens) / 2;
            let next = self.result_bytes_max.map_or(first, |before| before / 8);
            self.result_bytes_max = Some(next.max(OUTPUT_CHARS_MIN / 4));
        }
        self.rounds < ROUNDS_MAX
    }
}

/// The beginning and the end of `text`, about `chars_max` bytes in all; `None` when it fits.
pub(crate) fn shortened(text: &str, chars_max: usize) -> Option<String> {
    if text.len() <= chars_max {
        return None;
    }
    let half = chars_max / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    let left_out = tail - head;
    Some(format!("{}\n[… {left_out} bytes left out …]\n{}", &text[..head], &text[tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_take_a_part_of_the_window() {
        assert_eq!(output_chars_max(32_768), 32_768);
        assert_eq!(output_chars_max(1_000_000), OUTPUT_CHARS_MAX);
        assert_eq!(output_chars_max(0), OUTPUT_CHARS_MIN);
    }

    #[test]
    fn each_round_leaves_out_more_and_the_rounds_end() {
        let mut recovery = Recovery::default();

        let first = recovery.next(true, 32_768);
        assert_eq!((first, recovery.result_bytes_max), (true, None));
        assert!(recovery.next(false, 32_768));
        assert_eq!(recovery.result_bytes_max, Some(16_384));
        assert!(recovery.next(true, 32_768));
        assert_eq!(recovery.result_bytes_max, Some(2_048));
        assert!(!recovery.next(false, 32_768));
    }

    #[test]
    fn long_texts_keep_their_ends() {
        assert_eq!(shortened("short", 10), None);
        let cut = shortened(&format!("{}ü{}", "a".repeat(50), "b".repeat(50)), 20).unwrap();
        assert!(cut.starts_with("aaaaaaaaaa\n[") && cut.ends_with("]\nbbbbbbbbbb"), "{cut}");
    }
}
