//! `OpenAI` chat completions: `POST <base>/chat/completions`, spoken by most providers and by
//! local servers.
//!
//! Owns the request; the reply is read in `decode`.

mod decode;
mod details;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use domain::ToolSpec;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    Request, Thinking,
    dialect::{CacheRetention, Dialect, Route, Size, put_bearer},
    history::{self, IdForm, Piece, Rules, Said, Turn},
    quirks::Quirk,
};

/// The dialect.
pub(crate) const ENTRY: Dialect = Dialect {
    api: config::Api::OpenaiCompletions,
    path: "/chat/completions",
    encode,
    headers,
    decoder: |quirks| Box::new(decode::Chat::new(quirks)),
};

/// Longest base64 text of an image.
const IMAGE_CHARS_MAX: usize = 28_000_000;

/// Hosts that take all of the original's fields, and want `max_completion_tokens`. All others get
/// plain requests: many servers refuse fields that they do not know.
const ORIGINAL_HOSTS: &[&str] =
    &["api.openai.com", "openai.azure.com", "cognitiveservices.azure.com", "ai.azure.com"];

/// Hosts that refuse `reasoning_effort`.
const NO_EFFORT_HOSTS: &[&str] = &["api.x.ai", "api.z.ai", "api.mistral.ai", "api.deepseek.com"];

/// Parts of provider and model names whose servers want thinking back with each call.
const THINKING_WANTED: &[&str] = &["deepseek", "moonshot", "kimi"];

/// Parts of provider and model names whose servers refuse a person directly after a tool.
const ANSWER_WANTED: &[&str] =
    &["mistral", "mixtral", "ministral", "magistral", "devstral", "codestral", "pixtral"];

/// What the model is made to say where a server wants it to speak after its tools.
const NOTED: &str = "(Noted.)";

/// The signature that Google takes for calls that another model made.
const FOREIGN_CALL: &str = r#"{"google":{"thought_signature":"skip_thought_signature_validator"}}"#;

/// Fields in which providers send thinking, and want it back.
const THINKING_FIELDS: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_text"];

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a RawValue,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a RawValue>,
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
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_details: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<WireCall<'a>>,
    },
    Tool {
        tool_call_id: String,
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
    id: String,
    #[serde(rename = "type")]
    sort: &'static str,
    function: WireFunction<'a>,
    /// What Google gave with the call, to be given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: Cow<'a, str>,
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
    let has = |quirk| route.quirks.has(quirk);
    let at = |hosts: &[&str]| hosts.iter().any(|host| route.is_at(host));
    let is_original = at(ORIGINAL_HOSTS);
    let is_openai = route.is_at("api.openai.com");
    let compat = route.compat;
    let wants_max_tokens = match compat.max_tokens_field {
        Some(field) => field == config::MaxTokensField::MaxTokens,
        None if has(Quirk::MaxCompletionTokens) => false,
        None => !is_original || has(Quirk::MaxTokens),
    };
    let keeps = route.cache_retention();
    let hints = is_openai && !has(Quirk::NoCacheHints);
    let takes_effort =
        compat.supports_reasoning_effort.unwrap_or(!at(NO_EFFORT_HOSTS)) && !has(Quirk::NoEffort);
    let developer = model.reasoning
        && compat.supports_developer_role.unwrap_or(is_openai)
        && !has(Quirk::NoDeveloper);
    let mut size = Size::default();
    let messages =
        to_raw_value(&Conversation::new(request, route).messages(developer, &mut size)?)?;
    let tools = tools(request, route)?;
    size.add(messages.get());
    size.add(tools.as_deref().map_or("", RawValue::get));
    let limit = route.output_tokens(model, size);
    serde_json::to_vec(&Body {
        model: &model.id,
        messages: &messages,
        stream: route.streams,
        stream_options: (route.streams && !has(Quirk::NoStreamOptions))
            .then_some(StreamOptions { include_usage: true }),
        store: (compat.supports_store.unwrap_or(is_original) && !has(Quirk::NoStore))
            .then_some(false),
        max_tokens: wants_max_tokens.then_some(limit),
        max_completion_tokens: (!wants_max_tokens).then_some(limit),
        temperature: route.temperature(),
        reasoning_effort: effort(request.thinking).filter(|_| model.reasoning && takes_effort),
        thinking: (model.reasoning && model.provider == "zai").then(|| Switch {
            state: if request.thinking == Thinking::Off { "disabled" } else { "enabled" },
        }),
        prompt_cache_key: (hints && keeps != CacheRetention::None)
            .then_some(request.cache_key.as_str()),
        prompt_cache_retention: (hints && keeps == CacheRetention::Long).then_some("24h"),
        tools: tools.as_deref(),
    })
}

fn tools(request: &Request, route: &Route) -> serde_json::Result<Option<Box<RawValue>>> {
    if request.tools.is_empty() || route.quirks.has(Quirk::NoTools) {
        return Ok(None);
    }
    let tool = |function| Tool { sort: "function", function };
    to_raw_value(&request.tools.iter().map(tool).collect::<Vec<_>>()).map(Some)
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

/// The conversation as the server at the other end takes it.
#[expect(clippy::struct_excessive_bools, reason = "servers deviate in each by itself")]
struct Conversation<'a> {
    request: &'a Request,
    rules: Rules,
    /// Whether thinking goes back.
    thinks: bool,
    /// Whether each call needs thinking.
    wants_thinking: bool,
    /// Whether the model must speak between its tools and the person.
    wants_answer: bool,
    /// Whether calls of other models need a signature.
    wants_signature: bool,
}

impl<'a> Conversation<'a> {
    fn new(request: &'a Request, route: &Route) -> Self {
        let model = &*request.model;
        let named = |names: &[&str]| {
            let is_named = |text: &str| {
                let text = text.to_ascii_lowercase();
                names.iter().any(|name| text.contains(name))
            };
            is_named(&model.provider) || is_named(&model.id) || is_named(&route.base_url)
        };
        let has = |quirk| route.quirks.has(quirk);
        Self {
            request,
            rules: Rules {
                images: model.images && !has(Quirk::NoImages),
                image_chars_max: IMAGE_CHARS_MAX,
                result_bytes_max: request.result_bytes_max.unwrap_or(usize::MAX),
                ids: IdForm::AsGiven,
            },
            thinks: !has(Quirk::NoThinkingBack),
            wants_thinking: has(Quirk::ThinkingBack)
                || (model.reasoning && named(THINKING_WANTED) && !has(Quirk::NoThinkingBack)),
            wants_answer: has(Quirk::AnswerAfterTools) || named(ANSWER_WANTED),
            wants_signature: route.is_at("generativelanguage.googleapis.com"),
        }
    }

    fn messages(&self, developer: bool, size: &mut Size) -> serde_json::Result<Vec<Wire<'a>>> {
        let request = self.request;
        let mut sent = Vec::with_capacity(request.messages.len() + 1);
        if !request.system.trim().is_empty() {
            let content = &*request.system;
            sent.push(if developer {
                Wire::Developer { content }
            } else {
                Wire::System { content }
            });
        }
        // Images of tool results wait here until the last result of the row was sent.
        let mut images = Vec::new();
        for turn in history::turns_of(request, self.rules) {
            match turn {
                Turn::User(mut pieces) => {
                    images.append(&mut pieces);
                    self.ask(std::mem::take(&mut images), &mut sent, size);
                }
                Turn::Assistant(said) => {
                    self.ask(std::mem::take(&mut images), &mut sent, size);
                    sent.push(self.assistant(said)?);
                }
                Turn::Result(answer) => {
                    let content = history::result_text(&answer.pieces);
                    sent.push(Wire::Tool { tool_call_id: answer.id, content });
                    let is_image = |it: &Piece<'_>| matches!(it, Piece::Image { .. });
                    let mut new = answer.pieces.into_iter().filter(is_image).peekable();
                    if images.is_empty() && new.peek().is_some() {
                        images.push(Piece::Text("Images that the tools returned:".into()));
                    }
                    images.extend(new);
                }
            }
        }
        self.ask(images, &mut sent, size);
        Ok(sent)
    }

    fn ask(&self, pieces: Vec<Piece<'a>>, sent: &mut Vec<Wire<'a>>, size: &mut Size) {
        if pieces.is_empty() {
            return;
        }
        if self.wants_answer && matches!(sent.last(), Some(Wire::Tool { .. })) {
            sent.push(Wire::Assistant {
                content: Some(NOTED.into()),
                reasoning_content: None,
                reasoning: None,
                reasoning_text: None,
                reasoning_details: None,
                tool_calls: Vec::new(),
            });
        }
        size.add_images(&pieces);
        sent.push(Wire::User { content: user_content(pieces) });
    }

    fn assistant(&self, said: Vec<Said<'a>>) -> serde_json::Result<Wire<'a>> {
        let mut text: Option<Cow<'_, str>> = None;
        let mut tool_calls = Vec::new();
        let mut thoughts: [Option<&str>; 3] = [None; 3];
        let mut reasoning_details = None;
        let is_signed = said.iter().any(|it| matches!(it, Said::Call { signature: Some(_), .. }));
        for part in said {
            match part {
                Said::Text { text: more, .. } => match &mut text {
                    Some(text) => {
                        text.to_mut().push_str("\n\n");
                        text.to_mut().push_str(more);
                    }
                    None => text = Some(Cow::Borrowed(more)),
                },
                Said::Call { id, name, arguments, signature, own, .. } => {
                    let is_first = tool_calls.is_empty();
                    let foreign = self.wants_signature && is_first && !is_signed && !own;
                    let extra = signature.map(extra_content);
                    tool_calls.push(WireCall {
                        id,
                        sort: "function",
                        function: WireFunction {
                            name,
                            arguments: serde_json::to_string(&arguments)?,
                        },
                        extra_content: match extra.or(foreign.then(|| FOREIGN_CALL.to_owned())) {
                            Some(extra) => RawValue::from_string(extra).ok(),
                            None => None,
                        },
                    });
                }
                // Some providers refuse a call whose thinking does not come back.
                Said::Thinking { text, signature, .. } if self.thinks => {
                    let at = THINKING_FIELDS.iter().position(|it| *it == signature);
                    if let Some(slot) = at.and_then(|at| thoughts.get_mut(at)) {
                        *slot = Some(text);
                    } else if signature.starts_with('[') {
                        reasoning_details = serde_json::from_str::<&RawValue>(signature).ok();
                    }
                }
                Said::Thinking { .. } => {}
            }
        }
        if self.wants_thinking {
            // Beside text alone it is ignored at best.
            let needs = !tool_calls.is_empty();
            let known = thoughts.into_iter().flatten().next();
            thoughts = [needs.then_some(known.unwrap_or_default()), None, None];
        }
        let [reasoning_content, reasoning, reasoning_text] = thoughts;
        Ok(Wire::Assistant {
            content: text,
            reasoning_content,
            reasoning,
            reasoning_text,
            reasoning_details,
            tool_calls,
        })
    }
}

/// What came in `extra_content` as JSON; a bare signature is Google's.
fn extra_content(signature: &str) -> String {
    if serde_json::from_str::<&RawValue>(signature).is_ok_and(|raw| raw.get().starts_with('{')) {
        return signature.to_owned();
    }
    serde_json::json!({"google": {"thought_signature": signature}}).to_string()
}

fn user_content(pieces: Vec<Piece<'_>>) -> UserContent<'_> {
    // Texts alone are one text: not every server reads parts.
    if pieces.iter().all(|it| matches!(it, Piece::Text(_))) {
        let mut texts = pieces.into_iter().filter_map(|it| match it {
            Piece::Text(text) => Some(text),
            Piece::Image { .. } => None,
        });
        let mut whole = texts.next().unwrap_or_default();
        for more in texts {
            whole.to_mut().push_str("\n\n");
            whole.to_mut().push_str(&more);
        }
        return UserContent::Text(whole);
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
