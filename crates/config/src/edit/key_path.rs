//! How people write the way to a value: `agents.list[0].name`, `models["a.b"].x\.y`.

use std::{fmt, str::FromStr};

/// The way to a value; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPath(Vec<String>);

/// A text that names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a config path")]
pub struct KeyPathError(String);

impl KeyPath {
    /// The keys from the root; list places are decimal numbers.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The value at this path in `tree`.
    pub fn find<'a>(&self, tree: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        crate::tree::get(tree, &self.0)
    }

    /// The first `count` keys, for messages.
    pub(crate) fn shown_to(&self, count: usize) -> String {
        self.0.get(..count).unwrap_or_default().join(".")
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl FromStr for KeyPath {
    type Err = KeyPathError;

    fn from_str(text: &str) -> Result<Self, KeyPathError> {
        read(text).map(Self).ok_or_else(|| KeyPathError(text.to_owned()))
    }
}

/// `None` when a part is blank, a bracket is open, or something follows one directly.
fn read(text: &str) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    let mut key = String::new();
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?),
            '.' => keys.push(Some(std::mem::take(&mut key)).filter(|key| !key.trim().is_empty())?),
            '[' => {
                if !key.is_empty() {
                    keys.push(std::mem::take(&mut key));
                }
                let inner = bracket(&mut chars)?;
                match chars.next() {
                    None => {
                        keys.push(inner);
                        return Some(keys);
                    }
                    Some('.') if chars.peek().is_some() => keys.push(inner),
                    Some('[') => {
                        keys.push(inner);
                        let rest: String = std::iter::once('[').chain(chars).collect();
                        keys.extend(read(&rest)?);
                        return Some(keys);
                    }
                    Some(_) => return None,
                }
            }
            _ => key.push(c),
        }
    }
    keys.push(Some(key).filter(|key| !key.trim().is_empty())?);
    Some(keys)
}

/// What stands between brackets, quoted or not, after the opening one.
fn bracket(chars: &mut impl Iterator<Item = char>) -> Option<String> {
    let mut inner = String::new();
    let mut quote = None;
    loop {
        match (chars.next()?, quote) {
            ('\\', _) => inner.push(chars.next()?),
            (c @ ('"' | '\''), None) if inner.is_empty() => quote = Some(c),
            (c, Some(open)) if c == open => {
                return (chars.next()? == ']').then_some(inner);
            }
            (']', None) => return (!inner.trim().is_empty()).then(|| inner.trim().to_owned()),
            (c, _) => inner.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_brackets_and_escapes_are_read() {
        let keys = |text: &str| text.parse::<KeyPath>().map(|path| path.0);

        assert_eq!(keys("a.b.0"), Ok(vec!["a".into(), "b".into(), "0".into()]));
        assert_eq!(keys("a[0][1].b"), Ok(vec!["a".into(), "0".into(), "1".into(), "b".into()]));
        assert_eq!(keys(r#"m["a.b/c"].x"#), Ok(vec!["m".into(), "a.b/c".into(), "x".into()]));
        assert_eq!(keys(r"m.gpt-5\.2.x"), Ok(vec!["m".into(), "gpt-5.2".into(), "x".into()]));
        for text in ["", ".", "a.", "a..b", "a[", "a[]", "a[0]b", "a[0].", "a[\"x]", "a\\"] {
            assert!(keys(text).is_err(), "{text}");
        }
    }
}
