//! Questions about commands, told in the conversation that wants the command, where the config
//! says so (`approvals.exec`).
//!
//! Whoever reads the conversation sees the question with the words that answer it; whether they
//! may is asked when they do. Such a message is an event and no part of the transcript: a turn
//! waits in it, and nothing may come between a call and its result.

use domain::AgentId;
use protocol::event::{Chat, ChatMessage, ChatState};
use serde_json::Value;
use tracing::warn;

use super::{Answered, Asked, Cause, News};
use crate::state::Gateway;

/// Longest command that is told, in characters.
const COMMAND_CHARS_MAX: usize = 1_000;

/// Tells the conversation, if the config wishes it.
pub(super) fn tell(gateway: &Gateway, news: News<'_>) {
    let asked = match news {
        News::Asked(asked) => asked,
        News::Ended(answered) => &answered.asked,
    };
    let config = gateway.config();
    let Some(settings) = &config.approvals else { return };
    let Some(session) = asked.request["sessionKey"].as_str() else { return };
    let session = gateway.session_key(session, agent(asked).as_ref());
    let agent = agent(asked).or_else(|| session.agent());
    if !policy::forward::applies(settings, agent.as_ref(), &session) {
        return;
    }
    let (name, text) = match news {
        News::Asked(asked) => {
            for target in &settings.targets {
                let (channel, to) = (&target.channel, &target.to);
                warn!(channel, to, "a question about a command is not sent: no such chat service");
            }
            ("approval", question(asked))
        }
        News::Ended(answered) => ("approval-end", end(answered)),
    };
    if settings.to_session {
        let message = ChatMessage::new(text, gateway.clock.now().0);
        let chat = Chat {
            run_id: format!("{name}-{}", asked.id).into(),
            session_key: session.as_str().into(),
            agent_id: agent.map(|agent| agent.as_str().into()),
            seq: 0,
            state: ChatState::Final { stop_reason: None, message: Some(message) },
        };
        gateway.events.announce_chat(&session, &chat);
    }
}

fn agent(asked: &Asked) -> Option<AgentId> {
    asked.request["agentId"].as_str().map(AgentId::normalise)
}

fn slug(asked: &Asked) -> String {
    asked.id.chars().take(8).collect()
}

fn question(asked: &Asked) -> String {
    let text = |name: &str| asked.request[name].as_str();
    let command: String =
        text("command").unwrap_or_default().chars().take(COMMAND_CHARS_MAX).collect();
    let host = text("host").unwrap_or("gateway");
    let place = text("cwd").map(|cwd| format!(", in {cwd}")).unwrap_or_default();
    let decisions = asked.request["allowedDecisions"].as_array();
    let decisions: Vec<&str> = decisions.into_iter().flatten().filter_map(Value::as_str).collect();
    let decisions = decisions.join("|");
    let seconds = asked.expires_at_ms.saturating_sub(asked.created_at_ms) / 1000;
    let slug = slug(asked);
    format!(
        "May this run (on {host}{place})?\n\n    {command}\n\nAnswer within {seconds} s: /approve \
         {slug} {decisions}"
    )
}

fn end(answered: &Answered) -> String {
    let slug = slug(&answered.asked);
    match (answered.cause, answered.verdict.as_str()) {
        (Cause::Person, Some(verdict)) => format!("Question {slug} was answered: {verdict}."),
        (Cause::Time, _) => format!("Nobody answered question {slug} in time."),
        (Cause::Person | Cause::Asker, _) => format!("Question {slug} was taken back."),
    }
}
