//! What is known before the first question: the config as it is, the environment, the place.
//!
//! Plain data, gathered by whoever runs the wizard, so that the wizard itself reads nothing.

use std::path::PathBuf;

use config::{Env, Locations, Snapshot};
use domain::Secret;
use serde_json::Value;

use crate::language::Language;

/// The port of a gateway that nobody configured.
pub const PORT_DEFAULT: u16 = 18_789;
/// The variable that holds a gateway's token.
pub const TOKEN_VARIABLE: &str = "OPENCLAW_GATEWAY_TOKEN";

/// What is known before the first question.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The language of questions.
    pub language: Language,
    /// Whether there is a config file.
    pub exists: bool,
    /// Its value with defaults.
    pub resolved: Value,
    /// Its value as written.
    pub written: Value,
    /// The environment.
    pub env: Env,
    /// The workspace of someone who chose none.
    pub workspace_default: PathBuf,
    /// What `~` means.
    pub home: PathBuf,
    /// The state directory as people see it.
    pub state_shown: String,
    /// Whether this runs in a container.
    pub in_container: bool,
    /// A token to propose when there is none.
    pub fresh_token: Secret,
}

impl Facts {
    /// Takes what a config file and the environment say.
    pub fn of(snapshot: &Snapshot, locations: &Locations, env: &Env, fresh_token: Secret) -> Self {
        Self {
            language: Language::of_env(env),
            exists: snapshot.exists,
            resolved: snapshot.resolved.clone(),
            written: snapshot.parsed.clone(),
            env: env.clone(),
            workspace_default: locations.workspace_default.clone(),
            home: locations.home.clone(),
            state_shown: locations.shorten(&locations.state_dir),
            in_container: false,
            fresh_token,
        }
    }

    /// The same facts as if there were no config file.
    #[must_use]
    pub fn without_config(&self) -> Self {
        Self {
            exists: false,
            resolved: Value::Object(serde_json::Map::new()),
            written: Value::Object(serde_json::Map::new()),
            ..self.clone()
        }
    }

    /// A text of the config by JSON pointer, unless it is blank.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        let text = self.resolved.pointer(pointer).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
    }

    /// The same as the person wrote it, variables not replaced.
    pub(crate) fn written_text(&self, pointer: &str) -> Option<&str> {
        let text = self.written.pointer(pointer).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
    }

    /// The port in force.
    pub(crate) fn port(&self) -> u16 {
        let port = self.resolved.pointer("/gateway/port").and_then(Value::as_u64);
        port.and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT_DEFAULT)
    }

    /// The workspace in force.
    pub fn workspace(&self) -> String {
        self.written_text("/agents/defaults/workspace")
            .map_or_else(|| self.workspace_default.display().to_string(), str::to_owned)
    }

    /// The token to propose: in a container the one it was started with, since the clients
    /// there have it; elsewhere the configured one first.
    pub(crate) fn token(&self) -> Token {
        let given = || self.env.get(TOKEN_VARIABLE).map(|it| Token::Given(Secret::new(it.trim())));
        let kept = || self.written_text("/gateway/auth/token").map(|_| Token::Kept);
        let found = if self.in_container { given().or_else(kept) } else { kept().or_else(given) };
        found.unwrap_or_else(|| Token::Fresh(self.fresh_token.clone()))
    }
}

/// Where the gateway's token comes from.
#[derive(Clone, Debug)]
pub enum Token {
    /// The config has one, which stays.
    Kept,
    /// The environment or a person gave it.
    Given(Secret),
    /// It is made now.
    Fresh(Secret),
    /// It stays in the variable of this name, to which the config refers.
    Variable(String),
}
