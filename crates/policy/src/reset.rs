//! When a conversation starts afresh by itself (`spec: sessions` §3.1).

use config::{Reset, Session};
use domain::{SessionKey, UnixMillis, session_key::Kind};
use jiff::{Zoned, civil::Time, tz::TimeZone};

/// Whether a conversation last used at `updated_at` is stale at `now`.
///
/// Stale means: used before the latest daily boundary, or silent for longer than the idle
/// limit, whichever comes first. `zone` is where the daily hour is read on the clock.
pub fn is_stale(reset: &Reset, updated_at: UnixMillis, now: UnixMillis, zone: &TimeZone) -> bool {
    let missed_the_hour = reset
        .daily_at_hour
        .and_then(|hour| latest_boundary(hour, now, zone))
        .is_some_and(|boundary| updated_at < boundary);
    let fell_silent =
        reset.idle.is_some_and(|idle| u128::from(now.since(updated_at)) > idle.as_millis());
    missed_the_hour || fell_silent
}

/// The policy that holds for a conversation: its channel's, else its type's, else the general.
pub fn which_reset(session: &Session, key: &SessionKey, channel: Option<&str>) -> Reset {
    let of_channel =
        channel.and_then(|channel| session.reset_by_channel.get(&channel.trim().to_lowercase()));
    let of_type = || session.reset_by_type.get(conversation_type(key));
    of_channel.or_else(of_type).copied().unwrap_or(session.reset)
}

fn conversation_type(key: &SessionKey) -> &'static str {
    let text = key.as_str();
    if text.contains(":thread:") || text.contains(":topic:") {
        return "thread";
    }
    match key.kind() {
        Kind::Group => "group",
        Kind::Direct | Kind::Global | Kind::Unknown => "direct",
    }
}

/// The latest moment, not after `now`, at which clocks in `zone` showed `hour`.
fn latest_boundary(hour: i8, now: UnixMillis, zone: &TimeZone) -> Option<UnixMillis> {
    let today = now.timestamp().to_zoned(zone.clone()).date();
    let hour = Time::new(hour.clamp(0, 23), 0, 0, 0).ok()?;
    let at = |date: jiff::civil::Date| -> Option<Zoned> {
        date.to_datetime(hour).to_zoned(zone.clone()).ok()
    };
    let boundary = at(today)?;
    let boundary = if boundary.timestamp() <= now.timestamp() {
        boundary
    } else {
        at(today.yesterday().ok()?)?
    };
    Some(UnixMillis(boundary.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> UnixMillis {
        UnixMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn daily(hour: i8) -> Reset {
        Reset { daily_at_hour: Some(hour), idle: None }
    }

    fn idle(minutes: u64) -> Reset {
        Reset { daily_at_hour: None, idle: Some(Duration::from_mins(minutes)) }
    }

    #[test]
    fn the_daily_hour_is_read_on_the_local_clock() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // Four o'clock in Berlin is three in UTC in winter.
        let cases = [
            ("2026-11-22T02:59:00Z", "2026-11-22T03:01:00Z", true),
            ("2026-11-22T03:00:00Z", "2026-11-22T23:00:00Z", false),
            ("2026-11-21T23:00:00Z", "2026-11-22T02:59:00Z", false),
            ("2026-11-20T23:00:00Z", "2026-11-22T02:59:00Z", true),
        ];

        for (updated, now, expected) in cases {
            assert_eq!(is_stale(&daily(4), at(updated), at(now), &berlin), expected, "{updated}");
        }
    }

    #[test]
    fn an_hour_that_a_clock_change_skips_still_resets_that_day() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();

        assert!(is_stale(
            &daily(2),
            at("2026-03-28T22:00:00Z"),
            at("2026-03-29T06:00:00Z"),
            &berlin
        ));
    }

    #[test]
    fn silence_counts_only_beyond_the_limit() {
        let updated = at("2026-11-22T10:00:00Z");
        let now = |millis: i64| UnixMillis(updated.0 + millis);

        assert!(!is_stale(&idle(60), updated, now(3_600_000), &TimeZone::UTC));
        assert!(is_stale(&idle(60), updated, now(3_600_001), &TimeZone::UTC));
        assert!(!is_stale(&Reset::default(), updated, now(i64::MAX / 2), &TimeZone::UTC));
    }

    #[test]
    fn channel_beats_type_beats_general() {
        let session = Session {
            global_scope: false,
            main_key: "main".to_owned(),
            reset_triggers: Vec::new(),
            reset: daily(4),
            reset_by_type: BTreeMap::from([
                ("group".to_owned(), idle(1)),
                ("thread".to_owned(), idle(2)),
            ]),
            reset_by_channel: BTreeMap::from([("slack".to_owned(), idle(3))]),
            store: None,
            send_policy: config::SendPolicy::default(),
            ping_pong_max: 5,
        };
        let cases = [
            ("agent:main:main", None, daily(4)),
            ("agent:main:telegram:group:1", Some("telegram"), idle(1)),
            ("agent:main:telegram:group:1:topic:2", Some("telegram"), idle(2)),
            ("agent:main:slack:channel:c1", Some("Slack"), idle(3)),
        ];

        for (key, channel, expected) in cases {
            assert_eq!(which_reset(&session, &SessionKey::stored(key), channel), expected, "{key}");
        }
    }

    proptest! {
        #[test]
        fn later_use_never_makes_a_conversation_staler(
            hour in 0_i8..24,
            minutes in 1_u64..5000,
            now in 1_700_000_000_000_i64..1_900_000_000_000,
            ages in (0_i64..400_000_000, 0_i64..400_000_000),
        ) {
            let reset = Reset { daily_at_hour: Some(hour), ..idle(minutes) };
            let stale = |age: i64| {
                is_stale(&reset, UnixMillis(now - age), UnixMillis(now), &TimeZone::UTC)
            };
            let (young, old) = (ages.0.min(ages.1), ages.0.max(ages.1));
            prop_assert!(stale(old) || !stale(young));
            prop_assert!(stale(86_400_001) && !stale(0));
        }
    }
}
