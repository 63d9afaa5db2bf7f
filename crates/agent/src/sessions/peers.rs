//! The tools' way to other sessions (`tools::ports::Peers`): who is meant, and whether the
//! rules let it be. What is then done is in [`super::letters`] and [`super::spawn`].

use async_trait::async_trait;
use domain::{AgentId, SessionKey, TurnId};
use policy::sight::{Other, Viewer};
use tools::ports::{
    Addressee, Errand, Letter, Peers, SendStatus, Sent, Spawned, Startable, StartableAgent,
};

use super::{Link, Sessions, letters, spawn};
use crate::conversations::look_up;

/// Reaches the hub, which is made after the tools.
pub(super) struct Neighbours(pub(super) Link);

#[async_trait]
impl Peers for Neighbours {
    async fn agents(&self, sender: &SessionKey) -> Startable {
        let Some(sessions) = self.0.reach() else { return Startable::default() };
        let config = sessions.config();
        let own = sender.agent().unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&own) else { return Startable::default() };
        let row = |target: policy::spawn::Target| StartableAgent {
            name: config.agents.get(&target.id).and_then(|agent| agent.name.clone()),
            id: target.id,
            is_configured: target.is_configured,
        };
        Startable {
            any: policy::spawn::is_any_allowed(agent),
            agents: policy::spawn::targets(&config, agent, sender).into_iter().map(row).collect(),
        }
    }

    async fn send(&self, sender: &SessionKey, letter: Letter) -> Sent {
        match self.0.reach() {
            Some(sessions) => letters::send(&sessions, sender, letter).await,
            None => undelivered(SendStatus::Error, "the gateway is stopping".to_owned()),
        }
    }

    async fn spawn(&self, sender: &SessionKey, errand: Errand) -> Spawned {
        match self.0.reach() {
            Some(sessions) => spawn::spawn(&sessions, sender, errand).await,
            None => Spawned::Failed("the gateway is stopping".to_owned()),
        }
    }
}

/// A letter that no session has.
pub(super) fn undelivered(status: SendStatus, note: String) -> Sent {
    let turn = TurnId::random();
    Sent { status, turn, session: None, reply: None, note: Some(note), goes_on: false }
}

/// Whom a letter is for.
pub(super) enum Found {
    /// This session.
    Session(SessionKey),
    /// None that there is.
    Nobody(String),
    /// One that the sender may not write to, or may not know that it does not exist.
    Forbidden(String),
}

/// Finds out whom `sender` means.
pub(super) fn find(sessions: &Sessions, sender: &SessionKey, to: &Addressee) -> Found {
    match to {
        Addressee::Session(name) => by_name(sessions, sender, name),
        Addressee::Label { label, agent } => by_label(sessions, sender, label, agent.as_deref()),
    }
}

fn by_name(sessions: &Sessions, sender: &SessionKey, name: &str) -> Found {
    let (io, config) = (&sessions.hub.io, sessions.config());
    if let Some((key, agent, entry)) = look_up(io, sender, name) {
        return match mute_by(sessions, sender, (&key, &agent, entry.spawned_by.as_deref())) {
            Some(rule) => forbidden(&key, rule),
            None => Found::Session(key),
        };
    }
    let own = sender.agent().unwrap_or_else(|| config.agents.default.clone());
    let key = SessionKey::canonical(name, &own, &config.session.main_key);
    let agent = key.agent().unwrap_or(own);
    match mute_by(sessions, sender, (&key, &agent, None)) {
        Some(rule) => forbidden(&key, rule),
        // The one conversation that an agent has before anybody spoke to it.
        None if key.is_main(&config.session.main_key) && config.agents.get(&agent).is_some() => {
            Found::Session(key)
        }
        None => Found::Nobody(format!("No session found: {name}")),
    }
}

fn by_label(sessions: &Sessions, sender: &SessionKey, label: &str, agent: Option<&str>) -> Found {
    let config = sessions.config();
    let own = sender.agent().unwrap_or_else(|| config.agents.default.clone());
    let named = agent.map(AgentId::normalise);
    // The sender's own agent comes first.
    let mut agents: Vec<&AgentId> = config.agents.list.iter().map(|agent| &agent.id).collect();
    agents.sort_by_key(|agent| **agent != own);
    let known = agents.into_iter().filter(|agent| named.as_ref().is_none_or(|it| it == *agent));
    for agent in known {
        for (key, entry) in sessions.hub.io.store.sessions(agent).list() {
            let is_it = entry.label.as_deref() == Some(label);
            let whom = (&key, agent, entry.spawned_by.as_deref());
            if is_it && mute_by(sessions, sender, whom).is_none() {
                return Found::Session(key);
            }
        }
    }
    // Whether one exists that the sender may not know of is not told.
    let agent = named.unwrap_or(own);
    let unknown = SessionKey::of(&agent, "?");
    match mute_by(sessions, sender, (&unknown, &agent, None)) {
        Some(rule) => {
            Found::Forbidden(format!("label `{label}` is out of reach from here (rule `{rule}`)"))
        }
        None => Found::Nobody(format!("No session found with label: {label}")),
    }
}

fn forbidden(key: &SessionKey, rule: &str) -> Found {
    Found::Forbidden(format!("session {key} is out of reach from here (rule `{rule}`)"))
}

/// The rule by which `sender` may not write to a session.
fn mute_by(
    sessions: &Sessions,
    sender: &SessionKey,
    (session, agent, spawned_by): (&SessionKey, &AgentId, Option<&str>),
) -> Option<&'static str> {
    let config = sessions.config();
    let own = sender.agent().unwrap_or_else(|| config.agents.default.clone());
    let Some(settings) = config.agents.get(&own) else { return Some("agents.list") };
    let entry = sessions.hub.io.store.sessions(&own).get(sender);
    let viewer = Viewer { config: &config, agent: settings, session: sender };
    let other = Other { session, agent, spawned_by };
    policy::sight::mute_by(&viewer, entry.and_then(|it| it.spawned_by.clone()).as_deref(), &other)
}
