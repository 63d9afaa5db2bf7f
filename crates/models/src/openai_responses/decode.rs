//! Reads a response, streamed or whole.

use domain::{StopReason, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Delta,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, NewCall, made_up_id},
    fault::Fault,
    lenient::{self, Raw, Words, few, lax, number, text},
    quirks::{Quirk, Quirks},
};

/// A response while it is being read.
pub(crate) struct Responses {
    draft: Draft,
    usage: Usage,
    is_cut: bool,
    /// Whether `[DONE]` came, which some servers send instead of the last event.
    is_done: bool,
}

/// All events in one form: each fills what it has. A whole response has its own fields here.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    sort: Raw<'a>,
    #[serde(borrow)]
    object: Raw<'a>,
    #[serde(borrow)]
    output_index: Raw<'a>,
    #[serde(borrow)]
    item: Raw<'a>,
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    response: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Deserialize)]
struct WireResponse<'a> {
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    output: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    incomplete_details: Raw<'a>,
}

#[derive(Deserialize)]
struct WireUsage<'a> {
    #[serde(borrow)]
    input_tokens: Raw<'a>,
    #[serde(borrow)]
    output_tokens: Raw<'a>,
    #[serde(borrow)]
    input_tokens_details: Raw<'a>,
}

#[derive(Deserialize)]
struct InputDetails<'a> {
    #[serde(borrow)]
    cached_tokens: Raw<'a>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Raw<'a>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    sort: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    call_id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    summary: Raw<'a>,
}

impl Decoder for Responses {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            self.is_done = true;
            return Ok(Progress::Skipped);
        }
        let Ok(event) = serde_json::from_str::<Event<'_>>(data) else {
            return Fault::unless_skippable(data);
        };
        let sort = text(event.sort).unwrap_or_default();
        match &*sort {
            "response.output_item.added" => self.started(&event, out)?,
            "response.output_item.done" => self.finished(&event, out)?,
            "response.output_text.delta" | "response.refusal.delta" => {
                let more = text(event.delta).unwrap_or_default();
                if self.draft.find(number(event.output_index)).is_some() {
                    self.draft.add_text(&more, out)?;
                }
            }
            "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta"
            | "response.function_call_arguments.delta" => {
                let more = text(event.delta).unwrap_or_default();
                self.grow(number(event.output_index), &more, out)?;
            }
            "response.reasoning_summary_part.done" => {
                self.grow(number(event.output_index), "\n\n", out)?;
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let response = lax::<WireResponse<'_>>(event.response);
                let response = response.ok_or_else(|| {
                    Fault::garbage("the last event of the stream has no response")
                })?;
                return self.ended(&response, sort == "response.incomplete", out);
            }
            "response.created" | "response.in_progress" | "response.content_part.added" => {}
            "response.failed" => {
                let response = lax::<WireResponse<'_>>(event.response);
                let error = response.and_then(|it| lenient::error(it.error));
                return Err(Fault::of_event(&error.unwrap_or_default()));
            }
            "error" => {
                let raw = serde_json::from_str::<&RawValue>(data).ok();
                return Err(Fault::of_event(&lenient::error(raw).unwrap_or_default()));
            }
            // A whole response: the server does not stream.
            _ if text(event.object).as_deref() == Some("response") => {
                let raw = serde_json::from_str::<&RawValue>(data).ok();
                if let Some(response) = lax::<WireResponse<'_>>(raw) {
                    return self.whole(&response, out);
                }
            }
            // New sorts of events may appear at any time.
            _ => {
                return match lenient::error(event.error) {
                    Some(error) => Err(Fault::of_event(&error)),
                    None => Ok(Progress::Skipped),
                };
            }
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        let is_whole = self.is_done && !self.draft.is_empty();
        if is_whole { Ok(()) } else { Err(Fault::cut_short()) }
    }

    fn reply(&mut self, out: &mut Vec<Delta>) -> Result<Reply, Fault> {
        self.draft.end_text(out)?;
        let stop = if self.is_cut {
            StopReason::Length
        } else if self.draft.has_calls() {
            StopReason::ToolUse
        } else {
            StopReason::Stop
        };
        Ok(Reply { parts: self.draft.finish(), usage: self.usage, stop })
    }
}

impl Responses {
    /// A reader for a server with these deviations.
    pub(crate) fn new(quirks: Quirks) -> Self {
        let draft = if quirks.has(Quirk::OpensThinking) {
            Draft::of_opened_thinking()
        } else {
            Draft::default()
        };
        Self { draft, usage: Usage::default(), is_cut: false, is_done: false }
    }

    fn started(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let Some(item) = lax::<Item<'_>>(event.item) else { return Ok(()) };
        let index = number(event.output_index);
        let block = match text(item.sort).as_deref() {
            Some("message") => Block::text(),
            Some("reasoning") => {
                Block::Thinking { text: String::new(), signature: None, redacted: false }
            }
            Some("function_call") => {
                let name = text(item.name).unwrap_or_default();
                let arguments = lenient::arguments(item.arguments);
                self.draft.begin_call(
                    index,
                    NewCall { id: Some(item.joined_id()), name: &name, arguments },
                    out,
                )?;
                return Ok(());
            }
            // An item that we did not ask for; its events find no block and are dropped.
            Some(_) | None => return Ok(()),
        };
        self.draft.begin(index, block).map(|_| ())
    }

    /// Takes in the finished item, which has the last word.
    fn finished(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let Some(item) = lax::<Item<'_>>(event.item) else { return Ok(()) };
        let index = number(event.output_index);
        if self.draft.find(index).is_none() {
            self.started(event, out)?;
        }
        let arguments = lenient::arguments(item.arguments);
        let id = text(item.id);
        let raw = event.item.map(RawValue::get);
        self.draft.spend(match text(item.sort).as_deref() {
            Some("reasoning") => raw.map_or(0, str::len),
            Some(_) | None => id.as_ref().map_or(0, String::len),
        })?;
        match self.draft.find(index) {
            Some(Block::Text { text, signature }) => {
                *signature = id;
                if text.is_empty() && item.is("message") {
                    let words = Words::of(item.content);
                    return self.draft.add_text(&words.text, out);
                }
            }
            Some(Block::Thinking { text, signature, .. }) if item.is("reasoning") => {
                *signature = raw.map(str::to_owned);
                text.truncate(text.trim_end().len());
                if text.is_empty() {
                    *text = joined(item.summary);
                }
            }
            Some(Block::Call { arguments: known, .. }) if !arguments.is_empty() => {
                *known = arguments;
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn grow(&mut self, index: Option<u64>, more: &str, out: &mut Vec<Delta>) -> Result<(), Fault> {
        if more.is_empty() {
            return Ok(());
        }
        match self.draft.find(index) {
            Some(Block::Thinking { text, .. }) => {
                text.push_str(more);
                out.push(Delta::Thinking(more.to_owned()));
            }
            Some(Block::Call { arguments, .. }) => arguments.push_str(more),
            Some(Block::Text { .. }) | None => return Ok(()),
        }
        self.draft.spend(more.len())
    }

    /// Takes in a response that came as one.
    fn whole(
        &mut self,
        response: &WireResponse<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<Progress, Fault> {
        if let Some(error) = lenient::error(response.error) {
            return Err(Fault::of_event(&error));
        }
        let is_cut = text(response.status).as_deref() == Some("incomplete");
        self.ended(response, is_cut, out)
    }

    fn ended(
        &mut self,
        response: &WireResponse<'_>,
        is_cut: bool,
        out: &mut Vec<Delta>,
    ) -> Result<Progress, Fault> {
        if let Some(usage) = lax::<WireUsage<'_>>(response.usage) {
            let details = lax::<InputDetails<'_>>(usage.input_tokens_details);
            let cache_read = details.and_then(|it| number(it.cached_tokens)).unwrap_or(0);
            self.usage = Usage {
                input: number(usage.input_tokens).unwrap_or(0).saturating_sub(cache_read),
                output: number(usage.output_tokens).unwrap_or(0),
                cache_read,
                ..Usage::default()
            };
        }
        self.draft.end_text(out)?;
        // Some servers send no items before the end.
        if self.draft.is_empty() {
            for (at, item) in few::<&RawValue>(response.output).into_iter().enumerate() {
                let index = serde_json::value::to_raw_value(&(at + 1_000_000)).ok();
                let event = Event {
                    sort: None,
                    object: None,
                    output_index: index.as_deref(),
                    item: Some(item),
                    delta: None,
                    response: None,
                    error: None,
                };
                self.finished(&event, out)?;
            }
        }
        if is_cut {
            let details = lax::<Incomplete<'_>>(response.incomplete_details);
            let reason = details.and_then(|it| text(it.reason));
            if reason.as_deref() == Some("content_filter") && self.draft.is_empty() {
                return Err(Fault::withheld());
            }
            self.is_cut = true;
        }
        Ok(Progress::Whole)
    }
}

impl Item<'_> {
    fn is(&self, sort: &str) -> bool {
        text(self.sort).as_deref() == Some(sort)
    }

    /// Both ids of a call in one.
    fn joined_id(&self) -> String {
        let call = text(self.call_id).unwrap_or_else(made_up_id);
        match text(self.id) {
            Some(item) => format!("{call}|{item}"),
            None => call,
        }
    }
}

/// The texts of a summary, as paragraphs.
fn joined(summary: Raw<'_>) -> String {
    let texts = few::<&RawValue>(summary).into_iter().map(|it| Words::of(Some(it)).text);
    texts.collect::<Vec<_>>().join("\n\n")
}
