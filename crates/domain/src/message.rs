//! Messages of a conversation, in the one shape shared by transcripts, models and clients.
//!
//! The JSON form is that of session files version 3 (`spec: sessions` §4.4). It is lossless
//! for what providers need back: thinking signatures, redacted thinking, call ids.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{CallId, UnixMillis, Usage};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "camelCase")]
pub enum Message {
    /// What a person or program said.
    User(User),
    /// What the model said.
    Assistant(Assistant),
    /// What a tool call brought.
    ToolResult(ToolResult),
    /// A command that a person ran beside the model (`!cmd` of the reference).
    BashExecution(BashExecution),
}

/// A message to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Text and images.
    pub content: Content,
    /// When it was said.
    #[serde(default)]
    pub timestamp: UnixMillis,
}

/// A message of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assistant {
    /// Text, thinking and tool calls, in order.
    pub content: Content,
    /// Wire dialect that made it, such as `openai-completions`.
    #[serde(default)]
    pub api: String,
    /// Provider id.
    #[serde(default)]
    pub provider: String,
    /// Model id.
    #[serde(default)]
    pub model: String,
    /// Tokens and cost.
    #[serde(default)]
    pub usage: Usage,
    /// Why the model stopped.
    #[serde(default)]
    pub stop_reason: StopReason,
    /// What went wrong, with [`StopReason::Error`] and [`StopReason::Aborted`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// When it was said.
    #[serde(default)]
    pub timestamp: UnixMillis,
}

/// The result of one tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The call this answers.
    pub tool_call_id: CallId,
    /// The tool that ran.
    pub tool_name: String,
    /// What the model sees.
    pub content: Content,
    /// What clients see beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Whether the call failed.
    #[serde(default)]
    pub is_error: bool,
    /// When it ended.
    #[serde(default)]
    pub timestamp: UnixMillis,
}

/// A command run beside the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BashExecution {
    /// The command line.
    pub command: String,
    /// What it wrote.
    #[serde(default)]
    pub output: String,
    /// Its exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Whether it was interrupted.
    #[serde(default)]
    pub cancelled: bool,
    /// Whether `output` is cut.
    #[serde(default)]
    pub truncated: bool,
    /// Whether the model must not see it.
    #[serde(default)]
    pub exclude_from_context: bool,
    /// When it ended.
    #[serde(default)]
    pub timestamp: UnixMillis,
}

/// Why the model stopped writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// It was done.
    #[default]
    Stop,
    /// It reached the output limit.
    Length,
    /// It wants tools run.
    ToolUse,
    /// The request failed.
    Error,
    /// The turn was stopped by a person.
    Aborted,
    /// Not the model at all: put in by `chat.inject`.
    Injected,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Provider's opaque id of this block, to be sent back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text_signature: Option<String>,
    },
    /// The model's thinking.
    Thinking {
        /// The thinking; empty when the provider redacted it.
        thinking: String,
        /// Signature, or the opaque block when redacted; to be sent back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thinking_signature: Option<String>,
        /// Whether the provider hid the text.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        redacted: bool,
    },
    /// An image.
    Image {
        /// Base64 of the file.
        data: String,
        /// Its type, such as `image/png`.
        mime_type: String,
    },
    /// A tool call.
    ToolCall {
        /// Id that the result must repeat.
        id: CallId,
        /// Tool name.
        name: String,
        /// Arguments, an object when the model behaved.
        arguments: Value,
        /// Provider's opaque signature, to be sent back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thought_signature: Option<String>,
    },
}

impl Part {
    /// A text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), text_signature: None }
    }
}

/// The parts of a message. Reads a bare string as one text part.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Content(pub Vec<Part>);

impl Content {
    /// One text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Part::text(text)])
    }

    /// All text parts, joined by line breaks.
    pub fn joined_text(&self) -> String {
        let texts: Vec<&str> = self
            .0
            .iter()
            .filter_map(|part| match part {
                Part::Text { text, .. } => Some(text.as_str()),
                Part::Thinking { .. } | Part::Image { .. } | Part::ToolCall { .. } => None,
            })
            .collect();
        texts.join("\n")
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Content;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string or an array of parts")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::text(text))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Content, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq)).map(Content)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_keep_their_recorded_shape() {
        let recorded = json!({
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "thinkingSignature": "sig"},
                {"type": "toolCall", "id": "call_1", "name": "exec", "arguments": {"command": "id"}},
            ],
            "api": "openai-completions", "provider": "mock", "model": "mock-1",
            "usage": {"input": 7, "output": 8, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 15,
                "cost": {"input": 0.0, "output": 0.0, "cacheRead": 0.0, "cacheWrite": 0.0, "total": 0.0}},
            "stopReason": "toolUse", "timestamp": 1_795_361_070_341_i64,
        });

        let message: Message = serde_json::from_value(recorded.clone()).unwrap();

        assert_eq!(serde_json::to_value(&message).unwrap(), recorded);
    }

    #[test]
    fn a_string_reads_as_one_text_part() {
        let message: Message =
            serde_json::from_value(json!({"role": "user", "content": "hi", "timestamp": 1}))
                .unwrap();

        let expected = User { content: Content::text("hi"), timestamp: UnixMillis(1) };
        assert_eq!(message, Message::User(expected));
    }
}
