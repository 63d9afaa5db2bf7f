//! One call of a tool by a person's program, outside any turn.
//!
//! It goes by the same door as a model's calls ([`dispatch`]), with the policy, the sandbox and
//! the approvals of the conversation that it names. No model hears of it, no transcript has it,
//! and nobody is told of it while it runs.

use std::{sync::Arc, time::Duration};

use config::ElevatedLevel;
use domain::{AgentId, Call, CallId, CallResult, SessionId, SessionKey, TurnId};
use policy::{Door, explain::Boxed, tool_policy::Decision};
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    brief::{self, Brief},
    commands,
    dispatch::{self, Ground, Reached},
    emitter::{Emitter, Speaker},
    halt::Halt,
    io::Io,
    machines::Machines,
    session::chosen,
    skills::offer::Offer,
};

/// A call to make.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The conversation whose rules hold.
    pub session: SessionKey,
    /// Name of the tool.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// Put into the arguments as `action`, where the tool knows such a thing and they have none.
    pub action: Option<String>,
    /// Where it came from.
    pub channel: String,
    /// By which door it comes.
    pub door: Door,
    /// How long it may take.
    pub patience: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Invoked {
    /// There is no such tool, or none for this conversation.
    Unavailable,
    /// The arguments make no sense; this says which.
    NotUnderstood(CallResult),
    /// Policy or a person said no.
    Refused(CallResult),
    /// It ran; the result may be that it failed.
    Ran(CallResult),
    /// It took too long and was stopped.
    TimedOut,
}

/// Makes the call.
pub(crate) async fn run(invocation: Invocation, agent: &AgentId, io: &Io) -> Invoked {
    let Some(tool) = io.tools.name_of(&invocation.tool) else { return Invoked::Unavailable };
    let (brief, subject) = standing(&invocation, agent, io).await;
    if subject.tools.decide(tool) != Decision::Allowed {
        return Invoked::Unavailable;
    }
    let Invocation { session, arguments, action, patience, .. } = invocation;
    let call = Call {
        id: CallId::new(format!("invoke_{}", uuid::Uuid::new_v4())),
        name: tool.to_owned(),
        arguments: with_action(arguments, action, || io.tools.has_parameter(tool, "action")),
    };
    let halt = Halt::new(Some(Instant::now() + patience));
    let (emitter, machines) = (Arc::new(unheard(session, &brief, io)), Machines::default());
    let ground = Ground { brief: &brief, emitter: &emitter, halt: &halt, machines: &machines };
    tokio::select! {
        biased;
        reached = dispatch::judged(&call, ground, io, &subject) => match reached {
            Reached::NotUnderstood(result) => Invoked::NotUnderstood(result),
            // As if there were no such tool: the door tells nothing of what is behind it.
            Reached::Refused(refusal) if refusal.rule == Door::RULE => Invoked::Unavailable,
            Reached::Refused(refusal) => Invoked::Refused(refusal.result),
            Reached::Ran(result) => Invoked::Ran(result),
        },
        _reason = halt.reached() => Invoked::TimedOut,
    }
}

/// For whom the call is made, and under which rules.
async fn standing(invocation: &Invocation, agent: &AgentId, io: &Io) -> (Brief, policy::Subject) {
    let config = io.config();
    let settings = config.agents.get(agent).unwrap_or(&config.agents.list[0]);
    let entry = io.store.sessions(agent).get(&invocation.session);
    let boxed = Boxed::of(&config, settings, &invocation.session);
    let level = entry.as_ref().and_then(|entry| entry.elevated_level.as_deref());
    let model = brief::candidates(settings, entry.as_deref().and_then(chosen)).into_iter().next();
    let found = io.skills(&config, &settings.id).await;
    let sight = brief::sight(settings, boxed.as_ref());
    let skills = Offer::of(&found, &config.skills, sight, &commands::is_taken);
    let brief = Brief {
        agent: settings.id.clone(),
        session: invocation.session.clone(),
        files: Vec::new(),
        workdir: settings.workspace.display().to_string(),
        channel: invocation.channel.clone(),
        extra: None,
        client_tools: Arc::default(),
        output_tokens_max: None,
        thinking: None,
        cache_key: String::new(),
        boxed,
        elevated: level.and_then(ElevatedLevel::parse).unwrap_or(settings.elevated_default),
        skills,
        place: Arc::clone(&io.place),
        tools: io.tools.clone(),
        kits: std::sync::Mutex::default(),
        config: Arc::clone(&config),
    };
    let (provider, model) = model.map(|it| (it.provider, it.model)).unwrap_or_default();
    let door = own_names(&invocation.door, io);
    let subject = policy::Subject { door, ..brief.subject(&provider, &model) };
    (brief, subject)
}

/// The door with the tools' own names in place of their aliases.
fn own_names(door: &Door, io: &Io) -> Door {
    let own = |names: &[String]| -> Vec<String> {
        let own =
            |name: &String| io.tools.name_of(name).map_or_else(|| name.clone(), str::to_owned);
        names.iter().map(own).collect()
    };
    match door {
        Door::Turn => Door::Turn,
        Door::Request { named, withheld } => {
            Door::Request { named: own(named), withheld: own(withheld) }
        }
    }
}

/// An emitter that nobody listens to.
fn unheard(session: SessionKey, brief: &Brief, io: &Io) -> Emitter {
    let speaker = Speaker {
        turn: TurnId::random(),
        session,
        session_id: SessionId::new(""),
        agent: brief.agent.clone(),
        verbose: Arc::from("off"),
        is_heartbeat: false,
    };
    // The receiver is dropped at once, so nothing ever waits here.
    let (sender, _) = mpsc::channel(1);
    Emitter::new(speaker, Arc::clone(&io.clock), sender)
}

fn with_action(
    mut arguments: Value,
    action: Option<String>,
    is_known: impl FnOnce() -> bool,
) -> Value {
    if let (Some(action), Some(object)) = (action, arguments.as_object_mut())
        && !object.contains_key("action")
        && is_known()
    {
        object.insert("action".to_owned(), Value::String(action));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_action_goes_into_the_arguments_unless_they_have_one_or_the_tool_knows_none() {
        let of = |arguments, action: &str, is_known| {
            with_action(arguments, Some(action.to_owned()), || is_known)
        };

        assert_eq!(of(json!({}), "list", true), json!({"action": "list"}));
        assert_eq!(of(json!({"action": "poll"}), "list", true), json!({"action": "poll"}));
        assert_eq!(of(json!({"a": 1}), "list", false), json!({"a": 1}));
    }
}
