//! Messages whose texts are cut, for clients that ask for little.

use serde_json::{Value, value::RawValue};

use super::session_row::cut;

/// `message` with no text longer than `chars_max`; `None` when there is nothing to cut.
pub(super) fn texts(message: &RawValue, chars_max: usize) -> Option<Box<RawValue>> {
    // Most messages are shorter as a whole than one text may be.
    if message.get().len() <= chars_max {
        return None;
    }
    let mut value: Value = serde_json::from_str(message.get()).ok()?;
    let content = value.get_mut("content")?;
    let was_cut = match content {
        Value::String(text) => shorten(text, chars_max),
        Value::Array(parts) => {
            let mut was_cut = false;
            for part in parts {
                for name in ["text", "thinking"] {
                    if let Some(Value::String(text)) = part.get_mut(name) {
                        was_cut |= shorten(text, chars_max);
                    }
                }
            }
            was_cut
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    if !was_cut {
        return None;
    }
    serde_json::value::to_raw_value(&value).ok()
}

/// Cuts a text; says whether there was something to cut.
fn shorten(text: &mut String, chars_max: usize) -> bool {
    let short = cut(text, chars_max);
    let is_shorter = short.len() < text.len();
    *text = short;
    is_shorter
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_cut_and_pictures_are_not() {
        let of = |message: &Value, chars_max| {
            let raw = serde_json::value::to_raw_value(message).unwrap();
            texts(&raw, chars_max).map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap())
        };
        let message = json!({"role": "user", "content": [
            {"type": "text", "text": "abcdefgh"}, {"type": "image", "data": "abcdefgh"}]});

        assert_eq!(of(&message, 8), None);
        let cut = of(&message, 4).unwrap();
        assert_eq!(cut["content"][0]["text"], "abc…");
        assert_eq!(cut["content"][1]["data"], "abcdefgh");
        assert_eq!(of(&json!({"content": "abcdef"}), 3).unwrap()["content"], "ab…");
    }
}
