//! Reads a streamed response.

use std::borrow::Cow;

use domain::{CallId, StopReason, Usage};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    Delta, ErrorKind,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, made_up_id},
    fault::Fault,
};

/// A response while it is being read.
#[derive(Default)]
pub(crate) struct Responses {
    draft: Draft,
    usage: Usage,
    is_cut: bool,
}

/// All events in one form: each fills what it has.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    sort: Cow<'a, str>,
    output_index: Option<u64>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    delta: Option<Cow<'a, str>>,
    response: Option<WireResponse>,
}

#[derive(Deserialize)]
struct WireResponse {
    usage: Option<WireUsage>,
    error: Option<Value>,
    incomplete_details: Option<Value>,
}

#[derive(Deserialize)]
struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
}

#[derive(Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    sort: String,
    id: Option<String>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    content: Option<Vec<Words>>,
    summary: Option<Vec<Words>>,
}

#[derive(Deserialize)]
struct Words {
    text: Option<String>,
    refusal: Option<String>,
}

impl Decoder for Responses {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(Progress::More);
        }
        let event: Event<'_> = serde_json::from_str(data).map_err(|_| not_an_event())?;
        let more = event.delta.as_deref().unwrap_or_default();
        match &*event.sort {
            "response.output_item.added" => self.started(&event, out)?,
            "response.output_item.done" => self.finished(&event, out)?,
            "response.output_text.delta"
            | "response.refusal.delta"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta"
            | "response.function_call_arguments.delta" => {
                self.grow(event.output_index, more, out);
            }
            "response.reasoning_summary_part.done" => self.grow(event.output_index, "\n\n", out),
            "response.completed" | "response.incomplete" => return self.ended(event),
            "response.failed" => {
                let error = event.response.and_then(|it| it.error).unwrap_or_default();
                return Err(Fault::of_event(&error));
            }
            "error" => {
                let error: Value = serde_json::from_str(data).unwrap_or_default();
                return Err(Fault::of_event(&error));
            }
            // New sorts of events may appear at any time.
            _ => {}
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        Err(Fault::cut_short())
    }

    fn reply(&mut self) -> Reply {
        let stop = if self.is_cut {
            StopReason::Length
        } else if self.draft.has_calls() {
            StopReason::ToolUse
        } else {
            StopReason::Stop
        };
        Reply { parts: self.draft.finish(), usage: self.usage, stop }
    }
}

impl Responses {
    fn started(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let item = parse(event)?;
        let block = match &*item.sort {
            "message" => Block::text(),
            "reasoning" => {
                Block::Thinking { text: String::new(), signature: None, redacted: false }
            }
            "function_call" => {
                let id = item.joined_id();
                let name = item.name.unwrap_or_default();
                out.push(Delta::CallStarted { id: CallId::new(id.as_str()), name: name.clone() });
                let arguments = item.arguments.unwrap_or_default();
                Block::Call { id, name, arguments, signature: None }
            }
            // An item that we did not ask for; its events find no block and are dropped.
            _ => return Ok(()),
        };
        self.draft.begin(event.output_index, block);
        Ok(())
    }

    /// Takes in the finished item, which has the last word.
    fn finished(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let item = parse(event)?;
        let index = event.output_index.unwrap_or(0);
        if self.draft.get(index).is_none() {
            self.started(event, out)?;
        }
        match self.draft.get(index) {
            Some(Block::Text { text, signature }) => {
                *signature = item.id;
                if text.is_empty() {
                    *text = joined(item.content, "");
                    if !text.is_empty() {
                        out.push(Delta::Text(text.clone()));
                    }
                }
            }
            Some(Block::Thinking { text, signature, .. }) => {
                *signature = event.item.map(|raw| raw.get().to_owned());
                text.truncate(text.trim_end().len());
                if text.is_empty() {
                    *text = joined(item.summary, "\n\n");
                }
            }
            Some(Block::Call { arguments, .. }) => {
                if let Some(whole) = item.arguments.filter(|it| !it.is_empty()) {
                    *arguments = whole;
                }
            }
            None => {}
        }
        Ok(())
    }

    fn grow(&mut self, index: Option<u64>, more: &str, out: &mut Vec<Delta>) {
        let block = index.and_then(|index| self.draft.get(index));
        match block.filter(|_| !more.is_empty()) {
            Some(Block::Text { text, .. }) => {
                text.push_str(more);
                out.push(Delta::Text(more.to_owned()));
            }
            Some(Block::Thinking { text, .. }) => {
                text.push_str(more);
                out.push(Delta::Thinking(more.to_owned()));
            }
            Some(Block::Call { arguments, .. }) => arguments.push_str(more),
            None => {}
        }
    }

    fn ended(&mut self, event: Event<'_>) -> Result<Progress, Fault> {
        let Some(response) = event.response else { return Err(not_an_event()) };
        if let Some(usage) = response.usage {
            let details = usage.input_tokens_details.unwrap_or_default();
            let cache_read = details.cached_tokens.unwrap_or(0);
            self.usage = Usage {
                input: usage.input_tokens.unwrap_or(0).saturating_sub(cache_read),
                output: usage.output_tokens.unwrap_or(0),
                cache_read,
                ..Usage::default()
            };
        }
        if event.sort == "response.incomplete" {
            let reason = response.incomplete_details.unwrap_or_default();
            if reason["reason"] == "content_filter" && self.draft.is_empty() {
                let text = "the provider withheld the reply (content filter)";
                return Err(Fault::new(ErrorKind::Format, text));
            }
            self.is_cut = true;
        }
        Ok(Progress::Whole)
    }
}

impl Item {
    /// Both ids of a call in one.
    fn joined_id(&self) -> String {
        let call = self.call_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(made_up_id);
        match &self.id {
            Some(item) if !item.is_empty() => format!("{call}|{item}"),
            Some(_) | None => call,
        }
    }
}

fn parse(event: &Event<'_>) -> Result<Item, Fault> {
    let raw = event.item.ok_or_else(not_an_event)?;
    serde_json::from_str(raw.get()).map_err(|_| not_an_event())
}

fn joined(words: Option<Vec<Words>>, between: &str) -> String {
    let texts = words.into_iter().flatten().filter_map(|it| it.text.or(it.refusal));
    texts.collect::<Vec<_>>().join(between)
}

fn not_an_event() -> Fault {
    Fault::garbage("an event of the stream is not a response event")
}
