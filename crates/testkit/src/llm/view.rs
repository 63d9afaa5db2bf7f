//! A request as a test looks at it, the same for all dialects.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use tokio::time::Instant;

use super::read;

/// A wire dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `OpenAI` chat completions.
    Chat,
    /// `OpenAI` responses.
    Responses,
    /// Anthropic messages.
    Messages,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// Its name in `openclaw.json`.
    pub fn api(self) -> &'static str {
        match self {
            Self::Chat => "openai-completions",
            Self::Responses => "openai-responses",
            Self::Messages => "anthropic-messages",
        }
    }

    /// The dialect spoken at `path`.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path.rsplit('/').next() {
            Some("completions") => Some(Self::Chat),
            Some("responses") => Some(Self::Responses),
            Some("messages") => Some(Self::Messages),
            Some(_) | None => None,
        }
    }
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// In which dialect.
    pub dialect: Dialect,
    /// When its head had arrived.
    pub arrived: Instant,
    /// Over which connection: the address of the other end.
    pub peer: Option<SocketAddr>,
    /// Header names in lowercase.
    pub headers: BTreeMap<String, String>,
    /// The whole body.
    pub body: Value,
    pub(super) system: String,
    pub(super) messages: Vec<Seen>,
}

/// A message of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Of the person.
    User {
        /// Its text parts, joined by line breaks.
        text: String,
        /// How many images it holds.
        images: usize,
    },
    /// Of the model.
    Assistant {
        /// Its text.
        text: String,
        /// Its thinking, as sent back.
        thinking: String,
        /// Its calls.
        calls: Vec<SeenCall>,
    },
    /// Of a tool.
    Result {
        /// The call it answers.
        id: String,
        /// The tool, as far as the calls before tell.
        name: String,
        /// Its text.
        text: String,
        /// How many images it holds.
        images: usize,
    },
}

/// A call of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenCall {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub arguments: Value,
}

impl RequestView {
    /// Reads a request, and says what about it breaks the rules of its dialect.
    pub(super) fn read(
        dialect: Dialect,
        headers: BTreeMap<String, String>,
        body: Value,
    ) -> (Self, Vec<String>) {
        let mut broken = Vec::new();
        let (system, messages) = read::conversation(dialect, &body, &mut broken);
        let arrived = Instant::now();
        (Self { dialect, arrived, peer: None, headers, body, system, messages }, broken)
    }

    /// The system prompt.
    pub fn system(&self) -> &str {
        &self.system
    }

    /// The conversation, without the system prompt.
    pub fn messages(&self) -> &[Seen] {
        &self.messages
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    /// Names of the tools on offer, in order.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        tools
            .iter()
            .filter_map(|tool| tool["function"]["name"].as_str().or(tool["name"].as_str()))
            .collect()
    }

    /// The text of the newest message of the person.
    pub fn last_user(&self) -> &str {
        let newest = self.messages.iter().rev().find_map(|it| match it {
            Seen::User { text, .. } => Some(text.as_str()),
            Seen::Assistant { .. } | Seen::Result { .. } => None,
        });
        newest.unwrap_or_default()
    }

    /// The text of the newest result of `tool`.
    ///
    /// # Panics
    ///
    /// When there is none: the test expected one.
    pub fn result_of(&self, tool: &str) -> &str {
        let newest = self.messages.iter().rev().find_map(|it| match it {
            Seen::Result { name, text, .. } if name == tool => Some(text.as_str()),
            Seen::Result { .. } | Seen::User { .. } | Seen::Assistant { .. } => None,
        });
        newest.unwrap_or_else(|| panic!("no result of `{tool}` in {:#?}", self.messages))
    }

    /// How many results came since the person last spoke.
    pub fn results_since_user(&self) -> usize {
        let newest = self.messages.iter().rev();
        newest
            .take_while(|it| !matches!(it, Seen::User { .. }))
            .filter(|it| matches!(it, Seen::Result { .. }))
            .count()
    }
}
