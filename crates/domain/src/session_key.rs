//! The name of a conversation: which agent, and with whom.
//!
//! A key is canonical: lowercase, and either `global`, `unknown` or `agent:<id>:<rest>`
//! (`spec: sessions` §1). What a client sends is made canonical here and nowhere else.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::AgentId;

/// A canonical session key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionKey(Arc<str>);

/// What sort of conversation a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One person, or a program.
    Direct,
    /// A group or a channel.
    Group,
    /// The one conversation of `session.scope: "global"`.
    Global,
    /// A conversation nobody could classify.
    Unknown,
}

impl SessionKey {
    /// The main conversation of an agent.
    pub fn main_of(agent: &AgentId) -> Self {
        Self::of(agent, "main")
    }

    /// `agent:<agent>:<rest>`, lowercased.
    pub fn of(agent: &AgentId, rest: &str) -> Self {
        Self(Arc::from(format!("agent:{agent}:{rest}").to_lowercase()))
    }

    /// Makes a client's key canonical: bare keys belong to `default_agent`.
    ///
    /// `main_key` is the configured `session.mainKey`, which `main` stands for.
    pub fn canonical(raw: &str, default_agent: &AgentId, main_key: &str) -> Self {
        let raw = raw.trim().to_lowercase();
        if raw == "global" || raw == "unknown" {
            return Self(Arc::from(raw));
        }
        if raw.is_empty() || raw == "main" || raw == main_key {
            return Self::of(default_agent, main_key);
        }
        match raw.strip_prefix("agent:").and_then(|rest| rest.split_once(':')) {
            Some((agent, "main")) => Self::of(&AgentId::normalise(agent), main_key),
            Some((agent, rest)) if !rest.is_empty() => Self::of(&AgentId::normalise(agent), rest),
            Some(_) | None => Self::of(default_agent, &raw),
        }
    }

    /// Takes a key read from our own store as it is.
    pub fn stored(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The agent whose conversation this is; `None` for `global` and `unknown`.
    pub fn agent(&self) -> Option<AgentId> {
        let (agent, _) = self.0.strip_prefix("agent:")?.split_once(':')?;
        Some(AgentId::normalise(agent))
    }

    /// The part after `agent:<id>:`, or the whole key.
    pub fn rest(&self) -> &str {
        self.0
            .strip_prefix("agent:")
            .and_then(|tail| tail.split_once(':'))
            .map_or(&*self.0, |(_, rest)| rest)
    }

    /// The sort of conversation, as far as the key tells.
    pub fn kind(&self) -> Kind {
        match &*self.0 {
            "global" => Kind::Global,
            "unknown" => Kind::Unknown,
            key if key.contains(":group:") || key.contains(":channel:") => Kind::Group,
            _ => Kind::Direct,
        }
    }

    /// Whether a sub-agent holds this conversation.
    pub fn is_subagent(&self) -> bool {
        self.rest().starts_with("subagent:")
    }

    /// Whether this is the main conversation of its agent, or the global one.
    pub fn is_main(&self, main_key: &str) -> bool {
        &*self.0 == "global" || self.rest() == main_key
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for SessionKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_of_clients_become_canonical() {
        let cases = [
            ("main", "agent:work:main"),
            ("", "agent:work:main"),
            ("agent:Other:main", "agent:other:main"),
            ("agent:other:telegram:group:-100", "agent:other:telegram:group:-100"),
            ("subagent:x", "agent:work:subagent:x"),
            ("GLOBAL", "global"),
            ("hook:1", "agent:work:hook:1"),
            ("agent:broken", "agent:work:agent:broken"),
        ];

        for (given, expected) in cases {
            let key = SessionKey::canonical(given, &AgentId::normalise("work"), "main");
            assert_eq!(key.as_str(), expected, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(raw in "[ -~]{0,40}") {
            let agent = AgentId::main();
            let once = SessionKey::canonical(&raw, &agent, "main");
            let twice = SessionKey::canonical(once.as_str(), &agent, "main");
            prop_assert_eq!(once, twice);
        }
    }
}
