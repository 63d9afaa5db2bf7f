//! What sessions may have to do with each other: sub-agents, messages, visibility.

use std::time::Duration;

/// `subagents` of an agent, the defaults merged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subagents {
    /// Agents besides itself that it may spawn; `*` is any.
    pub allow: Vec<String>,
    /// Model of its sub-agents, as written; `None`: the spawning session's.
    pub model: Option<String>,
    /// Thinking level of its sub-agents.
    pub thinking: Option<String>,
    /// Longest turn of them; `None`: the agent's own. Zero is without end.
    pub timeout: Option<Duration>,
    /// When one that has ended is put away; `None` is never.
    pub archive_after: Option<Duration>,
}

/// `tools.sessions.visibility`: which sessions the tools of a session reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// Itself.
    Own,
    /// Itself and those it spawned.
    Tree,
    /// All of its agent.
    Agent,
    /// Those of other agents as well, where `tools.agentToAgent` lets it.
    #[default]
    All,
}

/// `session.sendPolicy`: which conversations take messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendPolicy {
    /// Whether messages are refused that no rule speaks of.
    pub is_closed: bool,
    /// The rules; one that denies wins.
    pub rules: Vec<SendRule>,
}

/// One rule of [`SendPolicy`]. What it does not name, it does not look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRule {
    /// Whether it denies.
    pub denies: bool,
    /// Channel id, lowercase.
    pub channel: Option<String>,
    /// `direct`, `group` or `channel`.
    pub chat_type: Option<String>,
    /// Beginning of the session key, lowercase.
    pub key_prefix: Option<String>,
    /// The same, as files of 2026.9 call it.
    pub raw_key_prefix: Option<String>,
}
