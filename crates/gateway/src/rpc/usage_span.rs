//! Which days clients mean.

use domain::UnixMillis;
use jiff::{
    civil::Date,
    tz::{Offset, TimeZone},
};

use super::RpcError;
use crate::usage::Span;

/// Days when nobody says.
const DAYS_DEFAULT: u32 = 30;
/// All days there can be.
const DAYS_ALL: u32 = 36_500;

/// What a request says of days.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) days: Option<u32>,
    pub(super) range: Option<&'a str>,
    /// `utc`, `gateway`, `specific`.
    pub(super) mode: Option<&'a str>,
    pub(super) zone: Option<&'a str>,
    /// Such as `UTC+2` or `UTC-3:30`.
    pub(super) offset: Option<&'a str>,
}

/// The days that are meant, as of `now`.
///
/// # Errors
///
/// A date that there is not, an unknown zone, an end before the beginning.
pub(super) fn span(wanted: Wanted<'_>, now: UnixMillis) -> Result<Span, RpcError> {
    let zone = zone(wanted)?;
    let days = match wanted.range {
        Some("7d") => 7,
        Some("30d") => 30,
        Some("90d") => 90,
        Some("1y") => 365,
        Some("all") => DAYS_ALL,
        Some(_) | None => wanted.days.unwrap_or(DAYS_DEFAULT),
    };
    let mut span = Span::last_days(days, now, zone);
    if let Some(to) = wanted.to {
        let length = jiff::Span::new().days(i64::try_from(span.days()).unwrap_or(1) - 1);
        span.to = date(to)?;
        span.from = span.to.saturating_sub(length);
    }
    if let Some(from) = wanted.from {
        span.from = date(from)?;
    }
    if span.from > span.to {
        return Err(RpcError::invalid("startDate is after endDate"));
    }
    Ok(span)
}

fn date(text: &str) -> Result<Date, RpcError> {
    text.parse().map_err(|_| RpcError::invalid(format!("no such date: {text}")))
}

fn zone(wanted: Wanted<'_>) -> Result<TimeZone, RpcError> {
    let unknown = |name: &str| RpcError::invalid(format!("unknown time zone: {name}"));
    match (wanted.mode, wanted.zone, wanted.offset) {
        (Some("utc"), ..) => Ok(TimeZone::UTC),
        (Some("specific"), Some(name), _) => TimeZone::get(name).map_err(|_| unknown(name)),
        (Some("specific"), None, Some(text)) => {
            let offset = text.strip_prefix("UTC").and_then(offset).ok_or_else(|| unknown(text))?;
            Ok(TimeZone::fixed(offset))
        }
        _ => Ok(TimeZone::system()),
    }
}

/// `+2`, `-3:30`.
fn offset(text: &str) -> Option<Offset> {
    let (hours, minutes) = text.split_once(':').unwrap_or((text, "0"));
    let (sign, hours) = match hours.strip_prefix('-') {
        Some(hours) => (-1, hours),
        None => (1, hours.strip_prefix('+')?),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_795_348_800_000);

    fn days(wanted: Wanted<'_>) -> Result<(String, String), String> {
        let wanted = Wanted { mode: wanted.mode.or(Some("utc")), ..wanted };
        let span = span(wanted, NOON).map_err(|error| error.error.message)?;
        Ok((span.from.to_string(), span.to.to_string()))
    }

    #[test]
    fn days_count_back_from_the_end_unless_there_is_a_beginning() {
        let plain = days(Wanted::default()).unwrap();
        assert_eq!(plain, ("2026-10-24".to_owned(), "2026-11-22".to_owned()));
        let week = Wanted { to: Some("2026-01-07"), range: Some("7d"), ..Wanted::default() };
        assert_eq!(days(week).unwrap(), ("2026-01-01".to_owned(), "2026-01-07".to_owned()));
        let both = Wanted { from: Some("2025-02-28"), to: Some("2025-03-01"), ..Wanted::default() };
        assert_eq!(days(both).unwrap(), ("2025-02-28".to_owned(), "2025-03-01".to_owned()));
    }

    #[test]
    fn nonsense_is_refused() {
        let from = |text| Wanted { from: Some(text), ..Wanted::default() };
        assert_eq!(days(from("2026-02-30")).unwrap_err(), "no such date: 2026-02-30");
        assert_eq!(days(from("2027-01-01")).unwrap_err(), "startDate is after endDate");
        let zone = Wanted { mode: Some("specific"), zone: Some("Mars/X"), ..Wanted::default() };
        assert_eq!(days(zone).unwrap_err(), "unknown time zone: Mars/X");
    }

    #[test]
    fn offsets_have_hours_and_minutes() {
        assert_eq!(offset("+2").unwrap().seconds(), 7200);
        assert_eq!(offset("-3:30").unwrap().seconds(), -12_600);
        assert_eq!(offset("2"), None);
        assert_eq!(offset("+99"), None);
    }
}
