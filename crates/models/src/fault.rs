//! What went wrong, read from a status, an error body or an error event.
//!
//! Texts made here are safe to show: keys are masked, web pages are left out, length is bounded.

use std::time::Duration;

use serde_json::Value;

use crate::{ErrorKind, Model, ModelError};

/// Most characters of a provider's own words that are shown.
const WORDS_CHARS_MAX: usize = 400;

/// Beginnings of words that look like keys.
const KEY_PREFIXES: &[&str] =
    &["sk-", "sk_", "xai-", "gsk_", "csk-", "AIza", "ghp_", "gho_", "Bearer"];

const OVERFLOW: &[&str] = &[
    "context_length_exceeded",
    "context length",
    "context window",
    "context size",
    "prompt is too long",
    "input is too long",
    "input length and `max_tokens` exceed",
    "maximum prompt length",
    "maximum number of tokens",
    "request_too_large",
    "reduce the length of the messages",
    "too many tokens in the prompt",
    "exceeds the limit of",
    "token limit exceeded",
];
const BILLING: &[&str] = &[
    "insufficient_quota",
    "insufficient credit",
    "insufficient balance",
    "credit balance",
    "billing",
    "payment required",
    "out of credits",
];
const RATE_LIMIT: &[&str] = &[
    "rate limit",
    "rate_limit",
    "too many requests",
    "overloaded",
    "resource_exhausted",
    "resource exhausted",
    "quota exceeded",
    "exceeded your current quota",
    "at capacity",
];
const AUTH: &[&str] = &[
    "invalid api key",
    "incorrect api key",
    "invalid_api_key",
    "authentication",
    "unauthorized",
    "permission_error",
    "invalid x-api-key",
    "token has expired",
];
const TIMEOUT: &[&str] = &["timed out", "timeout", "deadline exceeded", "etimedout", "econnreset"];

/// A failure that does not yet know which model it befell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// What sort.
    pub(crate) kind: ErrorKind,
    /// What happened.
    pub(crate) text: String,
    /// HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// How long the provider asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the provider kept us waiting in vain; asking again would only double the wait.
    pub(crate) stalled: bool,
}

impl Fault {
    /// A failure without an HTTP answer, or after a good one.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), status: None, retry_after: None, stalled: false }
    }

    /// What came is not what the dialect promises.
    pub(crate) fn garbage(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Garbage, text)
    }

    /// The stream ended too early.
    pub(crate) fn cut_short() -> Self {
        Self::new(ErrorKind::Timeout, "the connection closed before the reply was whole")
    }

    /// Nothing came for `patience`.
    pub(crate) fn stalled(patience: Duration) -> Self {
        let text = format!("nothing came for {} s", patience.as_secs_f64());
        Self { stalled: true, ..Self::new(ErrorKind::Timeout, text) }
    }

    /// Reads the error of an answer with a bad status.
    pub(crate) fn of_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let words = words_of_body(body);
        let kind = classify(Some(status), words.as_deref().unwrap_or_default());
        let text = match words {
            Some(words) => format!("HTTP {status}: {}", shown(&words)),
            None => format!("HTTP {status}"),
        };
        Self { kind, text, status: Some(status), retry_after, stalled: false }
    }

    /// Reads an error object inside a stream.
    pub(crate) fn of_event(error: &Value) -> Self {
        let words = words_of(error).unwrap_or_else(|| "the provider reported an error".to_owned());
        Self::new(classify(None, &words), shown(&words))
    }

    /// Names the model, and masks `key` should the text hold it.
    pub(crate) fn at(mut self, model: &Model, key: Option<&domain::Secret>) -> ModelError {
        if let Some(key) = key.map(|key| key.expose().trim()).filter(|key| key.len() >= 4) {
            self.text = self.text.replace(key, "***");
        }
        ModelError {
            kind: self.kind,
            provider: model.provider.clone(),
            model: model.id.clone(),
            text: self.text,
            status: self.status,
            retry_after: self.retry_after,
        }
    }
}

/// Decides the kind from the status and the provider's words (`spec: agent-runtime` §6).
pub(crate) fn classify(status: Option<u16>, words: &str) -> ErrorKind {
    let words = words.to_lowercase();
    let says = |list: &[&str]| list.iter().any(|text| words.contains(text));
    match status {
        Some(402) => ErrorKind::Billing,
        Some(401 | 403 | 429) if says(BILLING) => ErrorKind::Billing,
        Some(401 | 403) => ErrorKind::Auth,
        Some(413) => ErrorKind::ContextOverflow,
        Some(429 | 529) => ErrorKind::RateLimit,
        Some(408 | 504) => ErrorKind::Timeout,
        _ if says(OVERFLOW) => ErrorKind::ContextOverflow,
        None | Some(400..500) if says(BILLING) => ErrorKind::Billing,
        None | Some(400..500) if says(AUTH) => ErrorKind::Auth,
        Some(400..500) => ErrorKind::Format,
        _ if says(RATE_LIMIT) => ErrorKind::RateLimit,
        None if says(TIMEOUT) => ErrorKind::Timeout,
        None if words.contains("invalid_request") => ErrorKind::Format,
        _ => ErrorKind::Server,
    }
}

/// The provider's own words in an error body; `None` for web pages and the like.
fn words_of_body(body: &[u8]) -> Option<String> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return words_of(&value);
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.to_owned())
}

/// The message of an error object, with its type or code in front when that tells more.
fn words_of(value: &Value) -> Option<String> {
    let value = match value {
        Value::Array(items) => items.first()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            value
        }
    };
    let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
    if let Value::String(text) = error {
        return Some(text.clone());
    }
    let text = |name: &str| error.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
    let message = text("message").or_else(|| text("detail"));
    let sort = text("code").or_else(|| text("type")).filter(|&sort| sort != "error");
    match (sort, message) {
        (Some(sort), Some(message)) if !message.contains(sort) => {
            Some(format!("{sort}: {message}"))
        }
        (_, Some(message)) => Some(message.to_owned()),
        (Some(sort), None) => Some(sort.to_owned()),
        (None, None) => None,
    }
}

/// Makes a provider's words fit to show: one line, bounded, nothing that looks like a key.
pub(crate) fn shown(words: &str) -> String {
    let masked: Vec<&str> = words
        .split_whitespace()
        .map(|word| {
            let bare = word.trim_start_matches(['"', '\'', '(', '`', '<']);
            let is_key = KEY_PREFIXES.iter().any(|prefix| bare.starts_with(prefix));
            if is_key && bare.len() > 8 { "***" } else { word }
        })
        .collect();
    let line = masked.join(" ");
    match line.char_indices().nth(WORDS_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_status_and_words() {
        let cases = [
            (Some(401), "", ErrorKind::Auth),
            (Some(403), "credit balance is too low", ErrorKind::Billing),
            (Some(402), "", ErrorKind::Billing),
            (Some(429), "", ErrorKind::RateLimit),
            (Some(429), "insufficient_quota: add money", ErrorKind::Billing),
            (Some(400), "context_length_exceeded: too big", ErrorKind::ContextOverflow),
            (Some(400), "prompt is too long: 210000 tokens > 200000", ErrorKind::ContextOverflow),
            (Some(413), "", ErrorKind::ContextOverflow),
            (Some(400), "bad tool", ErrorKind::Format),
            (Some(404), "no such model", ErrorKind::Format),
            (Some(408), "", ErrorKind::Timeout),
            (Some(500), "oops", ErrorKind::Server),
            (Some(529), "", ErrorKind::RateLimit),
            (Some(503), "the model is overloaded", ErrorKind::RateLimit),
            (None, "overloaded_error: Overloaded", ErrorKind::RateLimit),
            (None, "something", ErrorKind::Server),
        ];

        for (status, words, expected) in cases {
            assert_eq!(classify(status, words), expected, "{status:?} {words:?}");
        }
    }

    #[test]
    fn error_bodies_of_all_shapes_are_read() {
        let cases: [(&[u8], &str); 6] = [
            (br#"{"error":{"message":"no","type":"bad","code":"x1"}}"#, "HTTP 400: x1: no"),
            (br#"{"type":"error","error":{"type":"bad","message":"no"}}"#, "HTTP 400: bad: no"),
            (br#"[{"error":{"message":"no"}}]"#, "HTTP 400: no"),
            (br#"{"error":"no"}"#, "HTTP 400: no"),
            (b"<!DOCTYPE html><html>secret page</html>", "HTTP 400"),
            (b"", "HTTP 400"),
        ];

        for (body, expected) in cases {
            assert_eq!(Fault::of_answer(400, body, None).text, expected);
        }
    }

    #[test]
    fn what_looks_like_a_key_is_masked() {
        let text = shown("Incorrect API key provided: sk-abcdefgh1234. Look at your account.");

        assert_eq!(text, "Incorrect API key provided: *** Look at your account.");
    }
}
