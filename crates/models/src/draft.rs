//! A reply while it is being written: blocks that grow, in the order they began.

use domain::{CallId, Part};
use serde_json::{Map, Value};

use crate::Delta;

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
}

impl Draft {
    /// Begins a block.
    pub(crate) fn begin(&mut self, key: Option<u64>, block: Block) -> &mut Block {
        let at = self.blocks.len();
        self.blocks.push((key, block));
        &mut self.blocks[at].1
    }

    /// The newest block called `key`.
    pub(crate) fn get(&mut self, key: u64) -> Option<&mut Block> {
        self.blocks.iter_mut().rev().find(|(it, _)| *it == Some(key)).map(|(_, block)| block)
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
        self.blocks.iter().any(|(_, block)| matches!(block, Block::Call { .. }))
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds to the text block at the end, or begins one.
    pub(crate) fn add_text(&mut self, more: &str, out: &mut Vec<Delta>) {
        if more.is_empty() {
            return;
        }
        match self.last() {
            Some(Block::Text { text, .. }) => text.push_str(more),
            Some(Block::Thinking { .. } | Block::Call { .. }) | None => {
                self.begin(None, Block::Text { text: more.to_owned(), signature: None });
            }
        }
        out.push(Delta::Text(more.to_owned()));
    }

    /// Adds to the thinking block at the end, or begins one that will be signed `signature`.
    pub(crate) fn add_thinking(&mut self, more: &str, signature: &str, out: &mut Vec<Delta>) {
        if more.is_empty() {
            return;
        }
        match self.last() {
            Some(Block::Thinking { text, .. }) => text.push_str(more),
            Some(Block::Text { .. } | Block::Call { .. }) | None => {
                let signature = Some(signature.to_owned());
                let text = more.to_owned();
                self.begin(None, Block::Thinking { text, signature, redacted: false });
            }
        }
        out.push(Delta::Thinking(more.to_owned()));
    }

    /// The finished parts; empty text and unsigned empty thinking are left out.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.blocks).into_iter().filter_map(|(_, block)| part(block)).collect()
    }
}

impl Block {
    /// An empty text block.
    pub(crate) fn text() -> Self {
        Self::Text { text: String::new(), signature: None }
    }
}

fn part(block: Block) -> Option<Part> {
    match block {
        Block::Text { text, .. } if text.is_empty() => None,
        Block::Text { text, signature } => Some(Part::Text { text, text_signature: signature }),
        Block::Thinking { text, signature: None, .. } if text.is_empty() => None,
        Block::Thinking { text, signature, redacted } => {
            Some(Part::Thinking { thinking: text, thinking_signature: signature, redacted })
        }
        Block::Call { id, name, arguments, signature } => Some(Part::ToolCall {
            id: CallId::new(if id.is_empty() { made_up_id() } else { id }),
            name,
            arguments: read_arguments(&arguments),
            thought_signature: signature,
        }),
    }
}

/// A call id for providers that name none, unique beyond this reply.
pub(crate) fn made_up_id() -> String {
    format!("call_{:016x}", any_number())
}

/// A number that nobody can foresee, good for ids and jitter.
pub(crate) fn any_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8)
}

/// Reads a call's arguments; what is no JSON stays as a string, so that the loop can tell.
pub(crate) fn read_arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str::<Value>(text) {
        // Some models encode the object twice.
        Ok(Value::String(inner)) => match serde_json::from_str::<Value>(&inner) {
            Ok(Value::Object(object)) => Value::Object(object),
            Ok(_) | Err(_) => Value::String(inner),
        },
        Ok(Value::Null) => Value::Object(Map::new()),
        Ok(value) => value,
        Err(_) => Value::String(text.to_owned()),
    }
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
    fn malformed_arguments_go_back_as_an_object() {
        let sent = as_object(&json!("oops")).into_owned();

        assert_eq!(sent, json!({"malformed_arguments": "oops"}));
    }
}
