//! What the list of sandboxes and a container's labels decide: keep, start, make anew, prune.
//!
//! Pure: the time is an argument, and the list itself is `store`'s.

use store::SandboxEntry;

use crate::docker::settings::Prune;

/// How long after its last use a sandbox counts as in use.
pub(crate) const HOT_MS: i64 = 300_000;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A container as it was found, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known<'a> {
    pub(crate) is_running: bool,
    /// Hash of the settings that it was made by, from its label or else the list.
    pub(crate) hash: Option<&'a str>,
    /// Hash of its mounts.
    pub(crate) mounts: Option<&'a str>,
    /// Whether it began as a spare, whose directory has another name since.
    pub(crate) was_spare: bool,
    pub(crate) last_used_ms: Option<i64>,
}

/// What to do about a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It runs and is as it should be.
    Keep,
    /// It is as it should be and must be started.
    Start,
    /// It is in use, and other than it should be by now.
    KeepOld,
    /// It is in use, and would show other directories than it should.
    Refuse,
    /// It goes, and another comes.
    Recreate,
}

/// Decides by the hashes and by how lately it was used.
pub(crate) fn decide(known: &Known<'_>, hash: &str, mounts: &str, now_ms: i64) -> Action {
    if known.hash == Some(hash) {
        return match (known.is_running, known.was_spare) {
            (true, _) => Action::Keep,
            (false, false) => Action::Start,
            (false, true) => Action::Recreate,
        };
    }
    let is_hot = known.is_running && known.last_used_ms.is_none_or(|used| now_ms - used < HOT_MS);
    match known.mounts {
        _ if !is_hot => Action::Recreate,
        Some(theirs) if theirs != mounts => Action::Refuse,
        Some(_) | None => Action::KeepOld,
    }
}

/// Whether a listed sandbox is idle or old enough to go.
pub(crate) fn is_prunable(entry: &SandboxEntry, rules: Prune, now_ms: i64) -> bool {
    let over = |since: i64, count: u64, unit: i64| {
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(unit);
        count > 0 && now_ms.saturating_sub(since) > limit
    };
    over(entry.last_used_at_ms, rules.idle_hours, HOUR_MS)
        || over(entry.created_at_ms, rules.max_age_days, DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000_000;

    fn known(hash: &str) -> Known<'_> {
        Known {
            is_running: true,
            hash: Some(hash),
            mounts: Some("m"),
            was_spare: false,
            last_used_ms: Some(NOW),
        }
    }

    #[test]
    fn a_container_of_the_wanted_settings_is_kept_or_started() {
        let stopped = Known { is_running: false, ..known("h") };
        let spare = Known { was_spare: true, ..stopped };

        assert_eq!(decide(&known("h"), "h", "m", NOW), Action::Keep);
        assert_eq!(decide(&stopped, "h", "m", NOW), Action::Start);
        assert_eq!(decide(&spare, "h", "m", NOW), Action::Recreate);
    }

    #[test]
    fn other_settings_wait_until_the_container_is_cold() {
        let used = |ago| Known { last_used_ms: Some(NOW - ago), ..known("old") };

        assert_eq!(decide(&used(299_000), "h", "m", NOW), Action::KeepOld);
        assert_eq!(decide(&used(301_000), "h", "m", NOW), Action::Recreate);
        let unknown = Known { last_used_ms: None, ..known("old") };
        assert_eq!(decide(&unknown, "h", "m", NOW), Action::KeepOld);
        let stopped = Known { is_running: false, ..used(0) };
        assert_eq!(decide(&stopped, "h", "m", NOW), Action::Recreate);
        let unlabelled = Known { hash: None, ..used(0) };
        assert_eq!(decide(&unlabelled, "h", "m", NOW), Action::KeepOld);
    }

    #[test]
    fn other_mounts_in_a_hot_container_are_refused() {
        assert_eq!(decide(&known("old"), "h", "other", NOW), Action::Refuse);
        let cold = Known { last_used_ms: Some(0), ..known("old") };
        assert_eq!(decide(&cold, "h", "other", NOW), Action::Recreate);
    }

    #[test]
    fn zero_turns_a_prune_rule_off() {
        let entry = |created: i64, used: i64| SandboxEntry {
            container_name: "c".to_owned(),
            session_key: "k".to_owned(),
            created_at_ms: NOW - created,
            last_used_at_ms: NOW - used,
            image: String::new(),
            config_hash: None,
            rest: serde_json::Map::new(),
        };
        let rules = |idle_hours, max_age_days| Prune { idle_hours, max_age_days };

        assert!(!is_prunable(&entry(DAY_MS, 24 * HOUR_MS), rules(24, 7), NOW));
        assert!(is_prunable(&entry(DAY_MS, 24 * HOUR_MS + 1), rules(24, 7), NOW));
        assert!(is_prunable(&entry(7 * DAY_MS + 1, 0), rules(24, 7), NOW));
        assert!(!is_prunable(&entry(99 * DAY_MS, 99 * DAY_MS), rules(0, 0), NOW));
        assert!(!is_prunable(&entry(99 * DAY_MS, 0), rules(24, 0), NOW));
        assert!(!is_prunable(&entry(0, 99 * DAY_MS), rules(0, 7), NOW));
    }
}
