//! A reply while it is being written: blocks that grow, in the order they began.
//!
//! Everything that makes it grow goes through here and is counted, so that no reply exceeds
//! [`crate::bounds`].

use std::collections::BTreeSet;

use domain::{CallId, Part};
use serde_json::{Map, Value};

use crate::{
    Delta,
    bounds::{
        ARGUMENT_DEPTH_MAX, ARGUMENT_VALUES_MAX, BLOCKS_MAX, CALLS_MAX, ID_BYTES_MAX,
        NAME_CHARS_MAX, REPLY_BYTES_MAX,
    },
    fault::Fault,
    history::short_id,
    think_tags::{Heard, ThinkTags},
};

/// A block that grows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    /// Text.
    Text { text: String, signature: Option<String> },
    /// Thinking.
    Thinking { text: String, signature: Option<String>, redacted: bool },
    /// A tool call, with its arguments as they came.
    Call { id: String, name: String, arguments: String, signature: Option<String> },
}

/// All blocks of a reply. `key` is whatever the dialect tells blocks apart by.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    blocks: Vec<(Option<u64>, Block)>,
    tags: ThinkTags,
    bytes: usize,
    calls: usize,
}

/// What a server says of a call when it begins.
pub(crate) struct NewCall<'a> {
    /// Its id, if it has one.
    pub(crate) id: Option<String>,
    /// Name of the tool.
    pub(crate) name: &'a str,
    /// What came of its arguments.
    pub(crate) arguments: String,
}

impl Draft {
    /// A draft of a model that begins with thinking which no tag opens.
    pub(crate) fn of_opened_thinking() -> Self {
        Self { tags: ThinkTags::opened(), ..Self::default() }
    }

    /// Counts `bytes` that the reply grows by.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > REPLY_BYTES_MAX {
            let mib = REPLY_BYTES_MAX / (1024 * 1024);
            return Err(Fault::too_large(format!(
                "the reply was cut: it is larger than {mib} MiB"
            )));
        }
        Ok(())
    }

    /// How much was counted so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Begins a block.
    pub(crate) fn begin(&mut self, key: Option<u64>, block: Block) -> Result<&mut Block, Fault> {
        let (bytes, is_call) = match &block {
            Block::Text { text, signature } | Block::Thinking { text, signature, .. } => {
                (text.len() + signature.as_ref().map_or(0, String::len), false)
            }
            Block::Call { id, name, arguments, signature } => {
                let all = [id.len(), name.len(), arguments.len()].iter().sum::<usize>();
                (all + signature.as_ref().map_or(0, String::len), true)
            }
        };
        self.spend(bytes)?;
        self.calls += usize::from(is_call);
        if self.calls > CALLS_MAX {
            let text = format!("the reply was cut: it has more than {CALLS_MAX} calls");
            return Err(Fault::too_large(text));
        }
        if self.blocks.len() >= BLOCKS_MAX {
            let text = format!("the reply was cut: it has more than {BLOCKS_MAX} parts");
            return Err(Fault::too_large(text));
        }
        let at = self.blocks.len();
        self.blocks.push((key, block));
        Ok(&mut self.blocks[at].1)
    }

    /// Begins a call and tells of it.
    pub(crate) fn begin_call(
        &mut self,
        key: Option<u64>,
        call: NewCall<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<&mut Block, Fault> {
        let NewCall { id, name, arguments } = call;
        let id = id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
        let id = id.unwrap_or_else(made_up_id);
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        if !name.is_empty() {
            out.push(Delta::CallStarted { id: CallId::new(id.as_str()), name: name.clone() });
        }
        self.begin(key, Block::Call { id, name, arguments, signature: None })
    }

    /// The newest block called `key`.
    pub(crate) fn get(&mut self, key: u64) -> Option<&mut Block> {
        self.blocks.iter_mut().rev().find(|(it, _)| *it == Some(key)).map(|(_, block)| block)
    }

    /// The newest block called `key`, or the newest at all.
    pub(crate) fn find(&mut self, key: Option<u64>) -> Option<&mut Block> {
        match key {
            Some(key) => self.get(key),
            None => self.last(),
        }
    }

    /// The newest block.
    pub(crate) fn last(&mut self) -> Option<&mut Block> {
        self.blocks.last_mut().map(|(_, block)| block)
    }

    /// All blocks, oldest first.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Block> {
        self.blocks.iter_mut().map(|(_, block)| block)
    }

    /// Whether a tool is called.
    pub(crate) fn has_calls(&self) -> bool {
        self.blocks.iter().any(|(_, block)| is_call(block))
    }

    /// Whether it says anything or calls a tool; thinking alone does not count.
    pub(crate) fn is_empty(&self) -> bool {
        let says = |block: &Block| match block {
            Block::Text { text, .. } => !text.trim().is_empty(),
            Block::Thinking { .. } => false,
            Block::Call { .. } => is_call(block),
        };
        !self.blocks.iter().any(|(_, block)| says(block))
    }

    /// Adds text that may have thinking in it, between tags.
    pub(crate) fn add_text(&mut self, more: &str, out: &mut Vec<Delta>) -> Result<(), Fault> {
        self.spend(more.len())?;
        let mut heard = Vec::new();
        self.tags.hear(more, &mut heard);
        self.add_heard(heard, out)
    }

    /// The text is over: what was held back is told.
    pub(crate) fn end_text(&mut self, out: &mut Vec<Delta>) -> Result<(), Fault> {
        let mut heard = Vec::new();
        self.tags.end(&mut heard);
        self.add_heard(heard, out)
    }

    fn add_heard(&mut self, heard: Vec<Heard>, out: &mut Vec<Delta>) -> Result<(), Fault> {
        for it in heard {
            match it {
                Heard::Text(more) => {
                    match self.last() {
                        Some(Block::Text { text, .. }) => text.push_str(&more),
                        Some(Block::Thinking { .. } | Block::Call { .. }) | None => {
                            let block = self.begin(None, Block::text())?;
                            if let Block::Text { text, .. } = block {
                                text.push_str(&more);
                            }
                        }
                    }
                    out.push(Delta::Text(more));
                }
                Heard::Thinking(more) => self.think(&more, None, out)?,
                Heard::TextWasThinking => {
                    for block in self.iter_mut() {
                        if let Block::Text { text, .. } = block {
                            let text = std::mem::take(text);
                            *block = Block::Thinking { text, signature: None, redacted: false };
                        }
                    }
                    out.push(Delta::TextWasThinking);
                }
            }
        }
        Ok(())
    }

    /// Adds to the thinking block at the end, or begins one that will be signed `signature`.
    pub(crate) fn add_thinking(
        &mut self,
        more: &str,
        signature: &str,
        out: &mut Vec<Delta>,
    ) -> Result<(), Fault> {
        self.spend(more.len())?;
        self.think(more, Some(signature), out)
    }

    fn think(
        &mut self,
        more: &str,
        signature: Option<&str>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Fault> {
        if more.is_empty() {
            return Ok(());
        }
        if let Some(Block::Thinking { text, redacted: false, .. }) = self.last() {
            text.push_str(more);
        } else {
            let signature = signature.map(str::to_owned);
            let text = more.to_owned();
            self.begin(None, Block::Thinking { text, signature, redacted: false })?;
        }
        out.push(Delta::Thinking(more.to_owned()));
        Ok(())
    }

    /// The finished parts; empty text, unsigned empty thinking and calls of nothing are left out.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let mut parts = Vec::with_capacity(self.blocks.len());
        let mut ids = BTreeSet::new();
        for (_, block) in std::mem::take(&mut self.blocks) {
            match block {
                Block::Text { text, .. } if text.is_empty() => {}
                Block::Text { text, signature } => {
                    parts.push(Part::Text { text, text_signature: signature });
                }
                Block::Thinking { text, signature: None, .. } if text.is_empty() => {}
                Block::Thinking { text, signature, redacted } => {
                    let thinking_signature = signature;
                    parts.push(Part::Thinking { thinking: text, thinking_signature, redacted });
                }
                block @ Block::Call { .. } if !is_call(&block) => {}
                Block::Call { id, name, arguments, signature } => {
                    let mut signature = signature;
                    for arguments in read_calls(&arguments) {
                        let id = Some(id.clone()).filter(|id| !ids.contains(id));
                        let id = id.unwrap_or_else(made_up_id);
                        ids.insert(id.clone());
                        parts.push(Part::ToolCall {
                            id: CallId::new(id),
                            name: name.clone(),
                            arguments,
                            thought_signature: signature.take(),
                        });
                    }
                }
            }
        }
        parts
    }
}

impl Block {
    /// An empty text block.
    pub(crate) fn text() -> Self {
        Self::Text { text: String::new(), signature: None }
    }
}

/// Whether a block calls something: servers also send calls without name and arguments.
fn is_call(block: &Block) -> bool {
    match block {
        Block::Call { name, arguments, .. } => {
            !name.trim().is_empty() || !arguments.trim().is_empty()
        }
        Block::Text { .. } | Block::Thinking { .. } => false,
    }
}

/// A call id for providers that name none, unique beyond this reply and short enough for all.
pub(crate) fn made_up_id() -> String {
    short_id(any_number())
}

/// A number that nobody can foresee, good for ids and jitter.
pub(crate) fn any_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}

/// Reads the arguments of a call. Several objects in a row are several calls that a server
/// wrote into one; the same object again is not.
fn read_calls(text: &str) -> Vec<Value> {
    let whole = read_arguments(text);
    if !matches!(whole, Value::String(_)) || is_vast(text) {
        return vec![whole];
    }
    let mut objects: Vec<Value> = Vec::new();
    for object in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match object {
            Ok(object @ Value::Object(_)) if !is_too_deep(&object) => objects.push(object),
            Ok(_) | Err(_) => return vec![whole],
        }
        if objects.len() > CALLS_MAX {
            return vec![whole];
        }
    }
    objects.dedup();
    if objects.is_empty() { vec![whole] } else { objects }
}

/// Reads a call's arguments; what is no JSON stays as a string, so that the loop can tell.
pub(crate) fn read_arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    if is_vast(text) {
        return Value::String(text.to_owned());
    }
    let read = match serde_json::from_str::<Value>(text) {
        // Some models encode the object twice.
        Ok(Value::String(inner)) => match serde_json::from_str::<Value>(&inner) {
            Ok(Value::Object(object)) => Value::Object(object),
            Ok(_) | Err(_) => Value::String(inner),
        },
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    };
    if is_too_deep(&read) { Value::String(text.to_owned()) } else { read }
}

/// Whether `json` has so many values that reading it would take many times its own size.
fn is_vast(json: &str) -> bool {
    let (mut values, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'[' | b'{' if !in_text => values += 1,
            _ => {}
        }
    }
    values > ARGUMENT_VALUES_MAX
}

/// Whether `value` is nested deeper than arguments may be.
fn is_too_deep(value: &Value) -> bool {
    fn fits(value: &Value, room: usize) -> bool {
        let Some(inner) = room.checked_sub(1) else { return false };
        match value {
            Value::Array(items) => items.iter().all(|item| fits(item, inner)),
            Value::Object(fields) => fields.values().all(|item| fits(item, inner)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    !fits(value, ARGUMENT_DEPTH_MAX)
}

/// Arguments fit to be sent back: always an object, whatever the model once wrote.
pub(crate) fn as_object(arguments: &Value) -> std::borrow::Cow<'_, Value> {
    match arguments {
        Value::Object(_) => std::borrow::Cow::Borrowed(arguments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let mut object = Map::new();
            object.insert("malformed_arguments".to_owned(), arguments.clone());
            std::borrow::Cow::Owned(Value::Object(object))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_that_are_no_json_stay_as_text() {
        assert_eq!(read_arguments(r#"{"a":1}"#), json!({"a": 1}));
        assert_eq!(read_arguments(""), json!({}));
        assert_eq!(read_arguments(r#"{"a":"#), json!("{\"a\":"));
        assert_eq!(read_arguments(r#""{\"a\":1}""#), json!({"a": 1}));
    }

    #[test]
    fn arguments_that_are_nested_too_deep_stay_as_text() {
        let nested =
            |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));

        assert!(read_arguments(&nested(ARGUMENT_DEPTH_MAX - 2)).is_object());
        assert!(read_arguments(&nested(ARGUMENT_DEPTH_MAX)).is_string());
        assert!(read_arguments(&nested(100_000)).is_string());
        assert!(read_arguments(&format!("[{}0]", "0,".repeat(ARGUMENT_VALUES_MAX))).is_string());
        assert!(read_arguments(&format!("[\"{}\"]", ",".repeat(ARGUMENT_VALUES_MAX))).is_array());
    }

    #[test]
    fn several_objects_in_a_row_are_several_calls() {
        assert_eq!(read_calls(r#"{"a":1}{"a":2}"#), [json!({"a": 1}), json!({"a": 2})]);
        assert_eq!(read_calls(r#"{"a":1}{"a":1}"#), [json!({"a": 1})]);
        assert_eq!(read_calls(r#"{"a":1} oops"#), [json!("{\"a\":1} oops")]);
    }

    #[test]
    fn malformed_arguments_go_back_as_an_object() {
        let sent = as_object(&json!("oops")).into_owned();

        assert_eq!(sent, json!({"malformed_arguments": "oops"}));
    }
}
