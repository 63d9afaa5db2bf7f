//! The differences that are meant, and the recordings that are replayed.
//!
//! Every row here is a row of `docs/protocol.md`; a test holds the two together. A row that
//! excuses nothing fails the replay, so that the list cannot outlive its reasons.

/// A difference from the recordings that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deliberate {
    /// The recording; `*` stands for any text.
    pub(crate) file: &'static str,
    /// The place in it; `*` stands for any text.
    pub(crate) path: &'static str,
    /// Why.
    pub(crate) why: &'static str,
}

/// What is meant.
pub(crate) const DELIBERATE: [Deliberate; 0] = [];

/// What is replayed, in an order in which it makes sense on one gateway.
pub(crate) const REPLAYED: [&str; 41] = [
    "connect-token-no-device",
    "connect-token-backend",
    "connect-token-webchat-no-device",
    "connect-token-control-ui-no-device",
    "connect-bad-token",
    "connect-no-auth",
    "connect-wrong-protocol-low",
    "connect-wrong-protocol-high",
    "connect-protocol-range",
    "connect-missing-connect",
    "connect-invalid-params",
    "connect-garbage-frame",
    "connect-read-scope-only",
    "connect-timeout-no-frame",
    "health",
    "status",
    "system-presence",
    "agents.list",
    "agent.identity.get",
    "models.list",
    "config.get",
    "config.schema",
    "sessions.list",
    "logs.tail",
    "system.unknown-method-xyz",
    "errors",
    "errors-bad-frame",
    "chat-send-text",
    "chat-send-duplicate-idempotency",
    "chat-send-slow-stream",
    "chat-send-tool-exec",
    "chat-send-tool-exec-no-tool-events-cap",
    "chat-send-tool-exec-verbose",
    "chat-abort",
    "chat-stop-command",
    "chat-slash-status",
    "chat-inject",
    "agent-method",
    "sessions-lifecycle",
    "tick",
    "shutdown-sigterm",
];

/// What waits for features of later versions, by the beginning of its name. `http` is replayed
/// beside the others.
pub(crate) const LATER: [(&str, &str); 25] = [
    ("agents.files.", "editing of workspace files"),
    ("channels.", "channels"),
    ("chat-send-tool-exec-sandbox", "the sandbox"),
    ("commands.", "slash commands as data"),
    ("connect-device-", "device identity"),
    ("connect-node-role", "nodes"),
    ("connect-token-device", "device identity"),
    ("cron", "cron"),
    ("device.", "device identity"),
    ("diagnostics.", "diagnostics"),
    ("doctor.", "memory search"),
    ("environments.", "remote environments"),
    ("exec.approvals.", "approvals"),
    ("gateway.identity.", "device identity"),
    ("last-heartbeat", "heartbeats"),
    ("llm-upstream-requests", "no conversation with a gateway"),
    ("models.authStatus", "the setup of models"),
    ("node", "nodes"),
    ("plugins.", "plugins"),
    ("sandbox-docker-events", "the sandbox"),
    ("s", "skills, secrets, subscriptions and system events"),
    ("t", "tasks, tools as data and speech"),
    ("u", "updates and usage"),
    ("voicewake.", "nodes"),
    ("wizard.", "the setup wizard"),
];

/// Whether `text` is what `pattern` describes.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.into_iter().any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("v4/*", "v4/health"));
        assert!(matches("*.payload*.path", "r1:status.payload.sessions.path"));
        assert!(matches("a*", "a"));
        assert!(!matches("v4/*", "v3/health"));
        assert!(!matches("*.path", "x.paths"));
    }
}
