//! The list of sub-agents: what is known of each and what comes next. Pure.
//!
//! ```text
//!   admit ─► runs ─► ended ─► told ─► (put away when due) ─► gone
//!              └─ stopped ─────┘
//! ```
//!
//! Invariant: a sub-agent ends once, and what it brought counts as told only after its end.

use std::{collections::BTreeMap, time::Duration};

use domain::{SessionKey, TurnId, UnixMillis};
use store::{SubagentOutcome, SubagentRecord};

/// Sub-agents of one session that may run or wait to run at once.
pub(crate) const OF_ONE_MAX: usize = 20;

/// Sub-agents of all sessions that may run or wait to run at once.
const ALL_MAX: usize = 100;

/// How soon what could not be put away is tried again.
const AGAIN_MS: i64 = 60_000;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Runs(BTreeMap<TurnId, SubagentRecord>);

impl Runs {
    /// The list as it was kept, with those that ran then: nobody runs them any more.
    pub(crate) fn restored(kept: BTreeMap<TurnId, SubagentRecord>, now: UnixMillis) -> Self {
        let mut runs = Self(kept);
        let cut_off: Vec<TurnId> = runs.running().map(|it| it.run_id.clone()).collect();
        for turn in cut_off {
            runs.end(&turn, outcome("lost", "the gateway stopped while it ran"), now);
        }
        runs
    }

    /// All that there are, to be kept.
    pub(crate) fn all(&self) -> &BTreeMap<TurnId, SubagentRecord> {
        &self.0
    }

    /// Those of `requester`, oldest first.
    pub(crate) fn of(&self, requester: &SessionKey) -> Vec<SubagentRecord> {
        let all = self.0.values();
        let mut own: Vec<_> =
            all.filter(|it| it.requester_session_key == *requester).cloned().collect();
        own.sort_by_key(|it| it.created_at);
        own
    }

    /// Takes one in.
    ///
    /// # Errors
    ///
    /// Why there is no room for it.
    pub(crate) fn admit(&mut self, record: SubagentRecord) -> Result<(), String> {
        let requester = &record.requester_session_key;
        let own = self.running().filter(|it| it.requester_session_key == *requester).count();
        if own >= OF_ONE_MAX {
            return Err(format!("{own} sub-agents of this session run already; wait for some"));
        }
        if self.running().count() >= ALL_MAX {
            return Err("too many sub-agents run already; try again later".to_owned());
        }
        self.0.insert(record.run_id.clone(), record);
        Ok(())
    }

    /// Forgets one.
    pub(crate) fn forget(&mut self, turn: &TurnId) -> Option<SubagentRecord> {
        self.0.remove(turn)
    }

    /// Notes how one ended; `None` when that is known already.
    pub(crate) fn end(
        &mut self,
        turn: &TurnId,
        outcome: SubagentOutcome,
        now: UnixMillis,
    ) -> Option<&SubagentRecord> {
        let record = self.0.get_mut(turn).filter(|record| record.ended_at.is_none())?;
        record.ended_at = Some(now);
        record.outcome = Some(outcome);
        Some(record)
    }

    /// Ends those of `requester` that run, or that one; they are not told of, since whoever
    /// started them does not want them any more.
    pub(crate) fn stop(
        &mut self,
        (requester, one): (&SessionKey, Option<&TurnId>),
        now: UnixMillis,
        keep: impl Fn(&SubagentRecord) -> Option<Duration>,
    ) -> Vec<SubagentRecord> {
        let running = self.running().filter(|it| {
            it.requester_session_key == *requester && one.is_none_or(|one| it.run_id == *one)
        });
        let stopped: Vec<SubagentRecord> = running.cloned().collect();
        for record in &stopped {
            self.end(&record.run_id, outcome("stopped", "stopped with its parent"), now);
            self.told(&record.run_id, now, keep(record));
        }
        stopped
    }

    /// Ended ones that are still to be told.
    pub(crate) fn untold(&self) -> Vec<SubagentRecord> {
        let is_open =
            |it: &&SubagentRecord| it.ended_at.is_some() && it.cleanup_completed_at.is_none();
        self.0.values().filter(is_open).cloned().collect()
    }

    /// Notes that the end of one was told. Its conversation then stays for `keep`, or for good.
    pub(crate) fn told(&mut self, turn: &TurnId, now: UnixMillis, keep: Option<Duration>) {
        let Some(record) = self.0.get_mut(turn).filter(|it| it.ended_at.is_some()) else { return };
        record.cleanup_completed_at = Some(now);
        let keep = if record.cleanup == "delete" { Some(Duration::ZERO) } else { keep };
        match keep {
            Some(keep) => {
                let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
                record.archive_at_ms = Some(UnixMillis(now.0.saturating_add(keep_ms)));
            }
            // Nothing comes after this.
            None => drop(self.0.remove(turn)),
        }
    }

    /// Conversations whose time is over.
    pub(crate) fn due(&self, now: UnixMillis) -> Vec<SubagentRecord> {
        let is_due = |it: &&SubagentRecord| it.archive_at_ms.is_some_and(|at| at <= now);
        self.0.values().filter(is_due).cloned().collect()
    }

    /// When the next conversation's time is over.
    pub(crate) fn next_due(&self) -> Option<UnixMillis> {
        self.0.values().filter_map(|it| it.archive_at_ms).min()
    }

    /// Notes that one is being put away: should that fail, it is tried again after a while.
    pub(crate) fn putting_away(&mut self, turn: &TurnId, now: UnixMillis) {
        if let Some(record) = self.0.get_mut(turn) {
            record.archive_at_ms = Some(UnixMillis(now.0.saturating_add(AGAIN_MS)));
        }
    }

    fn running(&self) -> impl Iterator<Item = &SubagentRecord> {
        self.0.values().filter(|it| it.ended_at.is_none())
    }
}

pub(crate) fn outcome(status: &str, error: &str) -> SubagentOutcome {
    SubagentOutcome {
        status: status.to_owned(),
        error: Some(error.to_owned()),
        result: None,
        stats: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn record(turn: &str, requester: &str, cleanup: &str) -> SubagentRecord {
        SubagentRecord {
            run_id: TurnId::new(turn),
            child_session_key: SessionKey::stored(&format!("agent:main:subagent:{turn}")),
            requester_session_key: SessionKey::stored(requester),
            task: "look".to_owned(),
            label: None,
            cleanup: cleanup.to_owned(),
            created_at: UnixMillis(1),
            ended_at: None,
            outcome: None,
            cleanup_completed_at: None,
            archive_at_ms: None,
            rest: serde_json::Map::new(),
        }
    }

    fn names(records: &[SubagentRecord]) -> Vec<&str> {
        records.iter().map(|it| it.run_id.as_str()).collect()
    }

    #[test]
    fn one_that_ended_is_told_and_put_away_when_its_time_is_over() {
        let mut runs = Runs::default();
        runs.admit(record("a", "p", "keep")).unwrap();
        runs.admit(record("b", "p", "delete")).unwrap();
        let ok =
            SubagentOutcome { status: "ok".to_owned(), error: None, result: None, stats: None };

        assert!(runs.end(&TurnId::new("a"), ok.clone(), UnixMillis(10)).is_some());
        assert!(runs.end(&TurnId::new("a"), ok.clone(), UnixMillis(11)).is_none());
        runs.end(&TurnId::new("b"), ok, UnixMillis(10));
        assert_eq!(names(&runs.untold()), ["a", "b"]);
        for turn in ["a", "b"] {
            runs.told(&TurnId::new(turn), UnixMillis(20), Some(HOUR));
        }

        assert!(runs.untold().is_empty());
        assert_eq!(names(&runs.due(UnixMillis(20))), ["b"]);
        runs.forget(&TurnId::new("b"));
        assert_eq!(runs.next_due(), Some(UnixMillis(20 + 3_600_000)));
        assert_eq!(names(&runs.due(UnixMillis(20 + 3_600_000))), ["a"]);
        runs.putting_away(&TurnId::new("a"), UnixMillis(4_000_000));
        assert_eq!(runs.next_due(), Some(UnixMillis(4_060_000)));
    }

    #[test]
    fn what_was_cut_off_is_told_and_what_was_stopped_is_not() {
        let mut kept = BTreeMap::new();
        for (turn, requester) in [("a", "p"), ("b", "q")] {
            kept.insert(TurnId::new(turn), record(turn, requester, "keep"));
        }
        let restored = Runs::restored(kept.clone(), UnixMillis(5));
        let mut stopped = Runs(kept);

        let gone = stopped.stop((&SessionKey::stored("p"), None), UnixMillis(5), |_| None);

        assert_eq!(names(&restored.untold()), ["a", "b"]);
        assert_eq!(names(&gone), ["a"]);
        assert!(stopped.untold().is_empty());
        assert_eq!(stopped.all().len(), 1, "what never comes back is not kept in mind");
    }

    #[test]
    fn one_session_starts_only_so_many_at_once() {
        let mut runs = Runs::default();
        for n in 0..OF_ONE_MAX {
            runs.admit(record(&n.to_string(), "p", "keep")).unwrap();
        }

        assert!(runs.admit(record("more", "p", "keep")).is_err());
        assert!(runs.admit(record("other", "q", "keep")).is_ok());
        runs.end(&TurnId::new("3"), outcome("error", "x"), UnixMillis(1));
        assert!(runs.admit(record("more", "p", "keep")).is_ok());
    }

    proptest! {
        #[test]
        fn nothing_is_told_or_put_away_before_its_end(
            steps in prop::collection::vec((0..4_u8, 0..6_u8), 0..60),
        ) {
            let mut runs = Runs::default();
            for (at, (step, who)) in (0_i64..).zip(steps) {
                let (turn, now) = (TurnId::new(who.to_string()), UnixMillis(at));
                match step {
                    0 => drop(runs.admit(record(turn.as_str(), "p", "keep"))),
                    1 => drop(runs.end(&turn, outcome("error", "x"), now).cloned()),
                    2 => runs.told(&turn, now, Some(HOUR)),
                    _ => drop(runs.stop((&SessionKey::stored("p"), None), now, |_| Some(HOUR))),
                }
                for record in runs.all().values() {
                    prop_assert!(record.ended_at.is_some() || record.cleanup_completed_at.is_none());
                    prop_assert!(
                        record.cleanup_completed_at.is_some() || record.archive_at_ms.is_none()
                    );
                    prop_assert_eq!(record.ended_at.is_some(), record.outcome.is_some());
                }
            }
        }
    }
}
