//! Which keys may be shown to a provider, best first, and where how they fared is noted.
//!
//! The only file here that knows `store`. Order (`spec: agent-runtime` §5, §6): auth
//! profiles, environment, configured key.

use std::{collections::BTreeMap, path::Path};

use domain::{AgentId, Secret, UnixMillis};
use store::{AuthProfile, AuthProfiles};

use crate::{ErrorKind, catalog};

/// A key, and the name under which its cool-down is kept.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    /// What is shown; `None` for servers that ask for nothing.
    pub(crate) key: Option<Secret>,
    /// The auth profile it came from.
    pub(crate) profile: Option<String>,
    /// Not to be used before, by what the store remembers.
    pub(crate) cooling_until: Option<UnixMillis>,
}

/// Where keys are looked for.
pub(crate) struct Sources<'a> {
    /// The agent's stored profiles.
    pub(crate) profiles: &'a AuthProfiles,
    /// The captured environment.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// The configuration.
    pub(crate) models: &'a config::Models,
}

/// The keys for `provider`, best first; empty when one is needed and there is none.
pub(crate) fn for_provider(
    sources: &Sources<'_>,
    provider: &str,
    base_url: &str,
    now: UnixMillis,
) -> Vec<Credential> {
    let mut found = profiles_for(sources, provider, now);
    let plain = |key| Credential { key, profile: None, cooling_until: None };
    let named = catalog::provider(provider).map_or(&[][..], |it| it.env);
    let from_env = named
        .iter()
        .filter_map(|name| sources.env.get(*name))
        .find(|value| !value.trim().is_empty())
        .map(|value| Secret::new(value.trim()));
    let configured = sources.models.providers.get(provider);
    let from_config = configured.and_then(|it| it.api_key.clone());
    found.extend(from_env.or(from_config).map(|key| plain(Some(key))));
    // A configured server with its own headers, or one on this machine, may ask for no key.
    let needs_none = configured.is_some_and(|it| !it.headers.is_empty()) || is_local(base_url);
    if found.is_empty() && needs_none {
        found.push(plain(None));
    }
    found
}

/// The usable profiles for `provider`: those that cool down last, soonest end first.
fn profiles_for(sources: &Sources<'_>, provider: &str, now: UnixMillis) -> Vec<Credential> {
    let stored = sources.profiles;
    let explicit = stored.order.get(provider).or_else(|| sources.models.auth_order.get(provider));
    let mut ids: Vec<&String> = match explicit {
        Some(order) => order.iter().collect(),
        None => stored.profiles.keys().collect(),
    };
    if explicit.is_none() {
        // Best sort of credential first, then the one that rested longest.
        ids.sort_by_key(|id| {
            let rank = stored.profiles.get(*id).map(|it| rank(&it.credential));
            let used = stored.usage_stats.get(*id).and_then(|stats| stats.last_used);
            (rank, used)
        });
    }
    let mut found: Vec<Credential> = ids
        .into_iter()
        .filter_map(|id| {
            let profile = stored.profiles.get(id).filter(|it| it.provider == provider)?;
            let key = usable(profile, now)?;
            let stats = stored.usage_stats.get(id);
            let cooling_until = stats
                .and_then(|stats| stats.cooldown_until.max(stats.disabled_until))
                .filter(|&until| until > now);
            Some(Credential { key: Some(key), profile: Some(id.clone()), cooling_until })
        })
        .collect();
    found.sort_by_key(|it| it.cooling_until);
    found
}

fn rank(credential: &store::Credential) -> u8 {
    match credential {
        store::Credential::OAuth { .. } => 0,
        store::Credential::Token { .. } => 1,
        store::Credential::ApiKey { .. } => 2,
    }
}

/// The secret of a profile, unless it is empty or past its end.
fn usable(profile: &AuthProfile, now: UnixMillis) -> Option<Secret> {
    let (secret, expires) = match &profile.credential {
        store::Credential::ApiKey { key } => (key, None),
        store::Credential::Token { token, expires } => (token, *expires),
        store::Credential::OAuth { access, expires, .. } => (access, Some(*expires)),
    };
    let alive = expires.is_none_or(|end| end.0 <= 0 || end > now);
    (alive && !secret.expose().trim().is_empty()).then(|| secret.clone())
}

fn is_local(base_url: &str) -> bool {
    url::Url::parse(base_url).ok().is_some_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name == "host.docker.internal",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}

/// How the store names a failure; `None` for those that say nothing about the key.
fn failure(kind: ErrorKind) -> Option<store::Failure> {
    match kind {
        ErrorKind::Auth => Some(store::Failure::Auth),
        ErrorKind::Billing => Some(store::Failure::Billing),
        ErrorKind::RateLimit => Some(store::Failure::RateLimit),
        ErrorKind::Timeout => Some(store::Failure::Timeout),
        ErrorKind::Format => Some(store::Failure::Format),
        ErrorKind::Server
        | ErrorKind::ContextOverflow
        | ErrorKind::Garbage
        | ErrorKind::TooLarge => None,
    }
}

/// The stored profiles that `agent` uses for `provider`, and where they are kept: its own, else
/// those of the main agent.
pub(crate) fn inherited<'a>(
    store: &store::Store,
    config: &'a config::Config,
    agent: &'a config::Agent,
    provider: &str,
) -> (AuthProfiles, &'a Path) {
    let own = load(store, &agent.agent_dir);
    let main = config.agents.get(&AgentId::main()).filter(|main| main.id != agent.id);
    if let Some(main) = main
        && !has(&own, provider)
    {
        let theirs = load(store, &main.agent_dir);
        if has(&theirs, provider) {
            return (theirs, &main.agent_dir);
        }
    }
    (own, &agent.agent_dir)
}

fn has(profiles: &AuthProfiles, provider: &str) -> bool {
    profiles.profiles.values().any(|it| it.provider == provider)
}

/// The agent's stored profiles; a file that cannot be read counts as none.
pub(crate) fn load(store: &store::Store, agent_dir: &Path) -> AuthProfiles {
    store.auth_profiles(agent_dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "auth profiles are not readable");
        AuthProfiles::default()
    })
}

/// Tells the store how a profile fared.
pub(crate) async fn note(
    store: &store::Store,
    agent_dir: &Path,
    profile: &str,
    failed: Option<ErrorKind>,
) {
    let noted = match failed {
        None => store.record_use(agent_dir, profile).await,
        Some(kind) => match failure(kind) {
            Some(failure) => store.record_failure(agent_dir, profile, failure).await,
            None => Ok(()),
        },
    };
    if let Err(error) = noted {
        tracing::warn!(%error, profile, "how the auth profile fared was not noted");
    }
}
