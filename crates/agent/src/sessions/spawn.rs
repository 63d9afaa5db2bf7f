//! Starts sub-agents: a conversation of their own, with the task as its first message.

use domain::{AgentId, Content, SessionKey, TurnId};
use policy::spawn::may_spawn;
use serde_json::Map;
use store::{SessionEntry, SubagentRecord};
use tools::ports::{Cleanup, Errand, Spawned};

use super::Sessions;
use crate::{
    Origin, Submission, commands,
    origin::INTERNAL,
    status,
    subagents::{Start, report},
};

/// Why a session that nobody's word is behind any more starts nothing.
pub(super) const TOO_FAR: &str = "too many messages between sessions followed from one message of a person; \
end here and wait for the person";

/// Starts a sub-agent for `sender`.
pub(super) async fn spawn(sessions: &Sessions, sender: &SessionKey, errand: Errand) -> Spawned {
    let config = sessions.config();
    let own = sender.agent().unwrap_or_else(|| config.agents.default.clone());
    let Some(agent) = config.agents.get(&own) else {
        return Spawned::Failed(format!("there is no agent `{own}`"));
    };
    let target = errand.agent.as_deref().map_or_else(|| own.clone(), AgentId::normalise);
    if let Err(refusal) = may_spawn(&config, agent, sender, &target) {
        return Spawned::Forbidden(refusal.to_string());
    }
    let Some(subagents) = &sessions.hub.io.subagents else {
        return Spawned::Failed("sub-agents need a running gateway".to_owned());
    };
    let Some(trail) = sessions.hub.table.trail(sender).further() else {
        return Spawned::Forbidden(TOO_FAR.to_owned());
    };
    let child = SessionKey::of(&target, &format!("subagent:{}", uuid::Uuid::new_v4()));
    let wish = match Wish::of(sessions, &errand, &target) {
        Ok(wish) => wish,
        Err(why) => return Spawned::Failed(why),
    };
    let settled = match settle(sessions, (sender, &own), (&child, &target), wish).await {
        Ok(settled) => settled,
        Err(error) => return Spawned::Failed(crate::turn::with_causes(&error)),
    };
    let turn = TurnId::random();
    let record = SubagentRecord {
        run_id: turn.clone(),
        child_session_key: child.clone(),
        requester_session_key: sender.clone(),
        task: errand.task.clone(),
        label: errand.label.clone(),
        cleanup: match errand.cleanup {
            Cleanup::Keep => "keep".to_owned(),
            Cleanup::Delete => "delete".to_owned(),
        },
        created_at: sessions.hub.io.clock.now(),
        ended_at: None,
        outcome: None,
        cleanup_completed_at: None,
        archive_at_ms: None,
        rest: Map::new(),
    };
    let mut submission = Submission::of(turn.clone(), child.clone(), Content::text(errand.task));
    INTERNAL.clone_into(&mut submission.channel);
    submission.extra_system = Some(report::briefing(sender, errand.label.as_deref()));
    let limit = config.agents.get(&target).and_then(|agent| agent.subagents.timeout);
    submission.timeout = errand.timeout.or(limit);
    submission.origin = Origin::Task(trail);
    if let Err(why) = subagents.spawn(Start { record, submission }).await {
        // The conversation that was made for it has no line yet.
        let _left_behind_at_worst = sessions.hub.io.store.sessions(&target).remove(&child).await;
        return Spawned::Failed(why);
    }
    let Settled { has_model, warning } = settled;
    Spawned::Accepted { session: child, turn, has_model, warning }
}

/// What the conversation of a sub-agent is to be like.
struct Wish {
    label: Option<String>,
    thinking: Option<&'static str>,
    /// The model, and whether the call named it.
    model: Option<(String, bool)>,
}

impl Wish {
    /// # Errors
    ///
    /// What of it cannot be.
    fn of(sessions: &Sessions, errand: &Errand, target: &AgentId) -> Result<Self, String> {
        let config = sessions.config();
        let settings = config.agents.get(target).map(|agent| &agent.subagents);
        let level = |word: &str| commands::thinking_level(&word.trim().to_lowercase());
        let asked = errand.thinking.as_deref();
        let thinking = match asked.map(|word| (word, level(word))) {
            Some((word, None)) => {
                let choices = commands::choices(commands::Setting::Think).join(", ");
                return Err(format!("Invalid thinking level \"{word}\". Use one of: {choices}"));
            }
            Some((_, known)) => known,
            None => settings.and_then(|it| it.thinking.as_deref()).and_then(level),
        };
        if let Some(label) = &errand.label {
            let all = sessions.hub.io.store.sessions(target).list();
            if all.iter().any(|(_, entry)| entry.label.as_ref() == Some(label)) {
                return Err(format!("label already in use: {label}"));
            }
        }
        let configured = || settings.and_then(|it| it.model.clone()).map(|name| (name, false));
        let model = errand.model.clone().map(|name| (name, true)).or_else(configured);
        Ok(Self { label: errand.label.clone(), thinking, model })
    }
}

/// What became of the wishes.
struct Settled {
    has_model: Option<bool>,
    warning: Option<String>,
}

/// Makes the conversation of a sub-agent. A model that cannot be had is a warning; then, and
/// when none is wished for, it has the one of the session that starts it.
async fn settle(
    sessions: &Sessions,
    (sender, own): (&SessionKey, &AgentId),
    (child, target): (&SessionKey, &AgentId),
    wish: Wish,
) -> Result<Settled, store::StoreError> {
    let io = &sessions.hub.io;
    let parent = io.store.sessions(own).get(sender).filter(|_| own == target);
    let inherit = |entry: &mut SessionEntry| {
        if let Some(parent) = &parent {
            entry.model_override.clone_from(&parent.model_override);
            entry.provider_override.clone_from(&parent.provider_override);
        }
    };
    let update = |entry: &mut SessionEntry| {
        entry.spawned_by = Some(sender.to_string());
        entry.label.clone_from(&wish.label);
        entry.thinking_level = wish.thinking.map(str::to_owned);
        inherit(entry);
    };
    io.store.sessions(target).update(child, update).await?;
    let Some((name, is_asked)) = wish.model else {
        return Ok(Settled { has_model: None, warning: None });
    };
    let chosen = status::choose_model(io, child, target, &name).await?;
    let warning = chosen.as_ref().err().map(|why| format!("model `{name}` is not used: {why}"));
    Ok(Settled { has_model: is_asked.then_some(chosen.is_ok()), warning })
}
