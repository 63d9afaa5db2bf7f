//! What the scripted model does with one request.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// What the model does with one request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers.
    Reply(Reply),
    /// Refuses with an HTTP status.
    Fails {
        /// The status.
        status: u16,
        /// The body, JSON unless it begins with `<`.
        body: String,
        /// `retry-after`, or `retry-after-ms` when it is no whole number of seconds.
        retry_after: Option<Duration>,
    },
    /// Says this much, which may be nothing, and then nothing more, for ever.
    Hangs(Option<Reply>),
    /// Begins to answer and breaks the connection off.
    ClosesMidStream,
    /// Sends these bytes as an event stream.
    Raw(Bytes),
    /// Sends an answer of any form.
    Sends(Answer),
}

/// An answer of any form, which may have no end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers: names and values.
    pub headers: Vec<(&'static str, String)>,
    /// How the body begins.
    pub head: Bytes,
    /// What follows for ever, if it is not empty.
    pub repeated: Bytes,
}

/// Sends `head` as an event stream, and then `repeated` for ever.
pub fn floods(head: &str, repeated: &str) -> Step {
    let head = Bytes::copy_from_slice(head.as_bytes());
    // Few large pieces: what is small is sent slowly.
    let repeated = Bytes::from(repeated.repeat(1 + 64 * 1024 / repeated.len().max(1)));
    let headers = vec![("content-type", "text/event-stream".to_owned())];
    Step::Sends(Answer { status: 200, headers, head, repeated })
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Thinking before it.
    pub thinking: Option<String>,
    /// Its text, in the pieces in which it is sent.
    pub text: Vec<String>,
    /// Tool calls after it: name, and arguments as text.
    pub calls: Vec<(String, String)>,
    /// Pause before each piece of text.
    pub chunk_delay: Duration,
}

/// Answers with text.
pub fn says(text: &str) -> Step {
    slow(text, Duration::ZERO)
}

/// Answers with text, word by word, pausing before each.
pub fn slow(text: &str, chunk_delay: Duration) -> Step {
    Step::Reply(Reply { text: words(text), chunk_delay, ..Reply::default() })
}

/// Calls a tool.
pub fn calls(name: &str, arguments: Value) -> Step {
    calls_many(vec![(name, arguments)])
}

/// Calls several tools at once.
pub fn calls_many(calls: Vec<(&str, Value)>) -> Step {
    let calls = calls.into_iter().map(|(name, it)| (name.to_owned(), it.to_string())).collect();
    Step::Reply(Reply { calls, ..Reply::default() })
}

/// Calls a tool with arguments that may be no JSON.
pub fn calls_badly(name: &str, arguments: &str) -> Step {
    let calls = vec![(name.to_owned(), arguments.to_owned())];
    Step::Reply(Reply { calls, ..Reply::default() })
}

/// Answers with text and then calls a tool.
pub fn says_and_calls(text: &str, name: &str, arguments: &Value) -> Step {
    let calls = vec![(name.to_owned(), arguments.to_string())];
    Step::Reply(Reply { text: words(text), calls, ..Reply::default() })
}

/// Thinks, then does `then`; other steps than answers cannot think.
pub fn thinks_then(thinking: &str, then: Step) -> Step {
    match then {
        Step::Reply(reply) => Step::Reply(Reply { thinking: Some(thinking.to_owned()), ..reply }),
        other @ (Step::Fails { .. }
        | Step::Hangs(_)
        | Step::ClosesMidStream
        | Step::Raw(_)
        | Step::Sends(_)) => other,
    }
}

/// Refuses with `status`.
pub fn fails(status: u16, retry_after: impl Into<Option<Duration>>) -> Step {
    let body =
        format!(r#"{{"error":{{"message":"scripted failure {status}","type":"scripted"}}}}"#);
    Step::Fails { status, body, retry_after: retry_after.into() }
}

/// Refuses with `status` and a body of your own.
pub fn fails_with(status: u16, body: &str) -> Step {
    Step::Fails { status, body: body.to_owned(), retry_after: None }
}

/// Refuses because the conversation is too long.
pub fn overflows() -> Step {
    fails_with(
        400,
        r#"{"error":{"message":"prompt is too long: 200001 tokens","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
    )
}

/// Never answers.
pub fn hangs() -> Step {
    Step::Hangs(None)
}

/// Says something and then nothing more.
pub fn hangs_after(text: &str) -> Step {
    Step::Hangs(Some(Reply { text: words(text), ..Reply::default() }))
}

/// Breaks off in the middle of an answer.
pub fn closes_mid_stream() -> Step {
    Step::ClosesMidStream
}

/// Sends what is no event of any dialect.
pub fn garbage() -> Step {
    Step::Raw(Bytes::from_static(b"data: {\"choices\": [{\"delta\": oops\n\n"))
}

/// Cuts text into words, each with the blanks before it.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_whitespace() && !word.trim().is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
