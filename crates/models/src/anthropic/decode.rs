//! Reads an Anthropic message, streamed or whole.

use domain::{StopReason, Usage};
use serde::Deserialize;

use crate::{
    Delta,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, NewCall},
    fault::Fault,
    lenient::{self, Raw, few, lax, number, text},
    quirks::{Quirk, Quirks},
};

/// A message while it is being read.
pub(crate) struct Messages {
    draft: Draft,
    usage: Usage,
    stop: Option<String>,
}

/// All events in one form: each fills what it has.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    sort: Raw<'a>,
    #[serde(borrow)]
    index: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    content_block: Raw<'a>,
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
    #[serde(borrow)]
    stop_reason: Raw<'a>,
}

#[derive(Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow)]
    usage: Raw<'a>,
}

#[derive(Deserialize)]
struct WireBlock<'a> {
    #[serde(rename = "type", borrow)]
    sort: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    signature: Raw<'a>,
    #[serde(borrow)]
    data: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
}

#[derive(Deserialize)]
struct WireDelta<'a> {
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    thinking: Raw<'a>,
    #[serde(borrow)]
    signature: Raw<'a>,
    #[serde(borrow)]
    partial_json: Raw<'a>,
    #[serde(borrow)]
    stop_reason: Raw<'a>,
}

#[derive(Deserialize)]
struct WireUsage<'a> {
    #[serde(rename = "input_tokens", borrow)]
    input: Raw<'a>,
    #[serde(rename = "output_tokens", borrow)]
    output: Raw<'a>,
    #[serde(rename = "cache_read_input_tokens", borrow)]
    cache_read: Raw<'a>,
    #[serde(rename = "cache_creation_input_tokens", borrow)]
    cache_write: Raw<'a>,
}

impl Decoder for Messages {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(Progress::Skipped);
        }
        let Ok(event) = serde_json::from_str::<Event<'_>>(data) else {
            return Fault::unless_skippable(data);
        };
        match text(event.sort).as_deref() {
            Some("message_start") => {
                let message = lax::<WireMessage<'_>>(event.message);
                self.count(message.and_then(|it| it.usage));
            }
            Some("content_block_start") => {
                if let Some(block) = lax::<WireBlock<'_>>(event.content_block) {
                    self.start(number(event.index), &block, out)?;
                }
            }
            Some("content_block_delta") => {
                if let Some(delta) = lax::<WireDelta<'_>>(event.delta) {
                    self.grow(number(event.index), &delta, out)?;
                }
            }
            Some("message_delta") => {
                self.count(event.usage);
                let delta = lax::<WireDelta<'_>>(event.delta);
                self.stopped(delta.and_then(|it| text(it.stop_reason)), out)?;
            }
            Some("message_stop") => return Ok(Progress::Whole),
            // A whole message: the server does not stream.
            Some("message") => {
                self.count(event.usage);
                for block in few::<WireBlock<'_>>(event.content) {
                    self.start(None, &block, out)?;
                }
                self.stopped(text(event.stop_reason), out)?;
                return Ok(Progress::Whole);
            }
            Some("error") => {
                return Err(Fault::of_event(&lenient::error(event.error).unwrap_or_default()));
            }
            Some("content_block_stop") => {}
            // New sorts of events may appear at any time.
            Some(_) | None => {
                return match lenient::error(event.error) {
                    Some(error) => Err(Fault::of_event(&error)),
                    None => Ok(Progress::Skipped),
                };
            }
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.stop.is_some() { Ok(()) } else { Err(Fault::cut_short()) }
    }

    fn reply(&mut self, out: &mut Vec<Delta>) -> Result<Reply, Fault> {
        self.draft.end_text(out)?;
        let stop = match self.stop.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => StopReason::Length,
            Some(_) | None if self.draft.has_calls() => StopReason::ToolUse,
            Some(_) | None => StopReason::Stop,
        };
        Ok(Reply { parts: self.draft.finish(), usage: self.usage, stop })
    }
}

impl Messages {
    /// A reader for a server with these deviations.
    pub(crate) fn new(quirks: Quirks) -> Self {
        let draft = if quirks.has(Quirk::OpensThinking) {
            Draft::of_opened_thinking()
        } else {
            Draft::default()
        };
        Self { draft, usage: Usage::default(), stop: None }
    }

    /// Takes in token counts; later ones replace earlier ones.
    fn count(&mut self, usage: Raw<'_>) {
        let Some(wire) = lax::<WireUsage<'_>>(usage) else { return };
        let usage = &mut self.usage;
        usage.input = number(wire.input).unwrap_or(usage.input);
        usage.output = number(wire.output).unwrap_or(usage.output);
        usage.cache_read = number(wire.cache_read).unwrap_or(usage.cache_read);
        usage.cache_write = number(wire.cache_write).unwrap_or(usage.cache_write);
    }

    fn stopped(&mut self, reason: Option<String>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let Some(reason) = reason else { return Ok(()) };
        self.draft.end_text(out)?;
        match &*reason {
            "refusal" if self.draft.is_empty() => Err(Fault::withheld()),
            "model_context_window_exceeded" if self.draft.is_empty() => {
                Err(Fault::window_is_full())
            }
            _ => {
                self.stop = Some(reason);
                Ok(())
            }
        }
    }

    fn start(
        &mut self,
        index: Option<u64>,
        block: &WireBlock<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Fault> {
        let begun = match text(block.sort).as_deref() {
            Some("text") => {
                self.draft.begin(index, Block::text())?;
                return self.draft.add_text(&text(block.text).unwrap_or_default(), out);
            }
            Some("thinking") => {
                let text = text(block.thinking).unwrap_or_default();
                if !text.is_empty() {
                    out.push(Delta::Thinking(text.clone()));
                }
                Block::Thinking { text, signature: self::text(block.signature), redacted: false }
            }
            Some("redacted_thinking") => {
                let (text, signature) = (String::new(), text(block.data));
                Block::Thinking { text, signature, redacted: true }
            }
            Some("tool_use") => {
                let name = text(block.name).unwrap_or_default();
                // Arguments usually follow in pieces; some servers send them whole, here.
                let whole = block.input.filter(|it| it.get().trim() != "{}");
                let arguments = lenient::arguments(whole);
                self.draft.begin_call(
                    index,
                    NewCall { id: text(block.id), name: &name, arguments },
                    out,
                )?;
                return Ok(());
            }
            // A block that we did not ask for; its deltas find no block and are dropped.
            Some(_) | None => return Ok(()),
        };
        self.draft.begin(index, begun).map(|_| ())
    }

    fn grow(
        &mut self,
        index: Option<u64>,
        delta: &WireDelta<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Fault> {
        let pieces = [delta.thinking, delta.signature, delta.partial_json];
        self.draft.spend(pieces.iter().flatten().map(|it| it.get().len()).sum())?;
        match self.draft.find(index) {
            // Text may become thinking, and goes on in the newest block.
            Some(Block::Text { .. }) => {
                return self.draft.add_text(&text(delta.text).unwrap_or_default(), out);
            }
            Some(Block::Thinking { text, signature, .. }) => {
                if let Some(more) = self::text(delta.thinking) {
                    text.push_str(&more);
                    out.push(Delta::Thinking(more));
                } else if let Some(more) = self::text(delta.text) {
                    // The block at the end is thinking because a tag made it so.
                    return self.draft.add_text(&more, out);
                }
                if let Some(more) = self::text(delta.signature) {
                    signature.get_or_insert_default().push_str(&more);
                }
            }
            Some(Block::Call { arguments, .. }) => {
                arguments.push_str(&lenient::arguments(delta.partial_json));
            }
            None => {}
        }
        Ok(())
    }
}
