//! Small things said in few letters: ages, token counts, keys cut in the middle.

/// How long ago, such as `5m ago`.
pub(crate) fn age(ms: u64) -> String {
    match ms {
        0..60_000 => "just now".to_owned(),
        _ => format!("{} ago", span(ms)),
    }
}

/// A length of time in its largest unit: `42s`, `5m`, `3h`, `2d`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Tokens in thousands: `900`, `12k`, `1.2k`.
pub(crate) fn thousands(count: u64) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..10_000 => format!("{}.{}k", count / 1000, count % 1000 / 100),
        _ => format!("{}k", count / 1000),
    }
}

/// At most `chars_max` characters, the middle cut out: both ends of a key matter.
pub(crate) fn middle_cut(text: &str, chars_max: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= chars_max {
        return text.to_owned();
    }
    let kept = chars_max.saturating_sub(1);
    let head: String = chars.iter().take(kept.div_ceil(2)).collect();
    let tail: String = chars.iter().skip(chars.len() - kept / 2).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_use_their_largest_unit() {
        let minute = 60_000;
        let cases = [
            (0, "just now"),
            (59_999, "just now"),
            (minute, "1m ago"),
            (90 * minute, "1h ago"),
            (26 * 60 * minute, "26h ago"),
            (72 * 60 * minute, "3d ago"),
        ];

        for (ms, expected) in cases {
            assert_eq!(age(ms), expected);
        }
    }

    #[test]
    fn counts_and_keys_stay_short() {
        assert_eq!([thousands(999), thousands(1234), thousands(200_000)], ["999", "1.2k", "200k"]);
        assert_eq!(middle_cut("agent:main:main", 26), "agent:main:main");
        let cut = middle_cut("agent:main:telegram:group:-1001234567890", 26);
        assert_eq!((cut.chars().count(), cut.as_str()), (26, "agent:main:te…001234567890"));
    }
}
