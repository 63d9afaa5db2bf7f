//! Methods that clients know and that are not built: they are not advertised, and who calls one is
//! told so, instead of being told that there is no such thing.

use domain::Scope;
use policy::scope::Role;

/// What is missing, and what a caller must hold to be told.
#[derive(Clone, Copy)]
pub(super) struct Later {
    pub(super) role: Role,
    pub(super) scope: Scope,
    pub(super) feature: &'static str,
}

const GROUPS: [(&str, &str); 22] = [
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
    ("node.pending.", "errands for telephones that sleep"),
    ("node.pluginTools.", "plugins of nodes"),
    ("node.pluginSurface.", "plugins of nodes"),
    ("node.skills.", "skills of nodes"),
    ("plugin.approval.", "plugins"),
    ("exec.approval.grants.", "standing grants for scheduled jobs"),
    ("environments.session.", "sessions on nodes"),
];
const SINGLE: [(&str, &str); 3] =
    [("send", "chat services"), ("poll", "chat services"), ("message.action", "chat services")];

/// Those that nodes call; `node.pluginSurface` is asked for on the other side.
const OF_NODES: [&str; 5] = [
    "node.pending.pull",
    "node.pending.drain",
    "node.pending.ack",
    "node.pluginTools.update",
    "node.skills.update",
];

/// What `method` would need, if it is one of these.
pub(super) fn of(method: &str) -> Option<Later> {
    let group = GROUPS.iter().find(|(start, _)| method.starts_with(start));
    let single = SINGLE.iter().find(|(name, _)| method == *name);
    let (_, feature) = group.or(single)?;
    let is_asking = ["status", "list", "runs", "get", "providers", "bins", "catalog"];
    let last = method.rsplit('.').next().unwrap_or_default();
    let scope = if is_asking.contains(&last) { Scope::Read } else { Scope::Admin };
    let role = if OF_NODES.contains(&method) { Role::Node } else { Role::Operator };
    Some(Later { role, scope, feature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_told_from_what_there_is_not() {
        assert!(of("tts.status").is_some());
        assert_eq!(of("cron.add").map(|it| it.scope), Some(Scope::Admin));
        assert_eq!(of("cron.list").map(|it| it.scope), Some(Scope::Read));
        assert_eq!(of("node.skills.update").map(|it| it.role), Some(Role::Node));
        assert!(of("node.skill").is_none());
        assert!(of("cron").is_none());
        assert!(of("chat.send").is_none());
        assert!(of("sender").is_none());
    }
}
