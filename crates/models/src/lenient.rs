//! Reads fields of replies as servers write them, not as they ought to.
//!
//! A field of the wrong type counts as absent instead of failing the event. Nothing here makes
//! more of a text than the text itself: lists are bounded, and what is not looked at is kept as
//! it came or skipped.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::bounds::{CALLS_MAX, REPLY_BYTES_MAX};

/// Longest error object that is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A field that was not read yet.
pub(crate) type Raw<'a> = Option<&'a RawValue>;

/// Reads `raw` as `T`; `None` when it is something else.
pub(crate) fn lax<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A text; `None` when it is empty or something else.
pub(crate) fn text(raw: Raw<'_>) -> Option<String> {
    lax::<String>(raw).filter(|text| !text.is_empty())
}

/// A whole number however it is written; negative ones are 0.
pub(crate) fn number(raw: Raw<'_>) -> Option<u64> {
    let raw = raw?.get().trim_matches('"');
    if let Ok(number) = raw.parse::<u64>() {
        return Some(number);
    }
    let number = raw.parse::<f64>().ok().filter(|it| it.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, which is what is wanted"
    )]
    Some(number.max(0.0) as u64)
}

/// The arguments of a call, as text: a string as it is, anything else as JSON.
pub(crate) fn arguments(raw: Raw<'_>) -> String {
    match raw.map(RawValue::get) {
        None | Some("null") => String::new(),
        Some(json) if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
        Some(json) => json.to_owned(),
    }
}

/// An error field that says something; empty ones are no errors.
pub(crate) fn error(raw: Raw<'_>) -> Option<Value> {
    let raw = raw?.get();
    if matches!(raw, "null" | "false" | "\"\"" | "{}" | "[]" | "0") {
        return None;
    }
    if raw.len() > ERROR_BYTES_MAX {
        return Some(Value::from("(an error of more than 64 KiB)"));
    }
    serde_json::from_str(raw).ok()
}

/// The items of a list, at most one more than a reply may have calls. One item alone counts as
/// a list of one.
pub(crate) fn few<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Vec<T> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while items.len() <= CALLS_MAX {
                match seq.next_element::<&RawValue>()? {
                    Some(raw) => items.extend(lax::<T>(Some(raw))),
                    None => return Ok(items),
                }
            }
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(items)
        }
    }
    let Some(raw) = raw else { return Vec::new() };
    if raw.get().starts_with('{') {
        return lax(Some(raw)).into_iter().collect();
    }
    let mut reader = serde_json::Deserializer::from_str(raw.get());
    reader.deserialize_seq(Few(PhantomData)).unwrap_or_default()
}

/// Words of a message: a text, or parts of which some are thinking.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Words {
    /// What is said.
    pub(crate) text: String,
    /// What is thought.
    pub(crate) thinking: String,
}

impl Words {
    /// Reads them.
    pub(crate) fn of(raw: Raw<'_>) -> Self {
        let mut words = Self::default();
        if let Some(raw) = raw {
            let mut reader = serde_json::Deserializer::from_str(raw.get());
            // What cannot be read says nothing.
            drop(Reading { words: &mut words, thinks: false }.deserialize(&mut reader));
        }
        words
    }
}

/// Collects words; `thinks` once a part of thinking is entered.
struct Reading<'a> {
    words: &'a mut Words,
    thinks: bool,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("words")
    }

    fn visit_str<E>(self, more: &str) -> Result<(), E> {
        let to = if self.thinks { &mut self.words.thinking } else { &mut self.words.text };
        if to.len() <= REPLY_BYTES_MAX {
            to.push_str(more);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { words, thinks } = self;
        while seq.next_element_seed(Reading { words: &mut *words, thinks })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { words, thinks } = self;
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "text" | "refusal" | "output_text" => {
                    map.next_value_seed(Reading { words: &mut *words, thinks })?;
                }
                "thinking" | "reasoning" => {
                    map.next_value_seed(Reading { words: &mut *words, thinks: true })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        let read = |text| number(Some(&raw(text)));

        assert_eq!(
            (read("5"), read("5.0"), read("-1"), read("\"7\"")),
            (Some(5), Some(5), Some(0), Some(7))
        );
        assert_eq!((read("null"), read("{}"), read("1e99")), (None, None, Some(u64::MAX)));
    }

    #[test]
    fn words_are_found_in_texts_and_parts() {
        let read = |text| {
            let words = Words::of(Some(&raw(text)));
            (words.text, words.thinking)
        };
        let pair = |text: &str, thinking: &str| (text.to_owned(), thinking.to_owned());

        assert_eq!(read("\"hi\""), pair("hi", ""));
        assert_eq!(read(r#"[{"type":"text","text":"a"},"b",null,7]"#), pair("ab", ""));
        let mistral = r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"so"}]"#;
        assert_eq!(read(mistral), pair("so", "hm"));
    }

    #[test]
    fn empty_errors_are_none() {
        let read = |text| error(Some(&raw(text)));

        assert_eq!((read("\"\""), read("null"), read("{}")), (None, None, None));
        assert_eq!(read("\"no\""), Some(Value::from("no")));
    }

    #[test]
    fn a_list_is_read_as_far_as_a_reply_may_go() {
        let many = raw(&format!("[{}1]", "1,".repeat(100_000)));

        assert_eq!(few::<u64>(Some(&many)).len(), CALLS_MAX + 1);
        assert_eq!(few::<u64>(Some(&raw("[1,\"x\",3]"))), [1, 3]);
    }
}
