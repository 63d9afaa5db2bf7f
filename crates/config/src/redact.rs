//! Secrets in config values: masked on the way out, put back on the way in.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{env::Env, problem::Path, spans::Spans, syntax, tree};

/// What stands for a secret.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// Shorter secrets are not looked for in comments: they are words of the language.
const REPEAT_BYTES_MIN: usize = 8;

/// Most bytes to search for repeated secrets.
const SEARCH_BYTES_MAX: usize = 1 << 30;

/// A masked value with nothing stored behind it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is masked, and there is no stored value to put back")]
pub struct MaskedError {
    /// Where it is.
    pub path: String,
}

/// `value` with its secrets masked.
#[must_use]
pub fn redact(mut value: Value) -> Value {
    mask(&mut value, &Path::default());
    value
}

/// A resolved tree with its secrets masked: also text into which `${VAR}` brought the value of a
/// variable with a sensitive name, wherever it stands.
#[must_use]
pub fn redact_resolved(value: Value, env: &Env) -> Value {
    let named = env.vars().iter().filter(|(name, _)| is_sensitive_key(name));
    let secrets: Vec<&str> = named
        .map(|(_, secret)| secret.trim())
        .filter(|secret| secret.len() >= REPEAT_BYTES_MIN)
        .collect();
    let mut value = redact(value);
    mask_texts_with(&secrets, &mut value);
    value
}

fn mask_texts_with(secrets: &[&str], value: &mut Value) {
    match value {
        Value::String(text) => {
            if secrets.iter().any(|secret| text.contains(secret)) {
                REDACTED.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts_with(secrets, item)),
        Value::Object(map) => map.values_mut().for_each(|item| mask_texts_with(secrets, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `raw` with its secrets masked, comments kept; `None` when it cannot be read, for then
/// nobody can say what is secret in it, and when it has too many secrets to look for.
pub fn redact_raw(raw: &str) -> Option<String> {
    let value = syntax::parse(raw).ok()?;
    let spans = Spans::of(raw);
    let mut ranges: Vec<_> = spans
        .iter()
        .filter(|(path, place)| {
            let literal = raw.get(place.value.clone()).unwrap_or_default();
            let text = json5::from_str::<String>(literal);
            text.is_ok_and(|text| is_secret(path, &text))
        })
        .map(|(_, place)| place.value.clone())
        .collect();
    ranges.sort_by_key(|range| range.start);
    let mut masked = String::with_capacity(raw.len());
    let mut done = 0;
    for range in ranges {
        masked.push_str(raw.get(done..range.start).unwrap_or_default());
        masked.push('"');
        masked.push_str(REDACTED);
        masked.push('"');
        done = range.end;
    }
    masked.push_str(raw.get(done..).unwrap_or_default());
    // A secret that is written a second time, in a comment for example, is a secret there too.
    let mut secrets = BTreeSet::new();
    collect(&value, &Path::default(), &mut secrets);
    secrets.retain(|secret| secret.len() >= REPEAT_BYTES_MIN);
    if secrets.len().saturating_mul(raw.len()) > SEARCH_BYTES_MAX {
        return None;
    }
    for secret in secrets {
        masked = masked.replace(&secret, REDACTED);
    }
    Some(masked)
}

/// `new` with every mask replaced by the value that `old` has there. In lists of objects with
/// an `id` the ids say which item is meant.
///
/// # Errors
///
/// The path of a mask that has nothing behind it.
pub fn restore(mut new: Value, old: &Value) -> Result<Value, MaskedError> {
    unmask(&mut new, Some(old), &Path::default())?;
    Ok(new)
}

/// Whether `text` at `path` must not be seen.
pub(crate) fn is_secret(path: &Path, text: &str) -> bool {
    let mut keys = path.0.iter().rev().filter(|key| tree::index(key).is_none());
    let last = keys.next().map_or("", String::as_str);
    let parent = keys.next().map_or("", String::as_str);
    if text.is_empty() || last == "maxTokensField" {
        return false;
    }
    is_sensitive_key(last)
        || ["headers", "env", "vars"].contains(&parent)
        || path.0.iter().any(|key| key == "serviceAccount")
        || (text.contains("://") && url::Url::parse(text).is_ok_and(|url| url.password().is_some()))
}

/// Whether values under `key` are masked: `token`, `password`, `secret`, `apiKey` and the like.
pub fn is_sensitive_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let api_key = key.match_indices("api").any(|(at, _)| {
        let rest = key.get(at + 3..).unwrap_or_default();
        rest.starts_with("key") || rest.chars().skip(1).take(3).eq("key".chars())
    });
    api_key || ["token", "password", "secret"].iter().any(|part| key.contains(part))
}

fn mask(value: &mut Value, path: &Path) {
    match value {
        Value::String(text) => {
            if is_secret(path, text) {
                REDACTED.clone_into(text);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                mask(item, &path.child(index));
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                mask(item, &path.child(key));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn collect(value: &Value, path: &Path, secrets: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if is_secret(path, text) => {
            secrets.insert(text.clone());
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.child(index), secrets);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                collect(item, &path.child(key), secrets);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn unmask(new: &mut Value, old: Option<&Value>, path: &Path) -> Result<(), MaskedError> {
    match new {
        Value::String(text) if text == REDACTED => match old {
            Some(old) if old.is_string() && old != REDACTED => *new = old.clone(),
            Some(_) | None => return Err(MaskedError { path: path.to_string() }),
        },
        Value::Array(items) => {
            let olds = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for (index, item) in items.iter_mut().enumerate() {
                let twin = match item.get("id").cloned() {
                    Some(id) => olds.iter().find(|old| old.get("id") == Some(&id)),
                    None => olds.get(index),
                };
                unmask(item, twin, &path.child(index))?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                unmask(item, old.and_then(|old| old.get(key)), &path.child(key))?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_and_numbers_are_not() {
        let value = json!({
            "gateway": { "auth": { "token": "t", "password": "" } },
            "models": { "p": { "apiKey": "k", "api_key": "k", "maxTokens": 9,
                "maxTokensField": "max_tokens", "headers": { "X-Auth": "h" } } },
            "env": { "GH_PAT": "p", "shellEnv": { "enabled": true } },
            "proxy": "http://u:pw@h/", "url": "http://h/",
        });

        let masked = redact(value.clone());

        let m = REDACTED;
        let expected = json!({
            "gateway": { "auth": { "token": m, "password": "" } },
            "models": { "p": { "apiKey": m, "api_key": m, "maxTokens": 9,
                "maxTokensField": "max_tokens", "headers": { "X-Auth": m } } },
            "env": { "GH_PAT": m, "shellEnv": { "enabled": true } },
            "proxy": m, "url": "http://h/",
        });
        assert_eq!(masked, expected);
        assert_eq!(restore(masked, &value), Ok(value));
    }

    #[test]
    fn what_a_secret_variable_brought_in_is_masked_wherever_it_stands() {
        let vars = [("MY_API_KEY".to_owned(), "sk-12345678".to_owned())];
        let env = Env::of(vars.into(), "/h", "/");

        let masked = redact_resolved(json!({ "url": "http://h/?k=sk-12345678", "x": "y" }), &env);

        assert_eq!(masked, json!({ "url": REDACTED, "x": "y" }));
    }

    #[test]
    fn raw_text_keeps_its_comments_but_not_its_secrets() {
        let raw = "{\n  // was 'sesame-street' before\n  token: 'second', // keep\n  \
                   token: \"sesame-street\", maxTokens: 5,\n}";

        let masked = redact_raw(raw).unwrap();

        assert!(masked.contains("// was '__OPENCLAW_REDACTED__' before"), "{masked}");
        assert!(masked.contains("token: \"__OPENCLAW_REDACTED__\", // keep"), "{masked}");
        assert!(!masked.contains("second"), "{masked}");
        assert_eq!(redact_raw("{ token: 'x'"), None);
    }

    #[test]
    fn items_are_matched_by_id_and_a_mask_without_a_value_is_refused() {
        let old = json!({ "list": [{ "id": "a", "token": "A" }, { "id": "b", "token": "B" }] });
        let swapped = json!({ "list": [{ "id": "b", "token": REDACTED }, { "id": "a" }] });

        let restored = restore(swapped, &old).unwrap();
        let refused = restore(json!({ "list": [{ "id": "c", "token": REDACTED }] }), &old);

        assert_eq!(restored["list"][0]["token"], "B");
        assert_eq!(refused, Err(MaskedError { path: "list.0.token".to_owned() }));
    }
}
