//! Methods that clients know and that are not built: they are not advertised, and who calls one is
//! told so, instead of being told that there is no such thing.

use domain::Scope;

/// What is missing, and what a caller must hold to be told.
#[derive(Clone, Copy)]
pub(super) struct Later {
    pub(super) scope: Scope,
    pub(super) feature: &'static str,
}

const GROUPS: [(&str, &str); 16] = [
    ("channels.", "chat services"),
    ("web.login.", "chat services"),
    ("cron.", "scheduled jobs"),
    ("skills.library.", "libraries of skills"),
    ("skills.proposals.", "skills that agents propose"),
    ("skills.curator.", "the curator of skills"),
    ("skills.upload.", "uploads of skills"),
    ("skills.", "registries of skills"),
    ("tts.", "voices"),
    ("talk.", "talk modes"),
    ("voicewake.", "wake words"),
    ("browser.", "browsers"),
    ("plugins.", "plugins"),
    ("memory.", "memories"),
    ("users.", "profiles of persons"),
    ("sessions.branches.", "branches of conversations"),
];
const SINGLE: [(&str, &str); 6] = [
    ("send", "chat services"),
    ("poll", "chat services"),
    ("message.action", "chat services"),
    ("set-heartbeats", "heartbeats"),
    ("sessions.fork", "branches of conversations"),
    ("sessions.rewind", "branches of conversations"),
];

/// What `method` would need, if it is one of these.
pub(super) fn of(method: &str) -> Option<Later> {
    let group = GROUPS.iter().find(|(start, _)| method.starts_with(start));
    let single = SINGLE.iter().find(|(name, _)| method == *name);
    let (_, feature) = group.or(single)?;
    let is_asking = ["status", "list", "runs", "get", "providers", "bins", "catalog"];
    let last = method.rsplit('.').next().unwrap_or_default();
    let scope = if is_asking.contains(&last) { Scope::Read } else { Scope::Admin };
    Some(Later { scope, feature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_told_from_what_there_is_not() {
        assert!(of("tts.status").is_some());
        assert_eq!(of("cron.add").map(|it| it.scope), Some(Scope::Admin));
        assert_eq!(of("cron.list").map(|it| it.scope), Some(Scope::Read));
        assert!(of("cron").is_none());
        assert!(of("chat.send").is_none());
        assert!(of("sender").is_none());
    }
}
