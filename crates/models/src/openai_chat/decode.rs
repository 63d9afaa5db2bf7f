//! Reads a chat completion, streamed or whole.
//!
//! Lenient where servers differ: calls without index or id, several calls under one index,
//! thinking under three names or in parts, usage in the last chunk or inside a choice, no
//! `[DONE]`, a whole message in place of a delta, events that are none.

use domain::{CallId, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{THINKING_FIELDS, details::Details};
use crate::{
    Delta, ErrorKind,
    bounds::NAME_CHARS_MAX,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, NewCall},
    fault::Fault,
    lenient::{self, Raw, Words, few, lax, number, text},
    quirks::{Quirk, Quirks},
};

/// A completion while it is being read.
pub(crate) struct Chat {
    draft: Draft,
    details: Details,
    usage: Usage,
    finish: Option<String>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    base_resp: Raw<'a>,
    #[serde(borrow)]
    object: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    detail: Raw<'a>,
    #[serde(borrow)]
    code: Raw<'a>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    finish_reason: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
}

#[derive(Default, Deserialize)]
struct WireDelta<'a> {
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    refusal: Raw<'a>,
    #[serde(borrow)]
    reasoning_content: Raw<'a>,
    #[serde(borrow)]
    reasoning: Raw<'a>,
    #[serde(borrow)]
    reasoning_text: Raw<'a>,
    #[serde(borrow)]
    reasoning_details: Raw<'a>,
    #[serde(borrow)]
    tool_calls: Raw<'a>,
    #[serde(borrow)]
    function_call: Raw<'a>,
}

#[derive(Deserialize)]
struct WireCall<'a> {
    #[serde(borrow)]
    index: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    function: Raw<'a>,
    #[serde(borrow)]
    extra_content: Raw<'a>,
}

#[derive(Default, Deserialize)]
struct WireFunction<'a> {
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

#[derive(Deserialize)]
struct WireUsage<'a> {
    #[serde(borrow)]
    prompt_tokens: Raw<'a>,
    #[serde(borrow)]
    completion_tokens: Raw<'a>,
    #[serde(borrow)]
    prompt_tokens_details: Raw<'a>,
    #[serde(borrow)]
    prompt_cache_hit_tokens: Raw<'a>,
}

#[derive(Deserialize)]
struct PromptDetails<'a> {
    #[serde(borrow)]
    cached_tokens: Raw<'a>,
    #[serde(borrow)]
    cache_write_tokens: Raw<'a>,
}

impl Decoder for Chat {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            self.finish.get_or_insert_default();
            return Ok(Progress::Whole);
        }
        let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(data) else {
            return Fault::unless_skippable(data);
        };
        if let Some(error) = lenient::error(chunk.error) {
            return Err(Fault::of_event(&error));
        }
        let choices = few::<Choice<'_>>(chunk.choices);
        let usage = lax::<WireUsage<'_>>(chunk.usage);
        if choices.is_empty()
            && let Some(fault) = complaint(&chunk, data)
        {
            return Err(fault);
        }
        if choices.is_empty() && usage.is_none() && chunk.choices.is_none() {
            return Ok(Progress::Skipped);
        }
        if let Some(usage) = usage {
            self.usage = usage.counted();
        }
        // We ask for one choice; more would be another reply.
        if let Some(choice) = choices.into_iter().next() {
            self.choice(&choice, out)?;
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.finish.is_some() { Ok(()) } else { Err(Fault::cut_short()) }
    }

    fn reply(&mut self, out: &mut Vec<Delta>) -> Result<Reply, Fault> {
        self.draft.end_text(out)?;
        self.details.sign(&mut self.draft)?;
        let stop = match self.finish.as_deref() {
            Some("length" | "max_tokens" | "MAX_TOKENS" | "model_context_window_exceeded") => {
                StopReason::Length
            }
            Some(_) | None if self.draft.has_calls() => StopReason::ToolUse,
            Some(_) | None => StopReason::Stop,
        };
        Ok(Reply { parts: self.draft.finish(), usage: self.usage, stop })
    }
}

impl Chat {
    /// A reader for a server with these deviations.
    pub(crate) fn new(quirks: Quirks) -> Self {
        let draft = if quirks.has(Quirk::OpensThinking) {
            Draft::of_opened_thinking()
        } else {
            Draft::default()
        };
        Self { draft, details: Details::default(), usage: Usage::default(), finish: None }
    }

    fn choice(&mut self, choice: &Choice<'_>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if let Some(usage) = lax::<WireUsage<'_>>(choice.usage) {
            self.usage = usage.counted();
        }
        let brought = match lax::<WireDelta<'_>>(choice.delta) {
            Some(delta) => self.delta(&delta, out)?,
            None => false,
        };
        // Some servers repeat the whole message at the end of its pieces.
        if !brought
            && self.draft.is_empty()
            && let Some(message) = lax::<WireDelta<'_>>(choice.message)
        {
            self.delta(&message, out)?;
        }
        match text(choice.finish_reason) {
            Some(reason) => self.finished(reason, out),
            None => Ok(()),
        }
    }

    /// Takes in a piece of the message; whether it brought anything.
    fn delta(&mut self, delta: &WireDelta<'_>, out: &mut Vec<Delta>) -> Result<bool, Fault> {
        let before = self.draft.bytes();
        let words = Words::of(delta.content);
        // Providers that fill several of these fill them with the same words.
        let thoughts = [delta.reasoning_content, delta.reasoning, delta.reasoning_text];
        let thought = thoughts
            .into_iter()
            .zip(THINKING_FIELDS)
            .find_map(|(it, field)| text(it).map(|words| (words, field)));
        if let Some((words, field)) = thought {
            self.draft.add_thinking(&words, field, out)?;
        } else if !words.thinking.is_empty() {
            self.draft.add_thinking(&words.thinking, "", out)?;
        }
        self.details.add(delta.reasoning_details, &mut self.draft)?;
        self.draft.add_text(&words.text, out)?;
        if let Some(refusal) = text(delta.refusal) {
            self.draft.add_text(&refusal, out)?;
        }
        for call in few::<WireCall<'_>>(delta.tool_calls) {
            let function = lax::<WireFunction<'_>>(call.function).unwrap_or_default();
            self.call(&call, &function, out)?;
        }
        if let Some(function) = lax::<WireFunction<'_>>(delta.function_call) {
            let call = WireCall { index: None, id: None, function: None, extra_content: None };
            self.call(&call, &function, out)?;
        }
        Ok(self.draft.bytes() > before)
    }

    fn finished(&mut self, reason: String, out: &mut Vec<Delta>) -> Result<(), Fault> {
        self.draft.end_text(out)?;
        match &*reason {
            "content_filter" | "sensitive" | "safety" | "SAFETY" | "RECITATION"
            | "PROHIBITED_CONTENT"
                if self.draft.is_empty() =>
            {
                return Err(Fault::withheld());
            }
            "model_context_window_exceeded" if self.draft.is_empty() => {
                return Err(Fault::window_is_full());
            }
            "error" | "network_error" | "insufficient_system_resource" => {
                return Err(Fault::new(ErrorKind::Server, "the provider gave up on the reply"));
            }
            _ => self.finish = Some(reason),
        }
        Ok(())
    }

    /// Takes in a piece of a call: of the one it names, else of the newest, else of a new one.
    fn call(
        &mut self,
        piece: &WireCall<'_>,
        function: &WireFunction<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Fault> {
        let id = text(piece.id);
        let name = text(function.name);
        let more = lenient::arguments(function.arguments);
        let index = number(piece.index);
        let signature = piece.extra_content.map(RawValue::get).filter(|it| it.starts_with('{'));
        self.draft.spend(more.len() + signature.map_or(0, str::len))?;
        let known = match (index, &id) {
            (Some(index), _) => self.draft.get(index),
            (None, Some(id)) => self
                .draft
                .iter_mut()
                .find(|it| matches!(it, Block::Call { id: known, .. } if known == id)),
            (None, None) => self.draft.last(),
        };
        if let Some(Block::Call { id: known_id, name: known_name, arguments, signature: known }) =
            known
        {
            let is_other_id = id.as_ref().is_some_and(|id| id != known_id);
            let repeats = more.is_empty() && name.as_ref().is_none_or(|name| name == known_name);
            let is_next = id.is_none() && name.is_some() && !repeats && is_whole(arguments);
            if !is_other_id && !is_next {
                arguments.push_str(&more);
                if let Some(signature) = signature {
                    *known = Some(signature.to_owned());
                }
                if known_name.is_empty()
                    && let Some(name) = name
                {
                    *known_name = name.chars().take(NAME_CHARS_MAX).collect();
                    let (id, name) = (CallId::new(known_id.as_str()), known_name.clone());
                    out.push(Delta::CallStarted { id, name });
                }
                return Ok(());
            }
        }
        let name = name.unwrap_or_default();
        let call = NewCall { id, name: &name, arguments: more };
        let begun = self.draft.begin_call(index, call, out)?;
        if let (Block::Call { signature: slot, .. }, Some(signature)) = (begun, signature) {
            *slot = Some(signature.to_owned());
        }
        Ok(())
    }
}

/// The error of an event that has no choices, if it is one.
fn complaint(chunk: &Chunk<'_>, data: &str) -> Option<Fault> {
    #[derive(Deserialize)]
    struct Outcome<'a> {
        #[serde(borrow)]
        status_code: Raw<'a>,
    }
    let is_error = text(chunk.object).as_deref() == Some("error");
    let failed = lax::<Outcome<'_>>(chunk.base_resp)
        .is_some_and(|it| number(it.status_code).is_some_and(|code| code != 0));
    let complains = text(chunk.message).is_some() && chunk.code.is_some();
    if is_error || failed || complains || chunk.detail.is_some() {
        let raw = serde_json::from_str::<&RawValue>(data).ok();
        return Some(Fault::of_event(&lenient::error(raw).unwrap_or(Value::Null)));
    }
    None
}

/// Whether `arguments` are complete, so that what follows belongs to another call.
fn is_whole(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

impl WireUsage<'_> {
    fn counted(&self) -> Usage {
        let details = lax::<PromptDetails<'_>>(self.prompt_tokens_details);
        let (cached, written) = details
            .map_or((None, None), |it| (number(it.cached_tokens), number(it.cache_write_tokens)));
        let cache_read = cached.or(number(self.prompt_cache_hit_tokens)).unwrap_or(0);
        let cache_write = written.unwrap_or(0);
        let prompt = number(self.prompt_tokens).unwrap_or(0);
        Usage {
            input: prompt.saturating_sub(cache_read).saturating_sub(cache_write),
            output: number(self.completion_tokens).unwrap_or(0),
            cache_read,
            cache_write,
            ..Usage::default()
        }
    }
}
