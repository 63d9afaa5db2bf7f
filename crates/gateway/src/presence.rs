//! Who is there, and who was lately.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use domain::UnixMillis;
use protocol::event::PresenceEntry;

use crate::{bind, state::Gateway};

/// How long an entry is shown after its last change.
const SHOWN_MS: u64 = 5 * 60 * 1000;
const ENTRIES_MAX: usize = 200;

/// Who is there. At most 200 entries; the oldest goes first.
pub(crate) struct Roster {
    me: PresenceEntry,
    state: Mutex<State>,
}

struct State {
    entries: BTreeMap<String, PresenceEntry>,
    version: u64,
}

impl Roster {
    /// A roster with the gateway itself in it.
    pub(crate) fn new(host: &str, version: &str, boot_id: &str) -> Self {
        let ip = bind::outward_address().map(|ip| ip.to_string());
        let place = ip.as_deref().map_or_else(String::new, |ip| format!(" ({ip})"));
        let me = PresenceEntry {
            host: Some(host.to_owned()),
            version: Some(version.to_owned()),
            platform: Some(std::env::consts::OS.to_owned()),
            device_family: Some(family()),
            model_identifier: Some(std::env::consts::ARCH.to_owned()),
            instance_id: Some(boot_id.to_owned()),
            ip,
            mode: Some("gateway".to_owned()),
            reason: Some("self".to_owned()),
            text: Some(format!(
                "Gateway: {host}{place} · app {version} · mode gateway · reason self"
            )),
            ..PresenceEntry::default()
        };
        Self { me, state: Mutex::new(State { entries: BTreeMap::new(), version: 1 }) }
    }

    /// Puts an entry under its key, replacing the one before.
    pub(crate) fn put(&self, key: &str, entry: PresenceEntry) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.insert(key.to_lowercase(), entry);
        state.version += 1;
        if state.entries.len() > ENTRIES_MAX {
            let oldest = state.entries.iter().min_by_key(|(_, entry)| entry.ts);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                state.entries.remove(&key);
            }
        }
    }

    /// Notes that the client under this key left; says whether it was there.
    pub(crate) fn leave(&self, key: &str, now: UnixMillis) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.entries.get_mut(&key.to_lowercase()) else { return false };
        entry.reason = Some("disconnect".to_owned());
        entry.ts = now.0;
        state.version += 1;
        true
    }

    /// How often the roster changed.
    pub(crate) fn version(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).version
    }

    /// The entries, newest first, the gateway itself on top.
    pub(crate) fn list(&self, now: UnixMillis) -> Vec<PresenceEntry> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.retain(|_, entry| {
            now.since(UnixMillis(entry.ts)) <= SHOWN_MS
                || entry.reason.as_deref() == Some("connect")
        });
        let mut list: Vec<PresenceEntry> = state.entries.values().cloned().collect();
        list.sort_by_key(|entry| std::cmp::Reverse(entry.ts));
        let mut all = vec![PresenceEntry { ts: now.0, ..self.me.clone() }];
        all.append(&mut list);
        all
    }
}

/// The operating system as people write it: `Linux`.
fn family() -> String {
    let mut name = std::env::consts::OS.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// Notes that a client left, and tells the others.
pub(crate) fn left(gateway: &Gateway, key: Option<&str>) {
    if let Some(key) = key
        && gateway.roster.leave(key, gateway.clock.now())
    {
        gateway.events.presence_changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, ts: i64) -> PresenceEntry {
        PresenceEntry {
            host: Some(host.to_owned()),
            reason: Some("connect".to_owned()),
            ts,
            ..PresenceEntry::default()
        }
    }

    fn hosts(roster: &Roster, now: i64) -> Vec<String> {
        roster.list(UnixMillis(now)).into_iter().filter_map(|entry| entry.host).collect()
    }

    #[test]
    fn those_who_left_are_shown_for_five_minutes() {
        let roster = Roster::new("box", "1", "boot");
        roster.put("A", entry("a", 1));
        roster.put("b", entry("b", 2));

        assert!(roster.leave("a", UnixMillis(10)));

        assert_eq!(hosts(&roster, 20), ["box", "a", "b"]);
        assert_eq!(hosts(&roster, 400_000), ["box", "b"]);
        assert!(!roster.leave("c", UnixMillis(10)));
    }

    #[test]
    fn every_change_is_a_new_version() {
        let roster = Roster::new("box", "1", "boot");
        let before = roster.version();

        roster.put("a", entry("a", 1));
        roster.leave("a", UnixMillis(2));

        assert_eq!(roster.version(), before + 2);
    }
}
