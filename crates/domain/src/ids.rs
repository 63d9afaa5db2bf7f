//! Names of things. Parsed at the edge, then never checked again.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest agent id, in bytes.
pub const AGENT_ID_BYTES_MAX: usize = 64;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A conversation's file: a UUID v4, also the stem of its transcript.
    SessionId
}
text_id! {
    /// One run of the loop. The wire calls it `runId`; it is the client's idempotency key.
    TurnId
}
text_id! {
    /// One tool call, as the model named it.
    CallId
}
text_id! {
    /// One WebSocket connection.
    ConnId
}
text_id! {
    /// A device: SHA-256 of its public key, in hex.
    DeviceId
}
text_id! {
    /// One line of a transcript: 8 lowercase hex digits, unique in its file.
    EntryId
}

impl SessionId {
    /// Makes a fresh random id.
    pub fn random() -> Self {
        Self::new(uuid::Uuid::new_v4().to_string())
    }
}

impl TurnId {
    /// Makes a fresh random id, for turns that no client named.
    pub fn random() -> Self {
        Self::new(uuid::Uuid::new_v4().to_string())
    }
}

impl ConnId {
    /// Makes a fresh random id.
    pub fn random() -> Self {
        Self::new(uuid::Uuid::new_v4().to_string())
    }
}

/// An agent, such as `main`. Always matches `[a-z0-9][a-z0-9_-]{0,63}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AgentId(Arc<str>);

impl AgentId {
    /// The agent that exists when none is configured.
    pub const MAIN: &'static str = "main";

    /// Makes the nearest valid id: lowercase, invalid runs become `-`, empty becomes `main`.
    pub fn normalise(text: &str) -> Self {
        let mut id = String::with_capacity(text.len());
        for c in text.trim().to_lowercase().chars() {
            match c {
                'a'..='z' | '0'..='9' | '_' | '-' => id.push(c),
                _ if id.ends_with('-') => {}
                _ => id.push('-'),
            }
        }
        let id = id.trim_matches(['-', '_']);
        let id = id.get(..AGENT_ID_BYTES_MAX).unwrap_or(id).trim_end_matches(['-', '_']);
        Self(Arc::from(if id.is_empty() { Self::MAIN } else { id }))
    }

    /// The agent called `main`.
    pub fn main() -> Self {
        Self(Arc::from(Self::MAIN))
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for AgentId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for AgentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::normalise(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_ids_are_made_valid() {
        let cases = [
            ("Main", "main"),
            (" My Agent! ", "my-agent"),
            ("", "main"),
            ("a__b", "a__b"),
            ("ü", "main"),
        ];

        for (given, expected) in cases {
            assert_eq!(AgentId::normalise(given).as_str(), expected, "{given:?}");
        }
        assert_eq!(AgentId::normalise(&"x".repeat(200)).as_str().len(), AGENT_ID_BYTES_MAX);
    }
}
