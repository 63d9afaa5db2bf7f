//! What the gateway puts around a person's words for the model, taken off again for people.

use serde_json::value::RawValue;

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

/// The same for a message in JSON, which is not parsed. `None` when nothing is to be taken off.
pub(super) fn opened_json(message: &RawValue) -> Option<Box<RawValue>> {
    let raw = message.get();
    if !raw.starts_with(r#"{"role":"user""#) {
        return None;
    }
    // Quotes inside of texts are escaped, so these can only be keys.
    let starts = [r#""text":"["#, r#""content":"["#];
    starts.iter().flat_map(|start| raw.match_indices(start)).find_map(|(at, start)| {
        let (head, text) = raw.split_at_checked(at + start.len() - 1)?;
        let bare = opened(text);
        let is_shorter = bare.len() < text.len();
        is_shorter.then(|| RawValue::from_string(format!("{head}{bare}")).ok()).flatten()
    })
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
    fn json_is_opened_in_place() {
        let of = |raw: &str| {
            let message = RawValue::from_string(raw.to_owned()).unwrap();
            opened_json(&message).map(|message| message.get().to_owned())
        };
        let parts = r#"{"role":"user","content":[{"type":"text","text":"System: x"},{"type":"text","text":"[Sun 2026-11-22 15:25 UTC] \"hi\" 你"}]}"#;

        let expected = r#"{"role":"user","content":[{"type":"text","text":"System: x"},{"type":"text","text":"\"hi\" 你"}]}"#;
        assert_eq!(of(parts).as_deref(), Some(expected));
        assert_eq!(
            of(r#"{"role":"user","content":"[Sun 2026-11-22 15:25 UTC] hi"}"#).as_deref(),
            Some(r#"{"role":"user","content":"hi"}"#)
        );
        assert_eq!(of(r#"{"role":"user","content":"[x] hi"}"#), None);
        assert_eq!(of(r#"{"role":"assistant","content":"[Sun 2026-11-22 15:25 UTC] hi"}"#), None);
    }

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
