//! `OpenAI` responses: `POST <base>/responses`, without storage at the provider.
//!
//! Owns the request; the reply is read in `decode`. A call keeps two ids in one, `call|item`,
//! as transcripts of the reference do; reasoning items go back exactly as they came.

mod decode;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeSet};

use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, Size, put_bearer},
    history::{self, IdForm, Piece, Rules, Said, Turn},
    openai_chat::{data_url, effort},
    quirks::Quirk,
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::OpenaiResponses,
    path: "/responses",
    encode,
    headers,
    decoder: |quirks| Box::new(decode::Responses::new(quirks)),
};

/// Longest id of an item.
const ITEM_ID_CHARS_MAX: usize = 64;

/// Longest base64 text of an image.
const IMAGE_CHARS_MAX: usize = 28_000_000;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    input: Box<RawValue>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Box<RawValue>>,
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
        call_id: String,
        name: Cow<'a, str>,
        arguments: String,
    },
    Output {
        #[serde(rename = "type")]
        sort: &'static str,
        call_id: String,
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
    let has = |quirk| route.quirks.has(quirk);
    let keeps = route.cache_retention();
    let hints = !has(Quirk::NoCacheHints);
    let takes_effort = model.reasoning
        && route.compat.supports_reasoning_effort != Some(false)
        && !has(Quirk::NoEffort);
    let mut size = Size::default();
    let input = to_raw_value(&input(request, route, &mut size)?)?;
    let tools = tools(request, route)?;
    size.add(input.get());
    size.add(&request.system);
    size.add(tools.as_deref().map_or("", RawValue::get));
    serde_json::to_vec(&Body {
        model: &model.id,
        instructions: &request.system,
        input,
        stream: route.streams,
        store: (route.compat.supports_store != Some(false) && !has(Quirk::NoStore))
            .then_some(false),
        max_output_tokens: route.output_tokens(model, size),
        // Models that reason refuse a temperature.
        temperature: route.temperature().filter(|_| !model.reasoning),
        reasoning: effort(request.thinking)
            .filter(|_| takes_effort && request.thinking != Thinking::Off)
            .map(|effort| Reasoning { effort, summary: "auto" }),
        include: (model.reasoning && !has(Quirk::NoInclude))
            .then_some(["reasoning.encrypted_content"]),
        prompt_cache_key: (hints && keeps != CacheRetention::None)
            .then_some(request.cache_key.as_str()),
        prompt_cache_retention: (hints
            && keeps == CacheRetention::Long
            && route.is_at("api.openai.com"))
        .then_some("24h"),
        tools,
    })
}

fn tools(request: &Request, route: &Route) -> serde_json::Result<Option<Box<RawValue>>> {
    if request.tools.is_empty() || route.quirks.has(Quirk::NoTools) {
        return Ok(None);
    }
    let tools = request.tools.iter().map(|tool| Tool {
        sort: "function",
        name: &tool.name,
        description: &tool.description,
        parameters: &tool.parameters,
        strict: false,
    });
    to_raw_value(&tools.collect::<Vec<_>>()).map(Some)
}

fn input<'a>(
    request: &'a Request,
    route: &Route,
    size: &mut Size,
) -> serde_json::Result<Vec<Item<'a>>> {
    let rules = Rules {
        images: request.model.images && !route.quirks.has(Quirk::NoImages),
        image_chars_max: IMAGE_CHARS_MAX,
        result_bytes_max: request.result_bytes_max.unwrap_or(usize::MAX),
        ids: IdForm::Plain,
    };
    let thinks = !route.quirks.has(Quirk::NoThinkingBack);
    let mut items = Vec::with_capacity(request.messages.len());
    let mut ids = BTreeSet::new();
    for turn in history::turns_of(request, rules) {
        match turn {
            Turn::User(pieces) => {
                size.add_images(&pieces);
                items.push(Item::Said {
                    sort: "message",
                    role: "user",
                    id: None,
                    content: pieces.into_iter().map(part).collect(),
                });
            }
            Turn::Assistant(said) => assistant(said, thinks, &mut ids, &mut items)?,
            Turn::Result(answer) => {
                size.add_images(&answer.pieces);
                let has_images = answer.pieces.iter().any(|it| matches!(it, Piece::Image { .. }));
                let output = if has_images {
                    Output::Parts(answer.pieces.into_iter().map(part).collect())
                } else {
                    Output::Text(history::result_text(&answer.pieces))
                };
                let call_id = answer.id;
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

/// The items of one turn of the model.
///
/// The server refuses reasoning that no item follows, an item that comes twice, and an item
/// whose id it knows but whose reasoning is missing: where reasoning cannot go back, the ids of
/// the items after it stay away too, which makes them plain words and calls.
fn assistant<'a>(
    said: Vec<Said<'a>>,
    thinks: bool,
    ids: &mut BTreeSet<&'a str>,
    items: &mut Vec<Item<'a>>,
) -> serde_json::Result<()> {
    let mut waiting: Vec<(&RawValue, &str)> = Vec::new();
    let mut keeps_ids = thinks;
    for part in said {
        if let Said::Thinking { signature, .. } = part {
            let is_new = |id: &str| !ids.contains(id) && waiting.iter().all(|it| it.1 != id);
            match reasoning(signature).filter(|(_, id)| thinks && is_new(id)) {
                Some(found) => waiting.push(found),
                None => keeps_ids = false,
            }
            continue;
        }
        for (raw, id) in waiting.drain(..) {
            ids.insert(id);
            items.push(Item::Raw(raw));
        }
        let mut known = |id: Option<&'a str>, beginning: &str| {
            id.filter(|id| keeps_ids && is_item_id(id, beginning)).filter(|id| ids.insert(*id))
        };
        match part {
            Said::Text { text, signature } => items.push(Item::Said {
                sort: "message",
                role: "assistant",
                id: known(signature, "msg_"),
                content: vec![ItemPart::OutputText { text }],
            }),
            Said::Call { id, item, name, arguments, .. } => items.push(Item::Call {
                sort: "function_call",
                id: known(item, "fc_"),
                call_id: id,
                name,
                arguments: serde_json::to_string(&arguments)?,
            }),
            Said::Thinking { .. } => {}
        }
    }
    Ok(())
}

/// A reasoning item that goes back, and its id: only one that carries its content can, since
/// nothing is stored at the provider.
fn reasoning(item: &str) -> Option<(&RawValue, &str)> {
    #[derive(serde::Deserialize)]
    struct Reasoning<'a> {
        #[serde(rename = "type")]
        sort: &'a str,
        id: &'a str,
        encrypted_content: &'a str,
        #[serde(borrow)]
        summary: &'a RawValue,
    }
    let read: Reasoning<'_> = serde_json::from_str(item).ok()?;
    let is_whole = read.sort == "reasoning"
        && is_item_id(read.id, "rs_")
        && !read.encrypted_content.is_empty()
        && read.summary.get().starts_with('[');
    is_whole.then_some(())?;
    Some((serde_json::from_str(item).ok()?, read.id))
}

fn is_item_id(id: &str, beginning: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    id.starts_with(beginning) && id.len() <= ITEM_ID_CHARS_MAX && id.chars().all(is_plain)
}
