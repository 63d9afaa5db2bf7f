//! What heartbeats are for: when one is due, and whether its answer is for a person
//! (`spec: agent-runtime` §12).

use config::Hours;

/// The answer by which an agent says that there is nothing to tell.
pub const NOTHING: &str = "HEARTBEAT_OK";

/// What an agent answered to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It said that there is nothing.
    Nothing,
    /// It said nothing at all.
    Silence,
    /// This is for a person.
    Tell(String),
}

/// Judges an answer. What stands beside the word for nothing may have `ack_chars_max`
/// characters and is still nothing.
pub fn judge(answer: &str, ack_chars_max: usize) -> Verdict {
    let (rest, has_word) = without_word(answer);
    match (has_word, rest.is_empty()) {
        (false, true) => Verdict::Silence,
        (true, _) if rest.chars().nth(ack_chars_max).is_none() => Verdict::Nothing,
        (true | false, _) => Verdict::Tell(rest.to_owned()),
    }
}

/// Whether a checklist has nothing on it: only headings, list marks and blank lines.
pub fn is_blank(checklist: &str) -> bool {
    checklist.lines().map(str::trim).all(|line| {
        let item = line.trim_start_matches(['-', '*', '+']).trim_start();
        let item = ["[ ]", "[x]", "[X]"].iter().find_map(|it| item.strip_prefix(it));
        let bare = item.unwrap_or(line.trim_start_matches(['-', '*', '+'])).trim();
        bare.is_empty() || line.starts_with('#')
    })
}

/// Whether `minute` of a day lies within the hours; those that end before they begin go over
/// midnight, and those that end where they begin are none.
pub fn is_within(hours: &Hours, minute: u16) -> bool {
    if hours.start <= hours.end {
        (hours.start..hours.end).contains(&minute)
    } else {
        minute >= hours.start || minute < hours.end
    }
}

/// An answer without the word for nothing at its ends, and whether the word was there.
fn without_word(answer: &str) -> (&str, bool) {
    let mut rest = answer.trim();
    let mut has_word = false;
    loop {
        let bare = without_markup(rest);
        let before = bare.strip_suffix(NOTHING).filter(|it| !it.ends_with(is_of_word));
        let after = bare.strip_prefix(NOTHING).filter(|it| !it.starts_with(is_of_word));
        match after.or(before) {
            Some(other) => (rest, has_word) = (other.trim(), true),
            None if has_word => return (without_markup(rest), true),
            None => return (rest, false),
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Takes tags and marks of emphasis off both ends.
fn without_markup(text: &str) -> &str {
    let mut rest = text;
    loop {
        let bare = rest.trim_matches(|c: char| c.is_whitespace() || "*`~_".contains(c));
        let opened = bare.strip_prefix('<').and_then(|it| it.split_once('>')).map(|it| it.1);
        let bare = opened.unwrap_or(bare);
        let closed = bare.strip_suffix('>').and_then(|it| it.rsplit_once('<')).map(|it| it.0);
        let bare = closed.unwrap_or(bare);
        if bare.len() == rest.len() {
            return rest;
        }
        rest = bare;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_nothing_however_it_is_dressed() {
        let dressed = [
            "HEARTBEAT_OK",
            " **HEARTBEAT_OK** ",
            "<b>HEARTBEAT_OK</b>",
            "`HEARTBEAT_OK`.",
            "HEARTBEAT_OK\n\nAll quiet.",
            "All quiet. HEARTBEAT_OK",
        ];

        for text in dressed {
            assert_eq!(judge(text, 300), Verdict::Nothing, "{text}");
        }
        assert_eq!(judge("  \n", 300), Verdict::Silence);
    }

    #[test]
    fn what_is_long_or_lacks_the_word_is_for_a_person() {
        let tell = |text: &str| Verdict::Tell(text.to_owned());

        assert_eq!(judge("The door is open.", 300), tell("The door is open."));
        assert_eq!(judge("HEARTBEAT_OK The door is open.", 5), tell("The door is open."));
        assert_eq!(judge("HEARTBEAT_OKAY", 300), tell("HEARTBEAT_OKAY"));
        assert_eq!(judge("Say HEARTBEAT_OK when idle.", 0), tell("Say HEARTBEAT_OK when idle."));
        assert_eq!(judge("HEARTBEAT_OK", 0), Verdict::Nothing);
    }

    #[test]
    fn a_checklist_without_items_is_blank() {
        for text in ["", "# Heartbeat\n", "# A\n\n- \n* [ ]\n+", "  \n##\n- [x] "] {
            assert!(is_blank(text), "{text}");
        }
        for text in ["- look at the door", "# A\nlook", "- [ ] mail"] {
            assert!(!is_blank(text), "{text}");
        }
    }

    #[test]
    fn hours_may_go_over_midnight() {
        let hours = |start, end| Hours { start, end, zone: None };

        assert!(is_within(&hours(540, 1020), 540) && !is_within(&hours(540, 1020), 1020));
        assert!(is_within(&hours(1320, 360), 10) && is_within(&hours(1320, 360), 1400));
        assert!(!is_within(&hours(1320, 360), 720));
        assert!(is_within(&hours(0, 1440), 1439) && !is_within(&hours(60, 60), 60));
    }

    proptest! {
        #[test]
        fn a_verdict_never_invents_words(answer in ".{0,80}", max in 0usize..40) {
            if let Verdict::Tell(text) = judge(&answer, max) {
                prop_assert!(!text.is_empty() && answer.contains(&text));
            }
        }
    }
}
