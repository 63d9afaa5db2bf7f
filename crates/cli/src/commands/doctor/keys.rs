//! Has every agent a model that it may ask, and are its credentials still good?

use config::Agent;
use store::{AuthProfile, Credential};

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};
use crate::{conversations, state};

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    let Ok(store) = conversations::open(scene.program, None) else {
        return Outcome::Skipped("the state directory cannot be read");
    };
    let models = state::models(scene.program, &store);
    let now = scene.program.clock.now();
    let mut findings = Vec::new();
    for agent in &config.agents.list {
        if let Some(first) = agent.models.first()
            && !models.list(config, agent).iter().any(|it| it.provider == first.provider)
        {
            findings.push(keyless(scene, agent, &first.provider));
        }
        let profiles = match store.auth_profiles(&agent.agent_dir) {
            Ok(profiles) => profiles,
            Err(error) => {
                findings.push(
                    Finding::error(
                        "keys.unreadable",
                        format!("{error}"),
                        "the keys of this agent are not used",
                    )
                    .fix(format!(
                        "look at '{}'",
                        agent.agent_dir.join("auth-profiles.json").display()
                    )),
                );
                continue;
            }
        };
        for (id, profile) in &profiles.profiles {
            if is_expired(profile, now) {
                findings.push(
                    Finding::warn(
                        "keys.expired",
                        format!("the credential {id} of agent {} has expired", agent.id),
                        format!(
                            "requests to {} fail, or fall back to another key",
                            profile.provider
                        ),
                    )
                    .fix(scene.command("onboard")),
                );
            }
            let usage = profiles.usage_stats.get(id);
            if let Some(until) = usage.and_then(|it| it.blocked_until(now)) {
                let reason = usage.and_then(|it| it.disabled_reason.clone());
                let reason = reason.unwrap_or_else(|| "it failed several times".to_owned());
                findings.push(Finding::note(
                    "keys.resting",
                    format!("{id} is not used until {}", until.to_iso()),
                    format!("{reason}; another key or model is tried meanwhile"),
                ));
            }
        }
    }
    Outcome::Looked(findings)
}

fn keyless(scene: &Scene<'_>, agent: &Agent, provider: &str) -> Finding {
    let name = provider.to_uppercase().replace('-', "_");
    let dotenv = scene.program.locations.state_dir.join(".env");
    Finding::warn(
        "keys.missing",
        format!("there is no key for {provider}, the first choice of agent {}", agent.id),
        "the agent cannot answer, or answers with another model",
    )
    .fix(format!("echo '{name}_API_KEY=<key>' >> '{}'", dotenv.display()))
}

fn is_expired(profile: &AuthProfile, now: domain::UnixMillis) -> bool {
    match &profile.credential {
        Credential::ApiKey { .. } => false,
        Credential::Token { expires, .. } => expires.is_some_and(|at| at <= now),
        Credential::OAuth { expires, .. } => *expires <= now,
    }
}
