//! How long, as people write it: `500ms`, `90s`, `30m`, `1.5h`, `2d`.

use std::time::Duration;

/// What a bare number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes, as for heartbeats.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
}

impl Unit {
    fn seconds(self) -> f64 {
        match self {
            Self::Milliseconds => 0.001,
            Self::Seconds => 1.0,
            Self::Minutes => 60.0,
            Self::Hours => 3600.0,
            Self::Days => 86400.0,
        }
    }
}

/// Reads a duration; `unit` is that of a bare number. `None` when the text is none, or when it
/// is too long to count.
pub fn parse_duration(text: &str, unit: Unit) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let unit = match suffix {
        "" => unit,
        "ms" => Unit::Milliseconds,
        "s" => Unit::Seconds,
        "m" => Unit::Minutes,
        "h" => Unit::Hours,
        "d" => Unit::Days,
        _ => return None,
    };
    let well_formed = match number.split_once('.') {
        None => !number.is_empty(),
        Some((whole, part)) => !whole.is_empty() && !part.is_empty() && !part.contains('.'),
    };
    if !well_formed {
        return None;
    }
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit.seconds()).ok()
}

pub(crate) fn is_valid(text: &str) -> bool {
    parse_duration(text, Unit::Minutes).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_nonsense_is_not() {
        let read = |text| parse_duration(text, Unit::Minutes).map(|d| d.as_millis());

        assert_eq!(read("250ms"), Some(250));
        assert_eq!(read("90s"), Some(90_000));
        assert_eq!(read("30"), Some(1_800_000));
        assert_eq!(read("1.5h"), Some(5_400_000));
        assert_eq!(read("2d"), Some(172_800_000));
        assert_eq!(read("0m"), Some(0));
        for text in
            ["", "m", "-5m", "1.m", ".5m", "1.2.3s", "5 m", "5w", "1e9", "99999999999999999999d"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
