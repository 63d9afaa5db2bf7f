//! What the gateway puts around a person's words for the model, taken off again for people.

/// `text` without the time in front of it, such as `[Sun 2026-11-22 15:25 UTC] `.
pub(super) fn opened(text: &str) -> &str {
    let Some((head, rest)) = text.strip_prefix('[').and_then(|text| text.split_once("] ")) else {
        return text;
    };
    let mut words = head.split(' ');
    let is_stamp = words.next().is_some_and(|day| day.len() == 3)
        && words.next().is_some_and(|date| has_shape(date, "dddd-dd-dd"))
        && words.next().is_some_and(|time| has_shape(time, "dd:dd"))
        && words.next().is_none_or(|zone| !zone.is_empty())
        && words.next().is_none();
    if is_stamp { rest } else { text }
}

/// Whether `text` looks like `shape`, in which `d` is a digit.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_is_taken_off() {
        let cases = [
            ("[Sun 2026-11-22 15:25 UTC] hi [x] y", "hi [x] y"),
            ("[Sun 2026-11-22 15:25 GMT+8] 你好", "你好"),
            ("[lab]\n\nnote", "[lab]\n\nnote"),
            ("[Sun day] hi", "[Sun day] hi"),
            ("[Sun 2026-11-22 15:25 UTC]", "[Sun 2026-11-22 15:25 UTC]"),
            ("hi", "hi"),
        ];

        for (text, expected) in cases {
            assert_eq!(opened(text), expected);
        }
    }
}
