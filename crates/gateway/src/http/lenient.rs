//! Fields of requests whose type clients get wrong: numbers and flags as text, names as numbers,
//! "no limit" as a number below one.

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::Value;

/// A flag: `true`, `"true"` or `1`; null is none.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let value = Value::deserialize(from)?;
    let word = match &value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    match word.as_str() {
        "" | "null" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(D::Error::custom(format!("{value} is neither true nor false"))),
    }
}

/// A count, also as text or with a fraction of zero. Null and what is below one are none: that is
/// how some clients say that there is no limit.
pub(super) fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(from)?;
    let number = match &value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let Some(number) = number.filter(|it: &f64| it.is_finite()) else {
        return Err(D::Error::custom(format!("{value} is no number")));
    };
    if number < 1.0 {
        return Ok(None);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let count = number as u64;
    Ok(Some(count))
}

/// A name, also as a number; null and nothing but blanks are none.
pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok((!text.trim().is_empty()).then_some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(D::Error::custom(format!("{other} is no name")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_can_be_understood_is() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("False"), Some(false)),
            (json!(1), Some(true)),
            (json!(null), None),
            (json!(""), None),
        ] {
            assert_eq!(flag(value.clone()).unwrap(), expected, "{value}");
        }
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!(5.0), Some(5)),
            (json!("5"), Some(5)),
            (json!(-1), None),
            (json!("-1"), None),
            (json!(0), None),
            (json!(null), None),
        ] {
            assert_eq!(limit(value.clone()).unwrap(), expected, "{value}");
        }
        for (value, expected) in
            [(json!("a"), Some("a")), (json!(7), Some("7")), (json!(" "), None)]
        {
            assert_eq!(name(value.clone()).unwrap().as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn what_cannot_is_refused() {
        assert!(flag(json!("perhaps")).is_err() && flag(json!([])).is_err());
        assert!(limit(json!("many")).is_err() && limit(json!({})).is_err());
        assert!(name(json!({})).is_err());
    }
}
