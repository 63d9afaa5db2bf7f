//! Which questions about commands are told in chats: pure.

use config::Forwarding;
use domain::{AgentId, SessionKey};
use regex::RegexBuilder;

/// Longest pattern that is tried as a regular expression, and the most room that it may take.
const PATTERN_BYTES_MAX: usize = 256;
const REGEX_BYTES_MAX: usize = 1 << 16;

/// Whether a question of this agent in this conversation is told.
pub fn applies(settings: &Forwarding, agent: Option<&AgentId>, session: &SessionKey) -> bool {
    let of_agent =
        settings.agents.is_empty() || agent.is_some_and(|agent| settings.agents.contains(agent));
    let in_session = settings.sessions.is_empty()
        || settings.sessions.iter().any(|pattern| fits(pattern, session.as_str()));
    of_agent && in_session
}

/// A pattern that is no regular expression is only a text.
fn fits(pattern: &str, key: &str) -> bool {
    if key.contains(pattern) {
        return true;
    }
    pattern.len() <= PATTERN_BYTES_MAX
        && RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .is_ok_and(|regex| regex.is_match(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_where_agent_and_conversation_are_meant() {
        let told = |agents: &[&str], sessions: &[&str]| {
            let settings = Forwarding {
                agents: agents.iter().map(|it| AgentId::normalise(it)).collect(),
                sessions: sessions.iter().map(|it| (*it).to_owned()).collect(),
                ..Forwarding::default()
            };
            let session = SessionKey::stored("agent:main:telegram:group:7");
            applies(&settings, Some(&AgentId::main()), &session)
        };

        assert!(told(&[], &[]));
        assert!(told(&["main"], &["telegram"]));
        assert!(told(&["ops", "main"], &["^agent:main:.*:7$"]));
        assert!(!told(&["ops"], &[]));
        assert!(!told(&["main"], &["discord", "group:8"]));
        assert!(!told(&[], &["(unclosed"]));
    }
}
