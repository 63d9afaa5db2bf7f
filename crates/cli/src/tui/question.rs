//! A command that waits for this person's word.

use serde_json::Value;

use crate::ui::safe;

/// How long a key that was on its way when the question came is no answer to it.
const EARLY_MS: i64 = 400;

/// A question about a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: String,
    /// With everything hidden made visible.
    pub(crate) command: String,
    /// Where it would run, and for whom.
    pub(crate) about: String,
    pub(crate) expires_ms: i64,
    /// Since when it is on the screen.
    pub(crate) shown_ms: Option<i64>,
}

/// What a person says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Once,
    Always,
    Deny,
}

impl Question {
    pub(crate) fn read(asked: &Value) -> Option<Self> {
        let request = &asked["request"];
        let facts = [("on", "host"), ("in", "cwd"), ("for", "sessionKey")];
        let about: Vec<String> = facts
            .iter()
            .filter_map(|(word, name)| {
                Some(format!("{word} {}", safe::line(request[*name].as_str()?)))
            })
            .collect();
        Some(Self {
            id: asked["id"].as_str()?.to_owned(),
            command: safe::spelled(request["command"].as_str().unwrap_or_default()),
            about: about.join(" "),
            expires_ms: asked["expiresAtMs"].as_i64().unwrap_or(i64::MAX),
            shown_ms: None,
        })
    }

    /// Whether it was seen before the key was pressed.
    pub(crate) fn takes_keys(&self, now_ms: i64) -> bool {
        self.shown_ms.is_some_and(|shown| now_ms - shown >= EARLY_MS)
    }
}

impl Decision {
    pub(crate) fn of_key(key: char) -> Option<Self> {
        Some(match key.to_ascii_lowercase() {
            'y' => Self::Once,
            'a' => Self::Always,
            'n' => Self::Deny,
            _ => return None,
        })
    }

    /// As the gateway calls it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Once => "allow-once",
            Self::Always => "allow-always",
            Self::Deny => "deny",
        }
    }
}
