//! Sizes and limits of containers, as people write them: `512m`, `1.5g`, `1024:2048`.

use crate::{node::Node, resolved::Ulimit};

/// A size in bytes; `None` when it is blank or no size.
pub(crate) fn bytes(node: Node<'_>) -> Option<u64> {
    match node.str() {
        Some(text) => parse_bytes(text),
        None => node.int(),
    }
}

/// A size in bytes, or -1 for no limit.
pub(crate) fn swap_bytes(node: Node<'_>) -> Option<i64> {
    let is_unlimited = node.str().map_or(node.float() == Some(-1.0), |text| text.trim() == "-1");
    if is_unlimited { Some(-1) } else { i64::try_from(bytes(node)?).ok() }
}

/// Reads `512m`, `1.5g`, `1GiB`, `1048576`; units are powers of 1024.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the value was checked to be finite and not negative"
)]
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..)?.trim_end_matches('b').trim_end_matches('i');
    let shift = match unit {
        "" if text.ends_with("ib") => return None,
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    let digits = digits.trim_end();
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number = digits.parse::<f64>().ok().filter(|number| is_plain && number.is_finite())?;
    let factor = 2_f64.powi(shift);
    Some((number * factor) as u64)
}

/// A limit: one value, `soft:hard`, or an object. Negative numbers are 0, as text -1 is none.
pub(crate) fn ulimit(node: Node<'_>) -> Option<Ulimit> {
    if let Some(text) = node.str() {
        return parse_ulimit(text);
    }
    let number = |node: Node<'_>| node.float().map(clamped);
    if let Some(limit) = number(node) {
        return Some(Ulimit { soft: limit, hard: limit });
    }
    let (soft, hard) = (number(node.key("soft")), number(node.key("hard")));
    Some(Ulimit { soft: soft.or(hard)?, hard: hard.or(soft)? })
}

/// Reads `1024` or `1024:2048`.
pub(crate) fn parse_ulimit(text: &str) -> Option<Ulimit> {
    let limit = |text: &str| text.trim().parse::<i64>().ok().filter(|limit| *limit >= -1);
    let (soft, hard) = text.split_once(':').unwrap_or((text, text));
    Some(Ulimit { soft: limit(soft)?, hard: limit(hard)? })
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn clamped(limit: f64) -> i64 {
    limit.max(0.0) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        let cases = [
            ("1g", Some(1 << 30)),
            ("512m", Some(512 << 20)),
            ("512MB", Some(512 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("1.5k", Some(1536)),
            ("42", Some(42)),
            ("42b", Some(42)),
            ("", None),
            ("lots", None),
            ("1x", None),
            ("1ib", None),
            ("-1", None),
            ("1e9", None),
            ("99999999999g", None),
        ];

        for (text, expected) in cases {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn limits_come_as_one_value_a_pair_or_an_object() {
        let of = |soft, hard| Some(Ulimit { soft, hard });
        let cases = [
            (json!(256), of(256, 256)),
            (json!(-3), of(0, 0)),
            (json!("64"), of(64, 64)),
            (json!("64:128"), of(64, 128)),
            (json!("-1"), of(-1, -1)),
            (json!({"soft": 1, "hard": 2}), of(1, 2)),
            (json!({"hard": 2}), of(2, 2)),
            (json!({}), None),
            (json!(""), None),
            (json!("many"), None),
        ];

        for (value, expected) in cases {
            assert_eq!(ulimit(Node::of(&value)), expected, "{value}");
        }
    }

    #[test]
    fn swap_may_be_without_limit() {
        for value in [json!("-1"), json!(-1)] {
            assert_eq!(swap_bytes(Node::of(&value)), Some(-1));
        }
        assert_eq!(swap_bytes(Node::of(&json!("2g"))), Some(2 << 30));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}") {
            let _read = (parse_bytes(&text), parse_ulimit(&text));
        }
    }
}
