//! How the keys and models of an agent fared: which worked, which rest, and why.
//!
//! For people who look. What is asked next is `fallback`'s to say.

use std::collections::BTreeMap;

use domain::UnixMillis;

use crate::{Fared, Models, credentials};

/// What a standing is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// A stored key or login.
    Profile(String),
    /// A model, with the one key of its provider.
    Model(String),
}

/// How a key, or a model with its provider's key, fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The provider.
    pub provider: String,
    /// What is told of.
    pub of: Of,
    /// How it fared.
    pub fared: Fared,
}

impl Models {
    /// The agent's stored keys, and what else was asked in this process's life.
    pub fn standings(&self, config: &config::Config, agent: &config::Agent) -> Vec<Standing> {
        let settings = &self.shared.settings;
        let now = settings.clock.now();
        let known = self.cooldowns(|it| it.all(now));
        let main = config.agents.get(&domain::AgentId::main());
        let homes = main.into_iter().chain([agent]);
        let stored: BTreeMap<_, _> = homes
            .map(|it| (&it.agent_dir, credentials::load(&settings.store, &it.agent_dir)))
            .collect();
        let mut found: BTreeMap<(String, String), Standing> = BTreeMap::new();
        for profiles in stored.values() {
            for (id, profile) in &profiles.profiles {
                let memory = known.get(id).copied().unwrap_or_default();
                let fared =
                    profiles.usage_stats.get(id).map_or(memory, |it| joined(memory, it, now));
                let standing = Standing {
                    provider: profile.provider.clone(),
                    of: Of::Profile(id.clone()),
                    fared,
                };
                found.insert((profile.provider.clone(), id.clone()), standing);
            }
        }
        for (slot, fared) in known {
            let is_profile = stored.values().any(|it| it.profiles.contains_key(&slot));
            if let Some((provider, model)) = slot.split_once('/').filter(|_| !is_profile) {
                let standing = Standing {
                    provider: provider.to_owned(),
                    of: Of::Model(model.to_owned()),
                    fared,
                };
                found.insert((provider.to_owned(), slot.clone()), standing);
            }
        }
        found.into_values().collect()
    }
}

/// What this process knows, and what the store remembers of earlier ones.
fn joined(memory: Fared, stored: &store::UsageStats, now: UnixMillis) -> Fared {
    let worked = stored.last_used.filter(|_| stored.error_count == 0);
    Fared {
        worked: memory.worked.max(worked),
        rests_until: memory.rests_until.max(stored.blocked_until(now)),
        failure: memory.failure,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cooldowns, ErrorKind};

    use super::*;

    #[test]
    fn a_success_is_remembered_and_a_failure_rests_beside_it() {
        let (mut cooldowns, now) = (Cooldowns::default(), UnixMillis(1_000));
        cooldowns.succeeded("a/one", now);
        cooldowns.failed("a/one", ErrorKind::RateLimit, UnixMillis(2_000));
        cooldowns.failed("a/two", ErrorKind::Billing, UnixMillis(2_000));
        cooldowns.succeeded("a/two", UnixMillis(3_000));

        let all = cooldowns.all(UnixMillis(4_000));

        let one = Fared {
            worked: Some(now),
            rests_until: Some(UnixMillis(62_000)),
            failure: Some(ErrorKind::RateLimit),
        };
        let two = Fared { worked: Some(UnixMillis(3_000)), ..Fared::default() };
        assert_eq!(all, [("a/one".to_owned(), one), ("a/two".to_owned(), two)].into());
    }

    #[test]
    fn what_the_store_remembers_counts_too() {
        let (memory, now) = (Fared::default(), UnixMillis(10));
        let rests = store::UsageStats {
            last_used: Some(UnixMillis(5)),
            error_count: 1,
            disabled_until: Some(UnixMillis(99)),
            ..store::UsageStats::default()
        };
        let worked = store::UsageStats {
            last_used: Some(UnixMillis(5)),
            cooldown_until: Some(UnixMillis(9)),
            ..store::UsageStats::default()
        };

        let expected = Fared { rests_until: Some(UnixMillis(99)), ..memory };
        assert_eq!(joined(memory, &rests, now), expected);
        let expected = Fared { worked: Some(UnixMillis(5)), ..memory };
        assert_eq!(joined(memory, &worked, now), expected);
    }
}
