//! May a session start this sub-agent?
//!
//! A sub-agent starts none. Another agent must be on the list of who may be started, and who is
//! in a sandbox starts nobody who is not.

use config::{Agent, Config};
use domain::{AgentId, SessionKey};

use crate::{
    explain::Boxed,
    place::{Place, place},
};

const ALLOW: &str = "agents.list[].subagents.allowAgents";

/// Why a sub-agent may not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} (rule `{rule}`)")]
pub struct Refusal {
    /// The rule that decided.
    pub rule: &'static str,
    /// The reason, in words.
    pub why: String,
}

/// An agent that may be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: AgentId,
    /// Whether the config has it.
    pub is_configured: bool,
}

/// Says whether `session` of `agent` may start a sub-agent of `target`.
///
/// # Errors
///
/// The rule against it.
pub fn may_spawn(
    config: &Config,
    agent: &Agent,
    session: &SessionKey,
    target: &AgentId,
) -> Result<(), Refusal> {
    let refused = |rule, why: String| Err(Refusal { rule, why });
    if session.is_subagent() {
        return refused("sub-agents", "a sub-agent may not start sub-agents".to_owned());
    }
    if *target != agent.id && !allows(agent, target) {
        return refused(ALLOW, format!("agent `{}` may not start agent `{target}`", agent.id));
    }
    let Some(settings) = config.agents.get(target) else {
        return refused("agents.list", format!("there is no agent `{target}`"));
    };
    let child = SessionKey::of(target, "subagent:new");
    let place = place(settings.sandbox, &child, &config.session.main_key);
    if Boxed::of(config, agent, session).is_some() && place == Place::Host {
        let why = format!(
            "this session is in a sandbox and a sub-agent of `{target}` would not be; set \
             `sandbox.mode` of that agent to \"non-main\" or \"all\""
        );
        return refused("agents.list[].sandbox.mode", why);
    }
    Ok(())
}

fn allows(agent: &Agent, target: &AgentId) -> bool {
    agent.subagents.allow.iter().map(|it| it.trim()).any(|allowed| {
        allowed == "*" || (!allowed.is_empty() && AgentId::normalise(allowed) == *target)
    })
}

/// Whether sessions of `agent` may start any agent.
pub fn is_any_allowed(agent: &Agent) -> bool {
    agent.subagents.allow.iter().any(|allowed| allowed.trim() == "*")
}

/// The agents that `session` of `agent` may start: its own first, the others by id.
pub fn targets(config: &Config, agent: &Agent, session: &SessionKey) -> Vec<Target> {
    let configured = config.agents.list.iter().map(|agent| agent.id.clone());
    let listed = agent.subagents.allow.iter().map(|it| it.trim());
    let listed = listed.filter(|it| !it.is_empty() && *it != "*").map(AgentId::normalise);
    let mut others: Vec<AgentId> = configured.chain(listed).collect();
    others.retain(|other| *other != agent.id);
    others.sort();
    others.dedup();
    let is_open = |target: &AgentId| match config.agents.get(target) {
        Some(_) => may_spawn(config, agent, session, target).is_ok(),
        // Shown for what it is: a name in the list that nobody bears.
        None => !session.is_subagent() && allows(agent, target),
    };
    std::iter::once(agent.id.clone())
        .chain(others)
        .filter(|target| is_open(target))
        .map(|id| Target { is_configured: config.agents.get(&id).is_some(), id })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{path::Path, sync::Arc};

    use proptest::prelude::*;

    use super::*;

    /// The config of a file with these members.
    pub(crate) fn config(members: &str) -> Arc<Config> {
        let env = config::Env::of([].into(), Path::new("/home/me"), Path::new("/"));
        let locations = config::Locations::find(&env, None, false).unwrap();
        config::load_text(&format!("{{ {members} }}"), &locations, &env).config.unwrap()
    }

    fn rule(members: &str, session: &str, target: &str) -> Option<&'static str> {
        let config = config(members);
        let session = SessionKey::stored(session);
        let agent = config.agents.get(&session.agent().unwrap()).unwrap();
        let target = AgentId::normalise(target);
        may_spawn(&config, agent, &session, &target).err().map(|refusal| refusal.rule)
    }

    #[test]
    fn an_agent_starts_itself_and_whom_its_list_names() {
        let list = |allow: &str| {
            format!(
                "agents: {{ list: [{{ id: 'main', subagents: {{ allowAgents: {allow} }} }},
                     {{ id: 'work' }}] }}"
            )
        };

        assert_eq!(rule(&list("[]"), "agent:main:main", "main"), None);
        assert_eq!(rule(&list("[]"), "agent:main:main", "work"), Some(ALLOW));
        assert_eq!(rule(&list("['Work']"), "agent:main:main", "work"), None);
        assert_eq!(rule(&list("['*']"), "agent:main:main", "work"), None);
        assert_eq!(rule(&list("['*']"), "agent:main:main", "none"), Some("agents.list"));
        assert_eq!(rule(&list("['*']"), "agent:main:subagent:1", "main"), Some("sub-agents"));
    }

    #[test]
    fn who_is_in_a_sandbox_starts_nobody_who_is_not() {
        let list = "agents: { list: [
            { id: 'main', sandbox: { mode: 'all' }, subagents: { allowAgents: ['*'] } },
            { id: 'free' }, { id: 'boxed', sandbox: { mode: 'non-main' } }] }";

        assert_eq!(rule(list, "agent:main:main", "main"), None);
        assert_eq!(rule(list, "agent:main:main", "boxed"), None);
        assert_eq!(rule(list, "agent:main:main", "free"), Some("agents.list[].sandbox.mode"));
        assert_eq!(rule(list, "agent:free:main", "free"), None);
    }

    #[test]
    fn the_agents_that_may_be_started_are_listed_with_those_that_are_not_there() {
        let config = config(
            "agents: { list: [
                { id: 'main', subagents: { allowAgents: ['work', 'gone'] } },
                { id: 'work' }, { id: 'home' }] }",
        );
        let session = SessionKey::stored("agent:main:main");

        let targets = targets(&config, &config.agents.list[0], &session);

        let told: Vec<(&str, bool)> =
            targets.iter().map(|it| (it.id.as_str(), it.is_configured)).collect();
        assert_eq!(told, [("main", true), ("gone", false), ("work", true)]);
        assert!(!is_any_allowed(&config.agents.list[0]));
    }

    proptest! {
        #[test]
        fn no_sandboxed_session_ever_starts_an_unsandboxed_one(
            modes in prop::array::uniform3(prop::sample::select(vec!["off", "non-main", "all"])),
            rest in prop::sample::select(vec!["main", "telegram:group:1", "subagent:1"]),
            target in 0..3_usize,
        ) {
            let [a, b, c] = modes;
            let config = config(&format!(
                "agents: {{ list: [
                    {{ id: 'a0', sandbox: {{ mode: '{a}' }}, subagents: {{ allowAgents: ['*'] }} }},
                    {{ id: 'a1', sandbox: {{ mode: '{b}' }} }},
                    {{ id: 'a2', sandbox: {{ mode: '{c}' }} }}] }}"
            ));
            let agent = &config.agents.list[0];
            let session = SessionKey::of(&agent.id, rest);
            let target = AgentId::normalise(&format!("a{target}"));

            if may_spawn(&config, agent, &session, &target).is_ok() {
                let child = SessionKey::of(&target, "subagent:c");
                let settings = config.agents.get(&target).unwrap();
                let is_boxed = |agent: &Agent, key| Boxed::of(&config, agent, key).is_some();
                prop_assert!(!is_boxed(agent, &session) || is_boxed(settings, &child));
                prop_assert!(!session.is_subagent());
            }
        }
    }
}
