//! The messages of a conversation: added to at the end, shared without copying.
//!
//! A copy shares the messages and the blocks that hold them, so a request that takes one costs
//! the same however long the conversation is (one count for every [`BLOCK`] messages).

use std::{
    iter::{self, FusedIterator},
    ops::{Index, Range},
    sync::Arc,
};

use serde_json::Value;

use crate::{Message, Part};

/// Messages of one block. Adding to a block that a copy shares copies its pointers.
const BLOCK: usize = 64;

/// Characters of one token, by rule of thumb, erring to the long side.
const CHARS_PER_TOKEN: u64 = 4;

/// What an image counts, in characters.
const IMAGE_CHARS: u64 = 4_800;

/// Messages, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// All but the last are full; none is empty.
    blocks: Vec<Arc<Vec<Arc<Message>>>>,
    len: usize,
    tokens: u64,
}

impl Messages {
    /// Adds a message at the end.
    pub fn push(&mut self, message: Arc<Message>) {
        self.tokens += message.rough_tokens();
        self.len += 1;
        if let Some(block) = self.blocks.last_mut().filter(|block| block.len() < BLOCK) {
            Arc::make_mut(block).push(message);
        } else {
            self.blocks.push(Arc::new(vec![message]));
        }
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The message at `at`.
    pub fn get(&self, at: usize) -> Option<&Arc<Message>> {
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)
    }

    /// The newest message.
    pub fn last(&self) -> Option<&Arc<Message>> {
        self.blocks.last()?.last()
    }

    /// All messages, oldest first.
    pub fn iter(&self) -> Iter<'_> {
        self.since(0)
    }

    /// The messages from the one at `start` on, oldest first.
    pub fn since(&self, start: usize) -> Iter<'_> {
        Iter { messages: self, left: start.min(self.len)..self.len }
    }

    /// Tokens of all messages, by rule of thumb.
    pub fn rough_tokens(&self) -> u64 {
        self.tokens
    }

    /// Whether this begins with the very messages of `other`: the same ones, not equal ones.
    /// Looks at the blocks, and at messages only where a block was added to.
    pub fn continues(&self, other: &Self) -> bool {
        self.len >= other.len
            && iter::zip(&self.blocks, &other.blocks).all(|(own, theirs)| {
                Arc::ptr_eq(own, theirs)
                    || (own.len() >= theirs.len()
                        && iter::zip(&**own, &**theirs).all(|(a, b)| Arc::ptr_eq(a, b)))
            })
    }
}

impl Index<usize> for Messages {
    type Output = Arc<Message>;

    fn index(&self, at: usize) -> &Self::Output {
        &self.blocks[at / BLOCK][at % BLOCK]
    }
}

/// Messages in order, from either end.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    messages: &'a Messages,
    left: Range<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Arc<Message>;

    fn next(&mut self) -> Option<Self::Item> {
        self.messages.get(self.left.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.messages.get(self.left.next_back()?)
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl FusedIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a Arc<Message>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Arc<Message>> for Messages {
    fn from_iter<I: IntoIterator<Item = Arc<Message>>>(messages: I) -> Self {
        let mut all = Self::default();
        messages.into_iter().for_each(|message| all.push(message));
        all
    }
}

impl From<Vec<Arc<Message>>> for Messages {
    fn from(messages: Vec<Arc<Message>>) -> Self {
        messages.into_iter().collect()
    }
}

impl Message {
    /// Tokens of the message, by rule of thumb.
    pub fn rough_tokens(&self) -> u64 {
        let content = match self {
            Self::User(it) => &it.content,
            Self::Assistant(it) => &it.content,
            Self::ToolResult(it) => &it.content,
            Self::BashExecution(it) => {
                return (it.command.len() + it.output.len()) as u64 / CHARS_PER_TOKEN;
            }
        };
        let chars: u64 = content.0.iter().map(chars).sum();
        chars / CHARS_PER_TOKEN + 1
    }
}

fn chars(part: &Part) -> u64 {
    match part {
        Part::Text { text, .. } => text.len() as u64,
        Part::Thinking { thinking, .. } => thinking.len() as u64,
        Part::Image { .. } => IMAGE_CHARS,
        Part::ToolCall { name, arguments, .. } => name.len() as u64 + json_chars(arguments),
    }
}

/// About as many characters as `value` has as JSON, without writing it.
fn json_chars(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(items) => items.iter().map(|item| json_chars(item) + 1).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, item)| key.len() as u64 + json_chars(item) + 4).sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, UnixMillis, User};

    fn said(text: &str) -> Arc<Message> {
        Arc::new(Message::User(User { content: Content::text(text), timestamp: UnixMillis(0) }))
    }

    fn counted(count: usize) -> Messages {
        (0..count).map(|n| said(&n.to_string())).collect()
    }

    #[test]
    fn messages_come_back_in_order_from_both_ends_and_the_middle() {
        let messages = counted(BLOCK * 2 + 3);
        let numbers: Vec<_> = (0..BLOCK * 2 + 3).map(|n| said(&n.to_string())).collect();

        assert!(messages.iter().eq(&numbers));
        assert!(messages.iter().rev().eq(numbers.iter().rev()));
        assert!(messages.since(BLOCK + 1).eq(&numbers[BLOCK + 1..]));
        assert_eq!((messages.len(), messages.since(900).len()), (numbers.len(), 0));
        assert_eq!((messages.last(), messages.get(BLOCK)), (numbers.last(), numbers.get(BLOCK)));
        assert_eq!(messages.get(messages.len()), None);
    }

    #[test]
    fn a_copy_stays_as_it_was_and_is_known_as_the_beginning() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1] {
            let mut messages = counted(count);
            let copy = messages.clone();
            messages.push(said("new"));

            assert_eq!((copy.len(), messages.len()), (count, count + 1));
            assert!(messages.continues(&copy) && messages.continues(&messages));
            assert!(!copy.continues(&messages));
        }
    }

    #[test]
    fn equal_messages_are_not_the_same_ones() {
        let (one, other) = (counted(BLOCK + 1), counted(BLOCK + 1));
        let mut branch: Messages = one.iter().take(2).cloned().collect();
        let stem = branch.clone();
        branch.push(said("2"));

        assert!(!one.continues(&other));
        assert!(one.continues(&stem) && !one.continues(&branch));
    }

    #[test]
    fn tokens_are_counted_as_messages_come() {
        let two: Messages = vec![said(&"x".repeat(400)), said("")].into();

        assert_eq!(two.rough_tokens(), 101 + 1);
    }
}
