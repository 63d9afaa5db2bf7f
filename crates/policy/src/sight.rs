//! Which conversations do the session tools of a session reach?
//!
//! Other agents' conversations need `tools.agentToAgent`, `tools.sessions.visibility` narrows
//! what is left, and a sandboxed session has only what it spawned, unless
//! `sessionToolsVisibility` says all. Each answer is the config key of the rule that hides.

use config::{Agent, Config, SessionTools, Visibility};
use domain::{AgentId, SessionKey};

use crate::{explain::Boxed, pattern::Pattern};

const PEERS_ENABLED: &str = "tools.agentToAgent.enabled";
const PEERS_ALLOW: &str = "tools.agentToAgent.allow";
const VISIBILITY: &str = "tools.sessions.visibility";
const SANDBOX: &str = "agents.defaults.sandbox.sessionToolsVisibility";

/// The session whose tools look.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// All settings.
    pub config: &'a Config,
    /// Its agent.
    pub agent: &'a Agent,
    /// Its key.
    pub session: &'a SessionKey,
}

/// The session that is looked for. One that does not exist was spawned by nobody, so that a
/// viewer who may not know of it cannot find out.
#[derive(Clone, Copy, Debug)]
pub struct Other<'a> {
    /// Its key.
    pub session: &'a SessionKey,
    /// Its agent.
    pub agent: &'a AgentId,
    /// Who spawned it.
    pub spawned_by: Option<&'a str>,
}

/// The rule that hides `other` from `viewer`, if one does.
pub fn hidden_by(viewer: &Viewer<'_>, other: &Other<'_>) -> Option<&'static str> {
    if viewer.session == other.session {
        return None;
    }
    let tools = &viewer.config.tools;
    let is_child = other.spawned_by == Some(viewer.session.as_str());
    if viewer.agent.id != *other.agent && !is_child {
        let listed = |agent: &AgentId| {
            let patterns = tools.agent_to_agent_allow.iter();
            patterns
                .map(|pattern| Pattern::new(&pattern.trim().to_lowercase()))
                .any(|pattern| pattern.matches(agent.as_str()))
        };
        if !tools.agent_to_agent {
            return Some(PEERS_ENABLED);
        }
        if !listed(&viewer.agent.id) || !listed(other.agent) {
            return Some(PEERS_ALLOW);
        }
    }
    let is_in_reach = match tools.sessions_visibility {
        Visibility::Own => false,
        Visibility::Tree => is_child,
        Visibility::Agent => is_child || viewer.agent.id == *other.agent,
        Visibility::All => true,
    };
    if !is_in_reach {
        return Some(VISIBILITY);
    }
    let is_open = is_child || viewer.session.is_subagent() || !is_confined(viewer);
    (!is_open).then_some(SANDBOX)
}

/// The rule by which `viewer`, which `spawned_by` spawned, may not write to `other`, if there is
/// one. Who may not see may not write. A sandboxed sub-agent sees more than it may write to:
/// what it says would be heard outside its sandbox.
pub fn mute_by(
    viewer: &Viewer<'_>,
    spawned_by: Option<&str>,
    other: &Other<'_>,
) -> Option<&'static str> {
    if let Some(rule) = hidden_by(viewer, other) {
        return Some(rule);
    }
    let is_kin = viewer.session == other.session
        || other.spawned_by == Some(viewer.session.as_str())
        || spawned_by == Some(other.session.as_str());
    let is_open = is_kin || !viewer.session.is_subagent() || !is_confined(viewer);
    (!is_open).then_some(SANDBOX)
}

fn is_confined(viewer: &Viewer<'_>) -> bool {
    viewer.agent.sandbox_settings.session_tools == SessionTools::Spawned
        && Boxed::of(viewer.config, viewer.agent, viewer.session).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spawn::tests::config;

    const MAIN: &str = "agent:main:main";
    const GROUP: &str = "agent:main:telegram:group:1";
    const CHILD: &str = "agent:main:subagent:x";

    fn hides(
        settings: &str,
        viewer: &str,
        other: &str,
        spawned_by: Option<&str>,
    ) -> Option<&'static str> {
        let config = config(settings);
        let (session, other) = (SessionKey::stored(viewer), SessionKey::stored(other));
        let agent = config.agents.get(&session.agent().unwrap()).unwrap();
        let viewer = Viewer { config: &config, agent, session: &session };
        let agent = other.agent().unwrap();
        hidden_by(&viewer, &Other { session: &other, agent: &agent, spawned_by })
    }

    fn boxed(visibility: &str) -> String {
        format!(
            "agents: {{ defaults: {{ sandbox: {{ mode: 'non-main',
                 sessionToolsVisibility: '{visibility}' }} }} }}"
        )
    }

    #[test]
    fn a_sandboxed_session_sees_itself_and_what_it_spawned() {
        let (spawned, all) = (boxed("spawned"), boxed("all"));

        assert_eq!(hides(&spawned, GROUP, GROUP, None), None);
        assert_eq!(hides(&spawned, GROUP, CHILD, Some(GROUP)), None);
        assert_eq!(hides(&spawned, GROUP, CHILD, Some(MAIN)), Some(SANDBOX));
        assert_eq!(hides(&spawned, GROUP, MAIN, None), Some(SANDBOX));
        assert_eq!(hides(&all, GROUP, MAIN, None), None);
        assert_eq!(hides(&spawned, MAIN, GROUP, None), None, "the main session has no sandbox");
        assert_eq!(hides(&spawned, CHILD, MAIN, None), None, "they have a layer of their own");
    }

    #[test]
    fn visibility_narrows_to_the_agent_to_the_tree_and_to_itself() {
        let with = |word: &str| format!("tools: {{ sessions: {{ visibility: '{word}' }} }}");

        assert_eq!(hides(&with("all"), MAIN, GROUP, None), None);
        assert_eq!(hides(&with("agent"), MAIN, GROUP, None), None);
        assert_eq!(hides(&with("tree"), MAIN, GROUP, None), Some(VISIBILITY));
        assert_eq!(hides(&with("tree"), MAIN, CHILD, Some(MAIN)), None);
        assert_eq!(hides(&with("self"), MAIN, CHILD, Some(MAIN)), Some(VISIBILITY));
        assert_eq!(hides(&with("self"), MAIN, MAIN, None), None);
    }

    #[test]
    fn other_agents_are_seen_by_pattern_and_children_always() {
        let list = "agents: { list: [{ id: 'main' }, { id: 'work-a' }, { id: 'home' }] }";
        let peers = |allow: &str| {
            format!("{list}, tools: {{ agentToAgent: {{ enabled: true, allow: {allow} }} }}")
        };
        let other = "agent:work-a:main";

        assert_eq!(hides(list, MAIN, other, None), Some(PEERS_ENABLED));
        assert_eq!(hides(&peers("[]"), MAIN, other, None), Some(PEERS_ALLOW));
        assert_eq!(hides(&peers("['main', 'work-*']"), MAIN, other, None), None);
        assert_eq!(
            hides(&peers("['main', 'work-*']"), MAIN, "agent:home:main", None),
            Some(PEERS_ALLOW)
        );
        assert_eq!(hides(&peers("['*']"), MAIN, "agent:home:main", None), None);
        assert_eq!(hides(list, MAIN, "agent:work-a:subagent:x", Some(MAIN)), None);
    }

    #[test]
    fn a_sandboxed_sub_agent_writes_to_nobody_but_its_own() {
        let config = config(&boxed("spawned"));
        let session = SessionKey::stored(CHILD);
        let viewer = Viewer { config: &config, agent: &config.agents.list[0], session: &session };
        let agent = AgentId::main();
        let mute = |other: &str| {
            let other = SessionKey::stored(other);
            let other = Other { session: &other, agent: &agent, spawned_by: None };
            mute_by(&viewer, Some(GROUP), &other)
        };

        assert_eq!(mute(GROUP), None);
        assert_eq!(mute(MAIN), Some(SANDBOX));
    }

    proptest! {
        #[test]
        fn who_may_not_see_may_not_write(
            viewer in prop::sample::select(vec![MAIN, GROUP, CHILD]),
            other in prop::sample::select(vec![MAIN, GROUP, CHILD, "agent:main:subagent:y"]),
            spawned_by in prop::option::of(prop::sample::select(vec![MAIN, GROUP, CHILD])),
            mode in prop::sample::select(vec!["off", "non-main", "all"]),
            visibility in prop::sample::select(vec!["self", "tree", "agent", "all"]),
        ) {
            let config = config(&format!(
                "agents: {{ defaults: {{ sandbox: {{ mode: '{mode}' }} }} }},
                 tools: {{ sessions: {{ visibility: '{visibility}' }} }}"
            ));
            let (session, other) = (SessionKey::stored(viewer), SessionKey::stored(other));
            let agent = AgentId::main();
            let viewer = Viewer { config: &config, agent: &config.agents.list[0], session: &session };
            let other = Other { session: &other, agent: &agent, spawned_by };

            let (hidden, mute) = (hidden_by(&viewer, &other), mute_by(&viewer, None, &other));

            prop_assert!(hidden.is_none() || mute.is_some());
            if session == *other.session {
                prop_assert_eq!((hidden, mute), (None, None));
            }
        }
    }
}
