//! Where questions about commands are told, besides to operators that hold the scope.

use domain::AgentId;

/// Which questions are told in chats, and in which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// Whether they are told in the conversation that wants the command.
    pub to_session: bool,
    /// Only those of these agents; empty is all.
    pub agents: Vec<AgentId>,
    /// Only those of conversations whose key has one of these texts in it, or matches one of them
    /// as a regular expression; empty is all.
    pub sessions: Vec<String>,
    /// Other chats.
    pub targets: Vec<ForwardTarget>,
}

/// A chat of a chat service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardTarget {
    /// The chat service.
    pub channel: String,
    /// The chat.
    pub to: String,
}
