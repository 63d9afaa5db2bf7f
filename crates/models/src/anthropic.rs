//! Anthropic messages: `POST <base>/v1/messages`.
//!
//! Owns the request; the reply is read in `decode`. Thinking of the same model goes back
//! exactly as it came, other thinking is left out.

mod decode;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::{Part, Secret};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Model, Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, put_bearer, put_secret},
    draft::as_object,
    turns::{self, Piece, Turn},
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::AnthropicMessages,
    path: "/v1/messages",
    encode,
    headers,
    decoder: || Box::<decode::Messages>::default(),
};

/// Longest call id.
const CALL_ID_CHARS_MAX: usize = 64;

/// Least tokens that must remain for the answer beside the thinking.
const ANSWER_TOKENS_MIN: u64 = 1024;

/// Beginning of a subscription token, which is shown as a bearer token.
const OAUTH_PREFIX: &str = "sk-ant-oat";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Marked<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    messages: Vec<Wire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<WireThinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum WireThinking {
    Enabled { budget_tokens: u64 },
    Adaptive,
}

#[derive(Serialize)]
struct OutputConfig {
    effort: &'static str,
}

#[derive(Serialize)]
struct Tool<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Serialize)]
struct Wire<'a> {
    role: Role,
    content: Vec<Marked<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

/// A block of a message, with its cache mark.
#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    block: Block<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Mark>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: Cow<'a, str>,
    },
    Image {
        source: Source<'a>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Cow<'a, Value>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(rename = "type")]
    sort: &'static str,
    media_type: &'a str,
    data: &'a str,
}

/// Asks the provider to keep everything up to here.
#[derive(Clone, Copy, Serialize)]
struct Mark {
    #[serde(rename = "type")]
    sort: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

fn is_oauth(key: &Secret) -> bool {
    key.expose().trim().starts_with(OAUTH_PREFIX)
}

fn headers(route: &Route) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    let mut betas = Vec::new();
    if route.is_at("api.anthropic.com") {
        betas.push("interleaved-thinking-2025-05-14");
    }
    match &route.key {
        Some(key) if is_oauth(key) => {
            betas.push("oauth-2025-04-20");
            put_bearer(&mut headers, key);
        }
        Some(key) => {
            put_secret(&mut headers, HeaderName::from_static("x-api-key"), key.expose());
        }
        None => {}
    }
    if let Ok(value) = HeaderValue::from_str(&betas.join(","))
        && !betas.is_empty()
    {
        headers.insert("anthropic-beta", value);
    }
    headers
}

fn encode(request: &Request, route: &Route) -> serde_json::Result<Vec<u8>> {
    let model = &*request.model;
    let mark = mark(route);
    let turns = turns::of(request);
    let level = if can_think(&turns, model) { request.thinking } else { Thinking::Off };
    let max_tokens = route.output_tokens(model);
    let (thinking, output_config) = thinking(model, level, max_tokens);
    let mut messages = messages(turns, model);
    if let Some(last) = messages.last_mut().filter(|it| it.role == Role::User)
        && let Some(block) = last.content.last_mut()
    {
        block.cache_control = mark;
    }
    let last_tool = request.tools.len().checked_sub(1);
    let tools = request.tools.iter().enumerate().map(|(at, tool)| Tool {
        name: &tool.name,
        description: &tool.description,
        input_schema: &tool.parameters,
        cache_control: mark.filter(|_| Some(at) == last_tool),
    });
    let text = Cow::Borrowed(&*request.system);
    let system = (!text.trim().is_empty())
        .then_some(Marked { block: Block::Text { text }, cache_control: mark });
    serde_json::to_vec(&Body {
        model: &model.id,
        max_tokens,
        stream: true,
        system: system.into_iter().collect(),
        tools: tools.collect(),
        messages,
        // The API refuses a temperature together with thinking.
        temperature: route.temperature().filter(|_| thinking.is_none()),
        thinking,
        output_config,
    })
}

fn mark(route: &Route) -> Option<Mark> {
    match route.cache_retention() {
        CacheRetention::None => None,
        CacheRetention::Short => Some(Mark { sort: "ephemeral", ttl: None }),
        // Only the original keeps prompts for longer.
        CacheRetention::Long => {
            let ttl = route.is_at("api.anthropic.com").then_some("1h");
            Some(Mark { sort: "ephemeral", ttl })
        }
    }
}

/// Whether the API takes thinking with these turns: within a row of calls and results, the
/// model's messages must begin with its own signed thinking.
fn can_think(turns: &[Turn<'_>], model: &Model) -> bool {
    if !model.reasoning {
        return false;
    }
    if !matches!(turns.last(), Some(Turn::Result(_))) {
        return true;
    }
    let newest = turns.iter().rev().find_map(|turn| match turn {
        Turn::Assistant { message, own } => Some((message, *own)),
        Turn::User(_) | Turn::Result(_) => None,
    });
    newest.is_some_and(|(message, own)| {
        own && matches!(
            message.content.0.first(),
            Some(Part::Thinking { thinking_signature: Some(_), .. })
        )
    })
}

fn thinking(
    model: &Model,
    level: Thinking,
    max_tokens: u64,
) -> (Option<WireThinking>, Option<OutputConfig>) {
    let is_adaptive = model.id.contains("opus-4-6") || model.id.contains("sonnet-4-6");
    let budget = match level {
        Thinking::Off => return (None, None),
        Thinking::Minimal => 1_024,
        Thinking::Low => 2_048,
        Thinking::Medium => 8_192,
        Thinking::High => 16_384,
        Thinking::XHigh => 32_768,
    };
    if is_adaptive {
        let effort = match level {
            Thinking::Off | Thinking::Minimal | Thinking::Low => "low",
            Thinking::Medium => "medium",
            Thinking::High => "high",
            Thinking::XHigh => "max",
        };
        return (Some(WireThinking::Adaptive), Some(OutputConfig { effort }));
    }
    let budget_tokens = budget.min(max_tokens.saturating_sub(ANSWER_TOKENS_MIN));
    let fits = budget_tokens >= 1_024;
    (fits.then_some(WireThinking::Enabled { budget_tokens }), None)
}

/// The messages; neighbours of one role are one message, since roles must alternate.
fn messages<'a>(turns: Vec<Turn<'a>>, model: &Model) -> Vec<Wire<'a>> {
    let mut sent: Vec<Wire<'a>> = Vec::with_capacity(turns.len());
    for turn in turns {
        let (role, blocks) = match turn {
            Turn::User(pieces) => (Role::User, pieces.into_iter().map(block).collect()),
            Turn::Assistant { message, own } => (Role::Assistant, said(message, own)),
            Turn::Result(result) => {
                let mut pieces = turns::pieces(&result.content, model);
                if pieces.is_empty() {
                    pieces.push(Piece::Text(turns::result_text(&[])));
                }
                let tool_use_id = turns::safe_id(result.tool_call_id.as_str(), CALL_ID_CHARS_MAX);
                let content = pieces.into_iter().map(block).collect();
                let is_error = result.is_error;
                (Role::User, vec![Block::ToolResult { tool_use_id, content, is_error }])
            }
        };
        let marked = blocks.into_iter().map(|block| Marked { block, cache_control: None });
        match sent.last_mut().filter(|it| it.role == role) {
            Some(last) => last.content.extend(marked),
            None => sent.push(Wire { role, content: marked.collect() }),
        }
    }
    sent
}

fn block(piece: Piece<'_>) -> Block<'_> {
    match piece {
        Piece::Text(text) => Block::Text { text },
        Piece::Image { data, mime_type } => {
            Block::Image { source: Source { sort: "base64", media_type: mime_type, data } }
        }
    }
}

fn said(message: &domain::Assistant, own: bool) -> Vec<Block<'_>> {
    let parts = message.content.0.iter().filter_map(|part| match part {
        Part::Text { text, .. } if !text.trim().is_empty() => {
            Some(Block::Text { text: Cow::Borrowed(text) })
        }
        Part::Thinking { thinking, thinking_signature: Some(signature), redacted } if own => {
            Some(if *redacted {
                Block::RedactedThinking { data: signature }
            } else {
                Block::Thinking { thinking, signature }
            })
        }
        Part::ToolCall { id, name, arguments, .. } => Some(Block::ToolUse {
            id: turns::safe_id(id.as_str(), CALL_ID_CHARS_MAX),
            name,
            input: as_object(arguments),
        }),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    });
    parts.collect()
}
