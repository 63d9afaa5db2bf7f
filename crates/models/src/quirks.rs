//! What a server turned out not to take, learned from its own words.
//!
//! Servers refuse fields they do not know, or want others. A refusal that names one teaches
//! how to write the next request to the same model at the same address; the request is then
//! written anew and sent at once. Each lesson is learned once, so this ends.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{ErrorKind, fault::Fault, numbers};

/// Servers and models that are remembered; beyond it all is forgotten and learned again.
const KNOWN_MAX: usize = 256;

/// One deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Quirk {
    /// Wants `max_tokens`.
    MaxTokens,
    /// Wants `max_completion_tokens`.
    MaxCompletionTokens,
    /// Refuses `stream_options`.
    NoStreamOptions,
    /// Refuses `store`.
    NoStore,
    /// Refuses a thinking level.
    NoEffort,
    /// Refuses a temperature.
    NoTemperature,
    /// Refuses marks and keys for caching.
    NoCacheHints,
    /// Refuses `include`.
    NoInclude,
    /// Refuses the role `developer`.
    NoDeveloper,
    /// Refuses tools.
    NoTools,
    /// Refuses images.
    NoImages,
    /// Refuses thinking in the conversation.
    NoThinkingBack,
    /// Wants thinking with each call in the conversation.
    ThinkingBack,
    /// Refuses a person directly after a tool.
    AnswerAfterTools,
    /// Writes thinking in front of a closing tag that nothing opened.
    OpensThinking,
}

/// All deviations of one server and model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quirks {
    bits: u32,
    /// Most tokens that it lets a reply have.
    pub(crate) output_tokens_max: Option<u64>,
    /// Its window, when it is smaller than configured.
    pub(crate) context_tokens: Option<u64>,
}

impl Quirks {
    /// Whether it has `quirk`.
    pub(crate) fn has(self, quirk: Quirk) -> bool {
        self.bits & (1 << quirk as u8) != 0
    }

    /// The same with `quirk`; `None` if it was known.
    pub(crate) fn with(mut self, quirk: Quirk) -> Option<Self> {
        let known = self.has(quirk);
        self.bits |= 1 << quirk as u8;
        (!known).then_some(self)
    }

    /// What `fault` teaches; `None` when that is nothing new.
    pub(crate) fn learn(self, fault: &Fault) -> Option<Self> {
        let words = fault.words.as_deref()?.to_lowercase();
        match (fault.kind, fault.status) {
            (ErrorKind::Format, Some(400..=422)) => self.learn_limit(&words).or_else(|| {
                let fits = |lesson: &&(&[&str], _)| lesson.0.iter().all(|it| words.contains(it));
                self.with(LESSONS.iter().find(fits)?.1)
            }),
            (ErrorKind::Server | ErrorKind::Format, Some(500)) => {
                let is_template = words.contains("alternate") || words.contains("after role");
                is_template.then(|| self.with(Quirk::AnswerAfterTools)).flatten()
            }
            (ErrorKind::ContextOverflow, Some(400..=422)) => self.learn_window(&words),
            _ => None,
        }
    }

    /// The most tokens that a reply may have.
    fn learn_limit(mut self, words: &str) -> Option<Self> {
        let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        if !limits.iter().any(|name| words.contains(name)) {
            return None;
        }
        // Of the numbers in it, the limit is the smallest that could be one.
        let most = numbers::of(words).filter(|&number| number >= 16).min()?;
        if self.output_tokens_max.is_some_and(|known| known <= most) {
            return None;
        }
        self.output_tokens_max = Some(most);
        Some(self)
    }

    /// A window that is smaller than configured: the prompt fits, and only the room for the
    /// reply was too large.
    fn learn_window(mut self, words: &str) -> Option<Self> {
        let (window, prompt) = numbers::window_and_prompt(words)?;
        let leaves_room = prompt.saturating_add(window / 8) < window;
        if !leaves_room || self.context_tokens.is_some_and(|known| known <= window) {
            return None;
        }
        self.context_tokens = Some(window);
        Some(self)
    }
}

/// Words, all of which a refusal has, and what they teach. More special ones come first.
const LESSONS: &[(&[&str], Quirk)] = &[
    (&["max_tokens", "max_completion_tokens", "unsupported"], Quirk::MaxCompletionTokens),
    (&["max_tokens", "use 'max_completion_tokens'"], Quirk::MaxCompletionTokens),
    (&["max_completion_tokens"], Quirk::MaxTokens),
    (&["stream_options"], Quirk::NoStreamOptions),
    (&["'store'"], Quirk::NoStore),
    (&["`store`"], Quirk::NoStore),
    (&["\"store\""], Quirk::NoStore),
    (&[": store"], Quirk::NoStore),
    (&["store", "not permitted"], Quirk::NoStore),
    (&["reasoning_content", "must"], Quirk::ThinkingBack),
    (&["reasoning_content", "missing"], Quirk::ThinkingBack),
    (&["reasoning_content", "required"], Quirk::ThinkingBack),
    (&["reasoning_content"], Quirk::NoThinkingBack),
    (&["reasoning_text"], Quirk::NoThinkingBack),
    (&["reasoning_details"], Quirk::NoThinkingBack),
    (&["'reasoning'", "messages"], Quirk::NoThinkingBack),
    (&["extra_content"], Quirk::NoThinkingBack),
    (&["encrypted content"], Quirk::NoThinkingBack),
    (&["encrypted_content", "verif"], Quirk::NoThinkingBack),
    (&["of type 'reasoning'"], Quirk::NoThinkingBack),
    (&["required 'reasoning' item"], Quirk::NoThinkingBack),
    (&["thinking block"], Quirk::NoThinkingBack),
    (&["invalid `signature`"], Quirk::NoThinkingBack),
    (&["reasoning_effort"], Quirk::NoEffort),
    (&["reasoning.effort"], Quirk::NoEffort),
    (&["reasoning.summary"], Quirk::NoEffort),
    (&["output_config"], Quirk::NoEffort),
    (&["adaptive", "thinking"], Quirk::NoEffort),
    (&["thinking", "not support"], Quirk::NoEffort),
    (&["temperature"], Quirk::NoTemperature),
    (&["prompt_cache"], Quirk::NoCacheHints),
    (&["cache_control"], Quirk::NoCacheHints),
    (&["include", "encrypted_content"], Quirk::NoInclude),
    (&["'include'"], Quirk::NoInclude),
    (&["role", "developer"], Quirk::NoDeveloper),
    (&["does not support tools"], Quirk::NoTools),
    (&["not support function call"], Quirk::NoTools),
    (&["tool use is not supported"], Quirk::NoTools),
    (&["no endpoints found that support tool use"], Quirk::NoTools),
    (&["support image"], Quirk::NoImages),
    (&["image_url"], Quirk::NoImages),
    (&["image input"], Quirk::NoImages),
    (&["not a multimodal"], Quirk::NoImages),
    (&["could not process image"], Quirk::NoImages),
    (&["invalid image"], Quirk::NoImages),
    (&["unsupported image"], Quirk::NoImages),
    (&["after role 'tool'"], Quirk::AnswerAfterTools),
    (&["after role: tool"], Quirk::AnswerAfterTools),
    (&["roles must alternate"], Quirk::AnswerAfterTools),
    (&["role", "alternat"], Quirk::AnswerAfterTools),
];

/// What was learned, by address and model. Leaf state: locked for a look-up only.
#[derive(Debug, Default)]
pub(crate) struct Learned(Mutex<BTreeMap<(String, String), Quirks>>);

impl Learned {
    /// What is known of `model` at `base_url`.
    pub(crate) fn of(&self, base_url: &str, model: &str) -> Quirks {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(base_url.to_owned(), model.to_owned())).copied().unwrap_or_default()
    }

    /// Remembers it.
    pub(crate) fn note(&self, base_url: &str, model: &str, quirks: Quirks) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert((base_url.to_owned(), model.to_owned()), quirks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &str) -> Fault {
        let body = serde_json::json!({"error": {"message": words}}).to_string();
        Fault::of_answer(400, body.as_bytes(), None)
    }

    #[test]
    fn refusals_teach_what_to_leave_out() {
        let cases = [
            ("[{'type': 'extra_forbidden', 'loc': ('body', 'store'), 'msg': 'x'}]", Quirk::NoStore),
            ("property 'stream_options' is unsupported", Quirk::NoStreamOptions),
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                 'max_completion_tokens' instead.",
                Quirk::MaxCompletionTokens,
            ),
            ("unknown field: max_completion_tokens", Quirk::MaxTokens),
            (
                "The `reasoning_content` in the thinking mode must be passed back to the API.",
                Quirk::ThinkingBack,
            ),
            ("property 'reasoning_content' is unsupported", Quirk::NoThinkingBack),
            ("registry.ollama.ai/library/x does not support tools", Quirk::NoTools),
            ("Unexpected role 'user' after role 'tool'", Quirk::AnswerAfterTools),
            ("unknown variant `image_url`, expected `text`", Quirk::NoImages),
        ];

        for (words, quirk) in cases {
            let learned = Quirks::default().learn(&refusal(words));

            assert!(learned.is_some_and(|it| it.has(quirk)), "{words}: {learned:?}");
            assert_eq!(learned.and_then(|it| it.learn(&refusal(words))), None, "once: {words}");
        }
    }

    #[test]
    fn limits_are_read_out_of_refusals() {
        let of = |words: &str| Quirks::default().learn(&refusal(words));
        let too_large = "max_tokens is too large: 100000. This model supports at most 4096 \
                         completion tokens, whereas you provided 100000.";
        let window = "This model's maximum context length is 8192 tokens. However, you requested \
                      8500 tokens (308 in the messages, 8192 in the completion).";

        assert_eq!(of(too_large).and_then(|it| it.output_tokens_max), Some(4096));
        assert_eq!(
            of("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]")
                .and_then(|it| it.output_tokens_max),
            Some(8192)
        );
        assert_eq!(of(window).and_then(|it| it.context_tokens), Some(8192));
    }
}
