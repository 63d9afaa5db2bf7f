//! Reads a streamed chat completion.
//!
//! Lenient where providers differ: calls without index or id, several calls under one index,
//! thinking under three names, usage in the last chunk or inside a choice, no `[DONE]`.

use domain::{CallId, StopReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use super::THINKING_FIELDS;
use crate::{
    Delta, ErrorKind,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, made_up_id},
    fault::Fault,
};

/// A completion while it is being read.
#[derive(Default)]
pub(crate) struct Chat {
    draft: Draft,
    usage: Usage,
    finish: Option<String>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<WireDelta>,
    finish_reason: Option<String>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct WireDelta {
    content: Option<Words>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    reasoning_text: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

/// Text, or parts of which those with text count.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    Parts(Vec<Value>),
}

#[derive(Deserialize)]
struct WireCall {
    index: Option<u64>,
    id: Option<String>,
    function: Option<WireFunction>,
}

#[derive(Default, Deserialize)]
struct WireFunction {
    name: Option<String>,
    arguments: Option<Arguments>,
}

/// Arguments in pieces, or whole from providers that do not follow the wire.
#[derive(Deserialize)]
#[serde(untagged)]
enum Arguments {
    Piece(String),
    Whole(Value),
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl Decoder for Chat {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            self.finish.get_or_insert_default();
            return Ok(Progress::Whole);
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|_| Fault::garbage("an event of the stream is not a completion chunk"))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Fault::of_event(&error));
        }
        if chunk.choices.is_none() && chunk.usage.is_none() {
            return Err(Fault::garbage("an event of the stream is not a completion chunk"));
        }
        if let Some(usage) = chunk.usage {
            self.usage = usage.counted();
        }
        // We ask for one choice; more would be another reply.
        if let Some(choice) = chunk.choices.into_iter().flatten().next() {
            self.choice(choice, out)?;
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.finish.is_some() { Ok(()) } else { Err(Fault::cut_short()) }
    }

    fn reply(&mut self) -> Reply {
        let stop = match self.finish.as_deref() {
            Some("length") => StopReason::Length,
            Some(_) | None if self.draft.has_calls() => StopReason::ToolUse,
            Some(_) | None => StopReason::Stop,
        };
        Reply { parts: self.draft.finish(), usage: self.usage, stop }
    }
}

impl Chat {
    fn choice(&mut self, choice: Choice, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(usage) = choice.usage {
            self.usage = usage.counted();
        }
        if let Some(delta) = choice.delta {
            // Providers that fill several of these fill them with the same words.
            let thoughts = [delta.reasoning_content, delta.reasoning, delta.reasoning_text];
            let thought = thoughts.into_iter().zip(THINKING_FIELDS).find_map(|(it, field)| {
                it.filter(|words| !words.is_empty()).map(|words| (words, field))
            });
            if let Some((words, field)) = thought {
                self.draft.add_thinking(&words, field, out);
            }
            if let Some(words) = delta.content {
                self.draft.add_text(&words.joined(), out);
            }
            for call in delta.tool_calls.into_iter().flatten() {
                self.call(call, out);
            }
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            if reason == "content_filter" && self.draft.is_empty() {
                let text = "the provider withheld the reply (content filter)";
                return Err(Fault::new(ErrorKind::Format, text));
            }
            if reason == "error" {
                return Err(Fault::new(ErrorKind::Server, "the provider gave up on the reply"));
            }
            self.finish = Some(reason);
        }
        Ok(())
    }

    /// Takes in a piece of a call: of the one it names, else of the newest, else of a new one.
    fn call(&mut self, piece: WireCall, out: &mut Vec<Delta>) {
        let function = piece.function.unwrap_or_default();
        let id = piece.id.filter(|id| !id.is_empty());
        let name = function.name.filter(|name| !name.is_empty());
        let more = function.arguments.map(Arguments::text).unwrap_or_default();
        let known = match (piece.index, &id) {
            (Some(index), _) => self.draft.get(index),
            (None, Some(id)) => self
                .draft
                .iter_mut()
                .find(|it| matches!(it, Block::Call { id: known, .. } if known == id)),
            (None, None) => self.draft.last(),
        };
        if let Some(Block::Call { id: known_id, name: known_name, arguments, .. }) = known {
            let is_other_id = id.as_ref().is_some_and(|id| id != known_id);
            let is_other_call =
                is_other_id || (id.is_none() && name.is_some() && is_whole(arguments));
            if !is_other_call {
                arguments.push_str(&more);
                if known_name.is_empty()
                    && let Some(name) = name
                {
                    known_name.clone_from(&name);
                    out.push(Delta::CallStarted { id: CallId::new(known_id.as_str()), name });
                }
                return;
            }
        }
        let id = id.unwrap_or_else(made_up_id);
        let name = name.unwrap_or_default();
        if !name.is_empty() {
            out.push(Delta::CallStarted { id: CallId::new(id.as_str()), name: name.clone() });
        }
        let call = Block::Call { id, name, arguments: more, signature: None };
        self.draft.begin(piece.index, call);
    }
}

/// Whether `arguments` are complete, so that what follows belongs to another call.
fn is_whole(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

impl Words {
    fn joined(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => {
                parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
            }
        }
    }
}

impl Arguments {
    fn text(self) -> String {
        match self {
            Self::Piece(text) => text,
            Self::Whole(Value::Null) => String::new(),
            Self::Whole(value) => value.to_string(),
        }
    }
}

impl WireUsage {
    fn counted(self) -> Usage {
        let details = self.prompt_tokens_details.unwrap_or_default();
        let cache_read = details.cached_tokens.or(self.prompt_cache_hit_tokens).unwrap_or(0);
        let cache_write = details.cache_write_tokens.unwrap_or(0);
        let prompt = self.prompt_tokens.unwrap_or(0);
        Usage {
            input: prompt.saturating_sub(cache_read).saturating_sub(cache_write),
            output: self.completion_tokens.unwrap_or(0),
            cache_read,
            cache_write,
            ..Usage::default()
        }
    }
}
