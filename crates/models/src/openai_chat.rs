//! `OpenAI` chat completions: `POST <base>/chat/completions`, spoken by most providers and by
//! local servers.
//!
//! Owns the request; the reply is read in `decode`.

mod decode;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::{Part, ToolSpec};
use reqwest::header::HeaderMap;
use serde::Serialize;

use crate::{
    Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, put_bearer},
    draft::as_object,
    turns::{self, Piece, Turn},
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::OpenaiCompletions,
    path: "/chat/completions",
    encode,
    headers,
    decoder: || Box::<decode::Chat>::default(),
};

/// Longest call id that all providers take.
const CALL_ID_CHARS_MAX: usize = 40;

/// Hosts that refuse `store` and other newer fields.
const PLAIN_HOSTS: &[&str] = &[
    "api.cerebras.ai",
    "api.x.ai",
    "api.mistral.ai",
    "llm.chutes.ai",
    "api.z.ai",
    "opencode.ai",
    "api.deepseek.com",
    "api.groq.com",
    "generativelanguage.googleapis.com",
];

/// Hosts that want `max_tokens`.
const MAX_TOKENS_HOSTS: &[&str] =
    &["api.mistral.ai", "llm.chutes.ai", "api.deepseek.com", "api.z.ai"];

/// Hosts that refuse `reasoning_effort`.
const NO_EFFORT_HOSTS: &[&str] = &["api.x.ai", "api.z.ai", "api.mistral.ai", "api.deepseek.com"];

/// Fields in which providers send thinking, and want it back.
const THINKING_FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Wire<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Switch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_retention: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Switch {
    #[serde(rename = "type")]
    state: &'static str,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    sort: &'static str,
    function: &'a ToolSpec,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Wire<'a> {
    System {
        content: &'a str,
    },
    Developer {
        content: &'a str,
    },
    User {
        content: UserContent<'a>,
    },
    Assistant {
        content: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_content: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_text: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<WireCall<'a>>,
    },
    Tool {
        tool_call_id: Cow<'a, str>,
        content: Cow<'a, str>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum UserContent<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<UserPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum UserPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: Cow<'a, str>,
    #[serde(rename = "type")]
    sort: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: String,
}

fn headers(route: &Route) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(key) = &route.key {
        put_bearer(&mut headers, key);
    }
    headers
}

fn encode(request: &Request, route: &Route) -> serde_json::Result<Vec<u8>> {
    let model = &*request.model;
    let at = |hosts: &[&str]| hosts.iter().any(|host| route.is_at(host));
    let is_openai = route.is_at("api.openai.com");
    let compat = route.compat;
    let limit = route.output_tokens(model);
    let wants_max_tokens = match compat.max_tokens_field {
        Some(field) => field == config::MaxTokensField::MaxTokens,
        None => at(MAX_TOKENS_HOSTS),
    };
    let keeps = route.cache_retention();
    let takes_effort = compat.supports_reasoning_effort.unwrap_or(!at(NO_EFFORT_HOSTS));
    let developer = model.reasoning && compat.supports_developer_role.unwrap_or(is_openai);
    let body = Body {
        model: &model.id,
        messages: messages(request, developer)?,
        stream: true,
        stream_options: StreamOptions { include_usage: true },
        store: compat.supports_store.unwrap_or(!at(PLAIN_HOSTS)).then_some(false),
        max_tokens: wants_max_tokens.then_some(limit),
        max_completion_tokens: (!wants_max_tokens).then_some(limit),
        temperature: route.temperature(),
        reasoning_effort: effort(request.thinking).filter(|_| model.reasoning && takes_effort),
        thinking: (model.reasoning && model.provider == "zai").then(|| Switch {
            state: if request.thinking == Thinking::Off { "disabled" } else { "enabled" },
        }),
        prompt_cache_key: (is_openai && keeps != CacheRetention::None)
            .then_some(request.cache_key.as_str()),
        prompt_cache_retention: (is_openai && keeps == CacheRetention::Long).then_some("24h"),
        tools: request.tools.iter().map(|function| Tool { sort: "function", function }).collect(),
    };
    serde_json::to_vec(&body)
}

/// The wire's name of a thinking level; `None` leaves it to the model.
pub(crate) fn effort(thinking: Thinking) -> Option<&'static str> {
    match thinking {
        Thinking::Off => None,
        Thinking::Minimal => Some("minimal"),
        Thinking::Low => Some("low"),
        Thinking::Medium => Some("medium"),
        Thinking::High => Some("high"),
        Thinking::XHigh => Some("xhigh"),
    }
}

fn messages(request: &Request, developer: bool) -> serde_json::Result<Vec<Wire<'_>>> {
    let model = &*request.model;
    let mut sent = Vec::with_capacity(request.messages.len() + 1);
    if !request.system.trim().is_empty() {
        let content = &*request.system;
        sent.push(if developer { Wire::Developer { content } } else { Wire::System { content } });
    }
    // Images of tool results wait here until the last result of the row was sent.
    let mut images = Vec::new();
    for turn in turns::of(request) {
        if !matches!(turn, Turn::Result(_)) {
            send_images(&mut images, &mut sent);
        }
        match turn {
            Turn::User(pieces) => sent.push(Wire::User { content: user_content(pieces) }),
            Turn::Assistant { message, own } => sent.push(assistant(message, own)?),
            Turn::Result(result) => {
                let pieces = turns::pieces(&result.content, model);
                sent.push(Wire::Tool {
                    tool_call_id: turns::safe_id(result.tool_call_id.as_str(), CALL_ID_CHARS_MAX),
                    content: turns::result_text(&pieces),
                });
                images.extend(pieces.into_iter().filter(|it| matches!(it, Piece::Image { .. })));
            }
        }
    }
    send_images(&mut images, &mut sent);
    Ok(sent)
}

fn send_images<'a>(images: &mut Vec<Piece<'a>>, sent: &mut Vec<Wire<'a>>) {
    if !images.is_empty() {
        let mut pieces = vec![Piece::Text(Cow::Borrowed("Images that the tools returned:"))];
        pieces.append(images);
        sent.push(Wire::User { content: user_content(pieces) });
    }
}

fn user_content(mut pieces: Vec<Piece<'_>>) -> UserContent<'_> {
    if let [Piece::Text(text)] = &mut *pieces {
        return UserContent::Text(std::mem::take(text));
    }
    let part = |piece| match piece {
        Piece::Text(text) => UserPart::Text { text },
        Piece::Image { data, mime_type } => {
            UserPart::ImageUrl { image_url: ImageUrl { url: data_url(mime_type, data) } }
        }
    };
    UserContent::Parts(pieces.into_iter().map(part).collect())
}

/// An image as a `data:` URL.
pub(crate) fn data_url(mime_type: &str, data: &str) -> String {
    format!("data:{mime_type};base64,{data}")
}

fn assistant(message: &domain::Assistant, own: bool) -> serde_json::Result<Wire<'_>> {
    let mut text: Option<Cow<'_, str>> = None;
    let mut tool_calls = Vec::new();
    let mut thoughts: [Option<&str>; 3] = [None; 3];
    for part in &message.content.0 {
        match part {
            Part::Text { text: more, .. } if !more.trim().is_empty() => match &mut text {
                Some(text) => text.to_mut().push_str(more),
                None => text = Some(Cow::Borrowed(more)),
            },
            Part::ToolCall { id, name, arguments, .. } => tool_calls.push(WireCall {
                id: turns::safe_id(id.as_str(), CALL_ID_CHARS_MAX),
                sort: "function",
                function: WireFunction {
                    name,
                    arguments: serde_json::to_string(&as_object(arguments))?,
                },
            }),
            // Some providers refuse a call whose thinking does not come back.
            Part::Thinking { thinking, thinking_signature: Some(field), .. } if own => {
                let at = THINKING_FIELDS.iter().position(|it| it == field);
                if let Some(slot) = at.and_then(|at| thoughts.get_mut(at)) {
                    *slot = Some(thinking);
                }
            }
            Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => {}
        }
    }
    let [reasoning_content, reasoning, reasoning_text] = thoughts;
    Ok(Wire::Assistant { content: text, reasoning_content, reasoning, reasoning_text, tool_calls })
}
