//! Which conversation is shown, and what is known of it.

use serde_json::Value;

use crate::ui::safe;

/// What keys without an agent mean, as the gateway says at hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    agent: String,
    main_name: String,
    main: String,
}

/// The conversation that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) key: String,
    pub(crate) model: String,
    pub(crate) thinking: String,
    pub(crate) verbose: String,
    /// Tokens that are used, and that there are.
    pub(crate) tokens: Option<(u64, u64)>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { agent: "main".into(), main_name: "main".into(), main: "agent:main:main".into() }
    }
}

impl Defaults {
    pub(crate) fn of_hello(hello: &Value) -> Self {
        let said = &hello["snapshot"]["sessionDefaults"];
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        let default = Self::default();
        Self {
            agent: text("defaultAgentId").unwrap_or(default.agent),
            main_name: text("mainKey").unwrap_or(default.main_name),
            main: text("mainSessionKey").unwrap_or(default.main),
        }
    }

    /// The full key of what a person typed; nothing is the main conversation.
    pub(crate) fn key(&self, typed: &str) -> String {
        let typed = typed.trim().to_lowercase();
        if typed.is_empty() || typed == "main" || typed == self.main_name {
            return self.main.clone();
        }
        if typed == "global" || typed.starts_with("agent:") {
            return typed;
        }
        format!("agent:{}:{typed}", self.agent)
    }

    /// The main conversation of an agent.
    pub(crate) fn main_of(&self, agent: &str) -> String {
        if self.main == "global" || agent == self.agent {
            return self.main.clone();
        }
        format!("agent:{agent}:{}", self.main_name)
    }
}

impl Session {
    pub(crate) fn of(key: String) -> Self {
        Self { key, ..Self::default() }
    }

    /// The agent of the key.
    pub(crate) fn agent(&self) -> &str {
        let mut parts = self.key.split(':');
        match (parts.next(), parts.next()) {
            (Some("agent"), Some(agent)) => agent,
            _ => "main",
        }
    }

    /// Takes what `chat.history` says beside the messages.
    pub(crate) fn take_history(&mut self, reply: &Value) {
        let text = |name: &str| safe::line(reply[name].as_str().unwrap_or_default());
        (self.thinking, self.verbose) = (text("thinkingLevel"), text("verboseLevel"));
        if self.model.is_empty() {
            self.model = safe::line(reply["defaults"]["model"].as_str().unwrap_or_default());
        }
    }

    /// Takes its row of `sessions.list`.
    pub(crate) fn take_row(&mut self, reply: &Value) {
        let rows = reply["sessions"].as_array().into_iter().flatten();
        let Some(row) = rows.into_iter().find(|row| row["key"] == *self.key) else { return };
        let text = |name: &str| row[name].as_str().map(safe::line);
        self.model = text("model").unwrap_or_default();
        self.thinking = text("thinkingLevel").unwrap_or_else(|| self.thinking.clone());
        self.verbose = text("verboseLevel").unwrap_or_else(|| self.verbose.clone());
        self.tokens = row["totalTokens"].as_u64().zip(row["contextTokens"].as_u64());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_names_become_full_keys() {
        let hello = json!({"snapshot": {"sessionDefaults": {"defaultAgentId": "ann",
            "mainKey": "home", "mainSessionKey": "agent:ann:home"}}});
        let defaults = Defaults::of_hello(&hello);

        let keys = ["", "main", "home", "Work", "agent:bob:x", "global"].map(|it| defaults.key(it));

        let expected = [
            "agent:ann:home",
            "agent:ann:home",
            "agent:ann:home",
            "agent:ann:work",
            "agent:bob:x",
            "global",
        ];
        assert_eq!(keys, expected);
        assert_eq!(defaults.main_of("bob"), "agent:bob:home");
        assert_eq!(Session::of("agent:bob:x".into()).agent(), "bob");
    }
}
