//! What of the model's text a person gets to hear: everything but the words for silence.

use crate::prompt::SILENT;

/// Whole replies by which an agent ends an exchange with another, or has nothing to tell of it.
pub(crate) const SKIPS: [&str; 2] = ["REPLY_SKIP", "ANNOUNCE_SKIP"];

/// The text of one reply as it grows.
///
/// While it could still become a word for silence, it is held back.
#[derive(Debug, Default)]
pub(crate) struct Speech {
    text: String,
    told: usize,
}

impl Speech {
    /// Takes new text; gives what may be told now, if anything.
    pub(crate) fn hear(&mut self, delta: &str) -> Option<String> {
        self.text.push_str(delta);
        let start = self.text.trim_start();
        let could_skip = SKIPS.iter().any(|skip| skip.starts_with(start.trim_end()));
        if SILENT.starts_with(start) || could_skip || is_silent(start) {
            return None;
        }
        let new = self.text.get(self.told..).unwrap_or_default().to_owned();
        self.told = self.text.len();
        (!new.is_empty()).then_some(new)
    }

    /// What was heard so far was thinking after all.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What was told so far.
    pub(crate) fn audible(&self) -> &str {
        self.text.get(..self.told).unwrap_or_default()
    }

    /// All text, told or not.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// What of a whole reply is for the person; `None` when it is silent or empty.
    pub(crate) fn spoken(text: &str) -> Option<String> {
        let text = text.trim();
        (!text.is_empty() && !is_silent(text)).then(|| text.to_owned())
    }
}

/// Whether a text starts or ends with the word for silence, as a whole word.
fn is_silent(text: &str) -> bool {
    let text = text.trim();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let starts = text.strip_prefix(SILENT).is_some_and(|rest| !rest.starts_with(word));
    let ends = text.strip_suffix(SILENT).is_some_and(|rest| !rest.ends_with(word));
    starts || ends || SKIPS.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_never_told() {
        let mut speech = Speech::default();

        let told: Vec<_> = ["NO", "_REP", "LY"].iter().filter_map(|it| speech.hear(it)).collect();

        assert_eq!(told, Vec::<String>::new());
        assert_eq!(Speech::spoken("NO_REPLY"), None);
        assert_eq!(Speech::spoken("ok\nNO_REPLY"), None);
        assert_eq!(Speech::spoken(" REPLY_SKIP\n"), None);
        assert_eq!(Speech::spoken("not REPLY_SKIP"), Some("not REPLY_SKIP".into()));
    }

    #[test]
    fn the_end_of_an_exchange_is_held_back_and_text_that_begins_like_it_is_not() {
        let told = |pieces: &[&str]| -> Vec<String> {
            let mut speech = Speech::default();
            pieces.iter().filter_map(|it| speech.hear(it)).collect()
        };

        assert_eq!(told(&["ANN", "OUNCE_SKIP", "\n"]), Vec::<String>::new());
        assert_eq!(told(&["REPLY", "ING now"]), ["REPLYING now"]);
    }

    #[test]
    fn what_only_looks_like_silence_is_told_whole() {
        let mut speech = Speech::default();

        let told: Vec<_> = ["NO", "T yet"].iter().filter_map(|it| speech.hear(it)).collect();

        assert_eq!(told, ["NOT yet"]);
        assert_eq!(speech.audible(), "NOT yet");
        assert_eq!(Speech::spoken("NO_REPLYING is a word"), Some("NO_REPLYING is a word".into()));
    }
}
