//! `OpenAI` responses: `POST <base>/responses`, without storage at the provider.
//!
//! Owns the request; the reply is read in `decode`. A call keeps two ids in one, `call|item`,
//! as transcripts of the reference do; reasoning items go back exactly as they came.

mod decode;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::Part;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, put_bearer},
    draft::as_object,
    openai_chat::{data_url, effort},
    turns::{self, Piece, Turn},
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::OpenaiResponses,
    path: "/responses",
    encode,
    headers,
    decoder: || Box::<decode::Responses>::default(),
};

/// Longest call id.
const CALL_ID_CHARS_MAX: usize = 64;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    input: Vec<Item<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_retention: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
}

#[derive(Serialize)]
struct Reasoning {
    effort: &'static str,
    summary: &'static str,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    sort: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    /// A reasoning item as it came.
    Raw(&'a RawValue),
    Said {
        #[serde(rename = "type")]
        sort: &'static str,
        role: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        content: Vec<ItemPart<'a>>,
    },
    Call {
        #[serde(rename = "type")]
        sort: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: String,
    },
    Output {
        #[serde(rename = "type")]
        sort: &'static str,
        call_id: Cow<'a, str>,
        output: Output<'a>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Output<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ItemPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ItemPart<'a> {
    InputText { text: Cow<'a, str> },
    OutputText { text: &'a str },
    InputImage { image_url: String, detail: &'static str },
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
    let keeps = route.cache_retention();
    let takes_effort = model.reasoning && route.compat.supports_reasoning_effort != Some(false);
    let tools = request.tools.iter().map(|tool| Tool {
        sort: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
        strict: false,
    });
    serde_json::to_vec(&Body {
        model: &model.id,
        instructions: &request.system,
        input: input(request)?,
        stream: true,
        store: (route.compat.supports_store != Some(false)).then_some(false),
        max_output_tokens: route.output_tokens(model),
        // Models that reason refuse a temperature.
        temperature: route.temperature().filter(|_| !model.reasoning),
        reasoning: effort(request.thinking)
            .filter(|_| takes_effort && request.thinking != Thinking::Off)
            .map(|effort| Reasoning { effort, summary: "auto" }),
        include: model.reasoning.then_some(["reasoning.encrypted_content"]),
        prompt_cache_key: (keeps != CacheRetention::None).then_some(request.cache_key.as_str()),
        prompt_cache_retention: (keeps == CacheRetention::Long && route.is_at("api.openai.com"))
            .then_some("24h"),
        tools: tools.collect(),
    })
}

fn input(request: &Request) -> serde_json::Result<Vec<Item<'_>>> {
    let mut items = Vec::with_capacity(request.messages.len());
    for turn in turns::of(request) {
        match turn {
            Turn::User(pieces) => items.push(Item::Said {
                sort: "message",
                role: "user",
                id: None,
                content: pieces.into_iter().map(part).collect(),
            }),
            Turn::Assistant { message, own } => {
                for part in &message.content.0 {
                    items.extend(said(part, own)?);
                }
            }
            Turn::Result(result) => {
                let pieces = turns::pieces(&result.content, &request.model);
                let has_images = pieces.iter().any(|it| matches!(it, Piece::Image { .. }));
                let output = if has_images {
                    Output::Parts(pieces.into_iter().map(part).collect())
                } else {
                    Output::Text(turns::result_text(&pieces))
                };
                let call_id = turns::safe_id(result.tool_call_id.as_str(), CALL_ID_CHARS_MAX);
                items.push(Item::Output { sort: "function_call_output", call_id, output });
            }
        }
    }
    Ok(items)
}

fn part(piece: Piece<'_>) -> ItemPart<'_> {
    match piece {
        Piece::Text(text) => ItemPart::InputText { text },
        Piece::Image { data, mime_type } => {
            ItemPart::InputImage { image_url: data_url(mime_type, data), detail: "auto" }
        }
    }
}

/// A part of the model's message as an item; ids and reasoning only if they are `own`.
fn said(part: &Part, own: bool) -> serde_json::Result<Option<Item<'_>>> {
    Ok(match part {
        Part::Text { text, text_signature } if !text.trim().is_empty() => Some(Item::Said {
            sort: "message",
            role: "assistant",
            id: text_signature.as_deref().filter(|id| own && id.starts_with("msg_")),
            content: vec![ItemPart::OutputText { text }],
        }),
        Part::Thinking { thinking_signature: Some(item), .. } if own => {
            serde_json::from_str::<&RawValue>(item).ok().map(Item::Raw)
        }
        Part::ToolCall { id, name, arguments, .. } => Some(Item::Call {
            sort: "function_call",
            id: id.as_str().split_once('|').map(|(_, item)| item).filter(|_| own),
            call_id: turns::safe_id(id.as_str(), CALL_ID_CHARS_MAX),
            name,
            arguments: serde_json::to_string(&as_object(arguments))?,
        }),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    })
}
