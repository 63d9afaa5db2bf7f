//! Reads a streamed Anthropic message.

use std::borrow::Cow;

use domain::{CallId, StopReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Delta, ErrorKind,
    dialect::{Decoder, Progress, Reply},
    draft::{Block, Draft, made_up_id},
    fault::Fault,
};

/// A message while it is being read.
#[derive(Default)]
pub(crate) struct Messages {
    draft: Draft,
    usage: Usage,
    stop: Option<String>,
}

/// All events in one form: each fills what it has.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    sort: Cow<'a, str>,
    index: Option<u64>,
    message: Option<WireMessage>,
    content_block: Option<WireBlock>,
    delta: Option<WireDelta>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct WireMessage {
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct WireBlock {
    #[serde(rename = "type")]
    sort: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Value>,
}

#[derive(Deserialize)]
struct WireDelta {
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(rename = "input_tokens")]
    input: Option<u64>,
    #[serde(rename = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "cache_read_input_tokens")]
    cache_read: Option<u64>,
    #[serde(rename = "cache_creation_input_tokens")]
    cache_write: Option<u64>,
}

impl Decoder for Messages {
    fn event(&mut self, data: &str, out: &mut Vec<Delta>) -> Result<Progress, Fault> {
        if data.trim() == "[DONE]" {
            return Ok(Progress::More);
        }
        let event: Event<'_> = serde_json::from_str(data)
            .map_err(|_| Fault::garbage("an event of the stream is not a message event"))?;
        match &*event.sort {
            "message_start" => {
                if let Some(usage) = event.message.and_then(|it| it.usage) {
                    self.count(&usage);
                }
            }
            "content_block_start" => {
                if let Some(block) = event.content_block {
                    self.start(event.index, block, out);
                }
            }
            "content_block_delta" => {
                if let (Some(index), Some(delta)) = (event.index, event.delta) {
                    self.grow(index, delta, out)?;
                }
            }
            "message_delta" => {
                if let Some(usage) = event.usage {
                    self.count(&usage);
                }
                self.stop = event.delta.and_then(|it| it.stop_reason).or(self.stop.take());
                if self.stop.as_deref() == Some("refusal") && self.draft.is_empty() {
                    let text = "the provider refused to answer";
                    return Err(Fault::new(ErrorKind::Format, text));
                }
            }
            "message_stop" => return Ok(Progress::Whole),
            "error" => return Err(Fault::of_event(&event.error.unwrap_or_default())),
            // New sorts of events may appear at any time, `ping` and block ends need nothing.
            _ => {}
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.stop.is_some() { Ok(()) } else { Err(Fault::cut_short()) }
    }

    fn reply(&mut self) -> Reply {
        let stop = match self.stop.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => StopReason::Length,
            Some(_) | None if self.draft.has_calls() => StopReason::ToolUse,
            Some(_) | None => StopReason::Stop,
        };
        Reply { parts: self.draft.finish(), usage: self.usage, stop }
    }
}

impl Messages {
    /// Takes in token counts; later ones replace earlier ones.
    fn count(&mut self, wire: &WireUsage) {
        let usage = &mut self.usage;
        usage.input = wire.input.unwrap_or(usage.input);
        usage.output = wire.output.unwrap_or(usage.output);
        usage.cache_read = wire.cache_read.unwrap_or(usage.cache_read);
        usage.cache_write = wire.cache_write.unwrap_or(usage.cache_write);
    }

    fn start(&mut self, index: Option<u64>, block: WireBlock, out: &mut Vec<Delta>) {
        let begun = match &*block.sort {
            "text" => {
                let text = block.text.unwrap_or_default();
                if !text.is_empty() {
                    out.push(Delta::Text(text.clone()));
                }
                Block::Text { text, signature: None }
            }
            "thinking" => Block::Thinking {
                text: block.thinking.unwrap_or_default(),
                signature: block.signature.filter(|it| !it.is_empty()),
                redacted: false,
            },
            "redacted_thinking" => {
                Block::Thinking { text: String::new(), signature: block.data, redacted: true }
            }
            "tool_use" => {
                let id = block.id.filter(|id| !id.is_empty()).unwrap_or_else(made_up_id);
                let name = block.name.unwrap_or_default();
                out.push(Delta::CallStarted { id: CallId::new(id.as_str()), name: name.clone() });
                // Arguments usually follow in pieces; some servers send them whole, here.
                let whole =
                    block.input.filter(|it| it.as_object().is_some_and(|it| !it.is_empty()));
                let arguments = whole.map(|it| it.to_string()).unwrap_or_default();
                Block::Call { id, name, arguments, signature: None }
            }
            // A block that we did not ask for; its deltas find no block and are dropped.
            _ => return,
        };
        self.draft.begin(index, begun);
    }

    fn grow(&mut self, index: u64, delta: WireDelta, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let Some(block) = self.draft.get(index) else { return Ok(()) };
        match block {
            Block::Text { text, .. } => {
                if let Some(more) = delta.text.filter(|it| !it.is_empty()) {
                    text.push_str(&more);
                    out.push(Delta::Text(more));
                }
            }
            Block::Thinking { text, signature, .. } => {
                if let Some(more) = delta.thinking.filter(|it| !it.is_empty()) {
                    text.push_str(&more);
                    out.push(Delta::Thinking(more));
                }
                if let Some(more) = delta.signature {
                    signature.get_or_insert_default().push_str(&more);
                }
            }
            Block::Call { arguments, .. } => match delta.partial_json {
                Some(more) => arguments.push_str(&more),
                None => return Err(Fault::garbage("a call grew by something that is no JSON")),
            },
        }
        Ok(())
    }
}
