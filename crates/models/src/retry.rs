//! When a failed request is sent again. Pure: no clock, no randomness, no sleep.

use std::time::Duration;

use domain::UnixMillis;
use reqwest::header::HeaderMap;

use crate::{ErrorKind, fault::Fault};

/// Longest wait that a provider may ask for; beyond it the failure is final here.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// Wait before the second attempt, without jitter.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);

/// Longest wait of our own choice.
const BACKOFF_MAX: Duration = Duration::from_secs(8);

const _: () = assert!(BACKOFF_FIRST.as_millis() < BACKOFF_MAX.as_millis());

/// How long to wait before attempt `made + 1`; `None` when the failure is final.
///
/// `made` counts the attempts so far, `jitter` is any number: it spreads clients that failed
/// together.
pub(crate) fn wait(fault: &Fault, made: u32, attempts_max: u32, jitter: u64) -> Option<Duration> {
    if made >= attempts_max || !may_help(fault) {
        return None;
    }
    if let Some(asked) = fault.retry_after {
        return (asked <= RETRY_AFTER_MAX).then_some(asked);
    }
    let doubled = BACKOFF_FIRST.saturating_mul(1 << made.saturating_sub(1).min(8)).min(BACKOFF_MAX);
    let half = doubled / 2;
    let spread = u64::try_from(half.as_millis()).unwrap_or(0) + 1;
    Some(half + Duration::from_millis(jitter % spread))
}

/// Whether the same request may do better a moment later.
fn may_help(fault: &Fault) -> bool {
    match fault.kind {
        ErrorKind::RateLimit | ErrorKind::Server => true,
        ErrorKind::Timeout => !fault.stalled,
        ErrorKind::Garbage => fault.empty,
        ErrorKind::Auth
        | ErrorKind::Billing
        | ErrorKind::Format
        | ErrorKind::ContextOverflow
        // What was cut once would be cut again.
        | ErrorKind::TooLarge => false,
    }
}

/// Reads `retry-after-ms`, and `retry-after` in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok().filter(|n| !n.is_nan());
    if let Some(seconds) = number("retry-after-ms").map(|ms| ms / 1000.0).or(number("retry-after"))
    {
        // A wait of ages is still a wait, and no reason to ask again at once.
        return Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX));
    }
    let date = jiff::fmt::rfc2822::parse(text("retry-after")?).ok()?;
    let until = UnixMillis(date.timestamp().as_millisecond());
    Some(Duration::from_millis(until.since(now)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn only_failures_that_may_pass_are_retried() {
        let wait = |kind| wait(&Fault::new(kind, ""), 1, 2, 0).is_some();

        assert!(wait(ErrorKind::RateLimit) && wait(ErrorKind::Server) && wait(ErrorKind::Timeout));
        assert!(!wait(ErrorKind::Auth) && !wait(ErrorKind::Billing) && !wait(ErrorKind::Format));
        assert!(!wait(ErrorKind::ContextOverflow) && !wait(ErrorKind::Garbage));
    }

    #[test]
    fn an_empty_reply_is_asked_for_once_more_and_one_without_end_is_not() {
        let empty = Fault::empty("nothing");

        assert!(wait(&empty, 1, 2, 0).is_some() && wait(&empty, 2, 2, 0).is_none());
        assert_eq!(wait(&Fault::too_large("all of it"), 1, 2, 0), None);
    }

    #[test]
    fn a_stall_and_a_long_wait_are_final() {
        let stalled = Fault::stalled(Duration::from_mins(2));
        let long = Fault {
            retry_after: Some(Duration::from_secs(61)),
            ..Fault::new(ErrorKind::RateLimit, "")
        };

        assert_eq!(wait(&stalled, 1, 2, 0), None);
        assert_eq!(wait(&long, 1, 2, 0), None);
    }

    #[test]
    fn retry_after_is_read_in_seconds_milliseconds_and_as_a_date() {
        let read = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            retry_after(&headers, UnixMillis(1_795_361_070_000))
        };

        assert_eq!(read("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(read("retry-after-ms", "40"), Some(Duration::from_millis(40)));
        assert_eq!(
            read("retry-after", "Sun, 22 Nov 2026 15:24:35 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(read("retry-after", "1e300"), Some(Duration::MAX));
        assert_eq!(read("retry-after", "soon"), None);
    }

    proptest! {
        #[test]
        fn waits_are_bounded_and_end(made in 0_u32..200, most in 0_u32..200, jitter: u64) {
            let waited = wait(&Fault::new(ErrorKind::Server, ""), made, most, jitter);

            prop_assert_eq!(waited.is_some(), made < most);
            prop_assert!(waited.is_none_or(|it| it <= BACKOFF_MAX && it >= BACKOFF_FIRST / 2));
        }
    }
}
