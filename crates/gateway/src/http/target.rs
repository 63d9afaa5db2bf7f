//! Which agent and which conversation a request means.

use axum::http::HeaderMap;
use domain::{AgentId, SessionKey};
use sha2::{Digest as _, Sha256};

use crate::state::Gateway;

const WRONG_MODEL: &str = "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.";
const WRONG_KEY: &str = "Invalid `x-openclaw-session-key`: this namespace is reserved.";
/// Conversations that only the gateway itself starts.
const RESERVED: [&str; 3] = ["subagent:", "cron:", "acp:"];
/// Longest user name that becomes part of a key as it is; of longer ones the digest does.
const USER_BYTES_MAX: usize = 128;

/// Where a message goes.
pub(super) struct Target {
    /// The conversation.
    pub(super) session: SessionKey,
    /// Where the message is said to come from.
    pub(super) channel: String,
}

/// Finds agent and conversation from the headers and from what the request calls `model` and
/// `user`.
///
/// # Errors
///
/// What to tell the client.
pub(super) fn of(
    gateway: &Gateway,
    headers: &HeaderMap,
    (model, user): (Option<&str>, Option<&str>),
) -> Result<Target, &'static str> {
    let config = gateway.config();
    let header = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    };
    let named = header("x-openclaw-agent-id")
        .or_else(|| header("x-openclaw-agent"))
        .or_else(|| model.and_then(agent_in));
    let agent = match named.map(AgentId::normalise) {
        Some(agent) if config.agents.get(&agent).is_none() => return Err(WRONG_MODEL),
        Some(agent) => agent,
        None => config.agents.default.clone(),
    };
    let session = match header("x-openclaw-session-key") {
        Some(raw) => {
            let key = gateway.session_key(raw, Some(&agent));
            if RESERVED.iter().any(|space| key.rest().starts_with(space)) {
                return Err(WRONG_KEY);
            }
            key
        }
        None => fresh(&agent, user),
    };
    let channel = header("x-openclaw-message-channel").unwrap_or("webchat").to_lowercase();
    Ok(Target { session, channel })
}

/// The agent that a model name stands for, if it stands for one.
fn agent_in(model: &str) -> Option<&str> {
    let model = model.trim();
    let after = |start: &str| {
        let head = model.get(..start.len())?;
        head.eq_ignore_ascii_case(start).then(|| model.get(start.len()..)).flatten()
    };
    let id = after("openclaw/").or_else(|| after("openclaw:")).or_else(|| after("agent:"))?;
    let is_id =
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (is_id && !id.eq_ignore_ascii_case("default")).then_some(id)
}

/// The conversation of a user, or a new one.
fn fresh(agent: &AgentId, user: Option<&str>) -> SessionKey {
    let user = user.map(str::trim).filter(|user| !user.is_empty());
    match user {
        Some(user) if user.len() <= USER_BYTES_MAX => {
            SessionKey::of(agent, &format!("openai-user:{user}"))
        }
        Some(user) => {
            let digest = hex::encode(Sha256::digest(user.as_bytes()));
            SessionKey::of(agent, &format!("openai-user:{digest}"))
        }
        None => SessionKey::of(agent, &format!("openai:{}", uuid::Uuid::new_v4())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_names_tell_the_agent_and_others_the_default() {
        let cases = [
            ("openclaw", None),
            ("openclaw/default", None),
            ("openclaw/work", Some("work")),
            ("OpenClaw:Work", Some("Work")),
            ("agent:a_b-1", Some("a_b-1")),
            ("gpt-4", None),
            ("openclaw/", None),
            ("openclaw/a/b", None),
            ("日本語", None),
        ];

        for (model, expected) in cases {
            assert_eq!(agent_in(model), expected, "{model}");
        }
    }

    #[test]
    fn users_keep_their_conversation_and_nobody_shares_one() {
        let agent = AgentId::main();
        let key = |user| fresh(&agent, user).to_string();

        assert_eq!(key(Some(" Alice ")), "agent:main:openai-user:alice");
        let long = "x".repeat(5000);
        assert_eq!(key(Some(&long)), key(Some(&long)));
        assert!(key(Some(&long)).len() < 100);
        assert_ne!(key(None), key(Some(" ")));
    }
}
