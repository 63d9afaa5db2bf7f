//! What went wrong, read from a status, an error body or an error event.
//!
//! Texts made here are safe to show: keys are masked, web pages are left out, length is bounded.

use std::time::Duration;

use serde_json::Value;

use crate::{ErrorKind, Model, ModelError, dialect::Progress, numbers};

/// Most characters of a provider's own words that are shown.
const WORDS_CHARS_MAX: usize = 400;

/// Fields that hold what went wrong.
const MESSAGE_FIELDS: [&str; 6] = ["message", "detail", "error_msg", "status_msg", "msg", "errors"];

/// Beginnings of words that look like keys.
const KEY_PREFIXES: &[&str] =
    &["sk-", "sk_", "xai-", "gsk_", "csk-", "AIza", "ghp_", "gho_", "Bearer"];

/// Words for a prompt that does not fit, of all providers known.
const OVERFLOW: &[&str] = &[
    "context_length_exceeded",
    "context length",
    "context window",
    "contextwindow",
    "context_window",
    "context size",
    "context limit",
    "prompt is too long",
    "prompt too long",
    "prompt exceeds",
    "input is too long",
    "input too long",
    "input length",
    "`inputs` tokens",
    "inputs must have less than",
    "maximum prompt length",
    "maximum number of tokens",
    "max_tokens must be at least 1, got -",
    "exceeds max length",
    "model token limit",
    "request_too_large",
    "reduce the length",
    "too many tokens",
    "exceeds the limit of",
    "exceeds the token limit",
    "token limit exceeded",
    "maximum model length",
    "上下文过长",
    "上下文长度",
    "上下文窗口",
    "压缩上下文",
    "最大上下文",
    "输入过长",
    "输入长度",
    "提示词过长",
    "内容过长",
    "超过最大长度",
    "超出最大长度",
    "长度超",
];
/// Codes of providers for the same.
const OVERFLOW_CODES: &[&str] = &["1261: ", "context_too_long: ", "string_above_max_length: "];
const BILLING: &[&str] = &[
    "insufficient_quota",
    "insufficient credit",
    "insufficient balance",
    "credit balance",
    "billing",
    "payment required",
    "out of credits",
    "arrearage",
    "余额不足",
    "欠费",
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
    "请求过于频繁",
    "速率限制",
    "频率限制",
    "限流",
];
/// Words for a bound on tokens in a time, which a shorter prompt may meet and a pause too.
const PER_TIME: &[&str] = &["per minute", "per min", "per day", "per hour", "(tpm)", "每分钟"];
const AUTH: &[&str] = &[
    "invalid api key",
    "incorrect api key",
    "invalid_api_key",
    "authentication",
    "unauthorized",
    "permission_error",
    "invalid x-api-key",
    "token has expired",
    "鉴权失败",
    "身份验证",
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
    /// Whether the reply ended well and said nothing; another attempt may say something.
    pub(crate) empty: bool,
    /// The provider's own words, for [`crate::quirks`].
    pub(crate) words: Option<Box<str>>,
}

impl Fault {
    /// A failure without an HTTP answer, or after a good one.
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            status: None,
            retry_after: None,
            stalled: false,
            empty: false,
            words: None,
        }
    }

    /// An event that could not be read is skipped unless it was meant for us: then a piece of
    /// the reply is lost.
    pub(crate) fn unless_skippable(data: &str) -> Result<Progress, Self> {
        if data.trim_start().starts_with('{') {
            return Err(Self::garbage("an event of the stream is broken JSON"));
        }
        Ok(Progress::Skipped)
    }

    /// More came than is taken.
    pub(crate) fn too_large(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, text)
    }

    /// The reply ended well and said nothing.
    pub(crate) fn empty(text: impl Into<String>) -> Self {
        Self { empty: true, ..Self::new(ErrorKind::Garbage, text) }
    }

    /// The provider withheld its reply.
    pub(crate) fn withheld() -> Self {
        Self::new(ErrorKind::Format, "the provider withheld the reply (content filter)")
    }

    /// The reply ended because the window is full, before it said anything.
    pub(crate) fn window_is_full() -> Self {
        let text = "the context window was full before the reply began";
        Self::new(ErrorKind::ContextOverflow, text)
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

    /// Something came for `patience`, and nothing of a reply.
    pub(crate) fn without_progress(patience: Duration) -> Self {
        let text = format!("nothing of a reply came for {} s", patience.as_secs_f64());
        Self { stalled: true, ..Self::new(ErrorKind::Timeout, text) }
    }

    /// Reads the error of an answer with a bad status.
    pub(crate) fn of_answer(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let words = words_of_body(body);
        let kind = classify(Some(status), words.as_deref().unwrap_or_default());
        let text = match &words {
            Some(words) => format!("HTTP {status}: {}", shown(words)),
            None => format!("HTTP {status}"),
        };
        let words = words.map(String::into_boxed_str);
        Self { status: Some(status), retry_after, words, ..Self::new(kind, text) }
    }

    /// Reads an error object inside a stream.
    pub(crate) fn of_event(error: &Value) -> Self {
        let words = words_of(error).unwrap_or_else(|| "the provider reported an error".to_owned());
        // Some name the HTTP status that the stream cannot have any more.
        let code = error.get("error").unwrap_or(error).get("code").and_then(Value::as_u64);
        let status =
            code.and_then(|it| u16::try_from(it).ok()).filter(|it| (400..600).contains(it));
        Self::new(classify(status, &words), shown(&words))
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
        Some(413) if says(PER_TIME) || says(RATE_LIMIT) => ErrorKind::RateLimit,
        Some(413) => ErrorKind::ContextOverflow,
        Some(429 | 529) => ErrorKind::RateLimit,
        Some(408 | 504) => ErrorKind::Timeout,
        _ if says(PER_TIME) => ErrorKind::RateLimit,
        _ if says(OVERFLOW) => ErrorKind::ContextOverflow,
        _ if OVERFLOW_CODES.iter().any(|code| words.starts_with(code)) => {
            ErrorKind::ContextOverflow
        }
        None | Some(400..=422) if numbers::tell_of_overflow(&words) => ErrorKind::ContextOverflow,
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
        return Some(text.clone()).filter(|text| !text.is_empty());
    }
    let text = |name: &str| match error.get(name)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
        // A list of complaints, each naming a field.
        list @ (Value::Array(_) | Value::Object(_)) => Some(list.to_string()),
    };
    let message = MESSAGE_FIELDS.iter().find_map(|name| text(name));
    let inner = error.get("base_resp").and_then(words_of);
    let code = error.get("code").and_then(Value::as_str).filter(|it| !it.is_empty());
    let sort = code.map(str::to_owned).or_else(|| text("type")).filter(|sort| sort != "error");
    match (sort, message.or(inner)) {
        (Some(sort), Some(message)) if !message.contains(&sort) => {
            Some(format!("{sort}: {message}"))
        }
        (_, Some(message)) => Some(message),
        (sort, None) => sort,
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
            (Some(413), "too large on tokens per minute (TPM): Limit 8000", ErrorKind::RateLimit),
            (Some(400), "上下文过长，请压缩上下文", ErrorKind::ContextOverflow),
            (Some(400), "1261: Prompt exceeds", ErrorKind::ContextOverflow),
            (Some(400), "max_tokens must be at least 1, got -1203.", ErrorKind::ContextOverflow),
            (Some(422), "size 9000 exceeds the limit 8192 for inputs", ErrorKind::ContextOverflow),
            (Some(400), "max_tokens: 200000 > 64000", ErrorKind::Format),
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
