//! Anthropic messages: `POST <base>/v1/messages`.
//!
//! Owns the request; the reply is read in `decode`. Thinking of the same model goes back
//! exactly as it came, other thinking is left out.

mod decode;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Model, Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, Size, put_bearer, put_secret},
    history::{self, Answer, IdForm, Piece, Rules, Said, Turn},
    quirks::Quirk,
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::AnthropicMessages,
    path: "/v1/messages",
    encode,
    headers,
    decoder: |quirks| Box::new(decode::Messages::new(quirks)),
};

/// Longest base64 text of an image.
const IMAGE_CHARS_MAX: usize = 5 * 1024 * 1024;

/// Stands in for the images of a failed call, whose result must be text.
const ERROR_IMAGE: &str = "(The call failed; an image that came with it is left out.)";

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
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Box<RawValue>>,
    messages: Box<RawValue>,
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
        id: String,
        name: Cow<'a, str>,
        input: Cow<'a, Value>,
    },
    ToolResult {
        tool_use_id: String,
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
    let has = |quirk| route.quirks.has(quirk);
    let mark = mark(route).filter(|_| !has(Quirk::NoCacheHints));
    let rules = Rules {
        images: model.images && !has(Quirk::NoImages),
        image_chars_max: IMAGE_CHARS_MAX,
        result_bytes_max: request.result_bytes_max.unwrap_or(usize::MAX),
        ids: IdForm::Plain,
    };
    let turns = history::turns_of(request, rules);
    let may_think = can_think(&turns, model) && !has(Quirk::NoEffort);
    let level = if may_think { request.thinking } else { Thinking::Off };
    let mut size = Size::default();
    let mut messages = messages(turns, &mut size);
    if let Some(last) = messages.last_mut().filter(|it| it.role == Role::User)
        && let Some(block) = last.content.last_mut()
    {
        block.cache_control = mark;
    }
    let messages = to_raw_value(&messages)?;
    let tools = tools(request, route, mark)?;
    size.add(messages.get());
    size.add(&request.system);
    size.add(tools.as_deref().map_or("", RawValue::get));
    let max_tokens = route.output_tokens(model, size);
    let (thinking, output_config) = thinking(model, level, max_tokens);
    let text = Cow::Borrowed(&*request.system);
    let system = (!text.trim().is_empty())
        .then_some(Marked { block: Block::Text { text }, cache_control: mark });
    serde_json::to_vec(&Body {
        model: &model.id,
        max_tokens,
        stream: route.streams,
        system: system.into_iter().collect(),
        tools,
        messages,
        // The API refuses a temperature together with thinking.
        temperature: route.temperature().filter(|_| thinking.is_none()),
        thinking,
        output_config,
    })
}

fn tools(
    request: &Request,
    route: &Route,
    mark: Option<Mark>,
) -> serde_json::Result<Option<Box<RawValue>>> {
    if request.tools.is_empty() || route.quirks.has(Quirk::NoTools) {
        return Ok(None);
    }
    let last = request.tools.len() - 1;
    let tools = request.tools.iter().enumerate().map(|(at, tool)| Tool {
        name: &tool.name,
        description: &tool.description,
        input_schema: &tool.parameters,
        cache_control: mark.filter(|_| at == last),
    });
    to_raw_value(&tools.collect::<Vec<_>>()).map(Some)
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
        Turn::Assistant(said) => Some(said),
        Turn::User(_) | Turn::Result(_) => None,
    });
    newest.is_some_and(|said| matches!(said.first(), Some(Said::Thinking { .. })))
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
fn messages<'a>(turns: Vec<Turn<'a>>, size: &mut Size) -> Vec<Wire<'a>> {
    let mut sent: Vec<Wire<'a>> = Vec::with_capacity(turns.len());
    for turn in turns {
        let (role, blocks) = match turn {
            Turn::User(pieces) => {
                size.add_images(&pieces);
                (Role::User, pieces.into_iter().map(block).collect())
            }
            Turn::Assistant(said) => (Role::Assistant, said.into_iter().map(said_block).collect()),
            Turn::Result(answer) => (Role::User, vec![result(answer, size)]),
        };
        let marked = blocks.into_iter().map(|block| Marked { block, cache_control: None });
        match sent.last_mut().filter(|it| it.role == role) {
            Some(last) => last.content.extend(marked),
            None => sent.push(Wire { role, content: marked.collect() }),
        }
    }
    sent
}

fn result<'a>(answer: Answer<'a>, size: &mut Size) -> Block<'a> {
    let Answer { id, mut pieces, is_error, .. } = answer;
    if pieces.is_empty() {
        pieces.push(Piece::Text(history::result_text(&[])));
    }
    for piece in &mut pieces {
        if is_error && matches!(piece, Piece::Image { .. }) {
            *piece = Piece::Text(ERROR_IMAGE.into());
        }
    }
    size.add_images(&pieces);
    let content = pieces.into_iter().map(block).collect();
    Block::ToolResult { tool_use_id: id, content, is_error }
}

fn block(piece: Piece<'_>) -> Block<'_> {
    match piece {
        Piece::Text(text) => Block::Text { text },
        Piece::Image { data, mime_type } => {
            Block::Image { source: Source { sort: "base64", media_type: mime_type, data } }
        }
    }
}

fn said_block(said: Said<'_>) -> Block<'_> {
    match said {
        Said::Text { text, .. } => Block::Text { text: Cow::Borrowed(text) },
        Said::Thinking { signature, redacted: true, .. } => {
            Block::RedactedThinking { data: signature }
        }
        Said::Thinking { text, signature, .. } => Block::Thinking { thinking: text, signature },
        Said::Call { id, name, arguments, .. } => Block::ToolUse { id, name, input: arguments },
    }
}
