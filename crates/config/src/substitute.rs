//! `${NAME}` in string values.

use serde_json::Value;

use crate::{
    env::Env,
    problem::{Finding, Path},
};

/// Replaces every `${NAME}` in the strings of `value`. An unset or blank variable is a finding.
pub(crate) fn variables(value: &mut Value, env: &Env) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(value, &Path::default(), env, &mut findings);
    findings
}

fn walk(value: &mut Value, path: &Path, env: &Env, findings: &mut Vec<Finding>) {
    match value {
        Value::String(text) if text.contains("${") => {
            let (filled, missing) = fill(text, env);
            *text = filled;
            findings.extend(missing.into_iter().map(|name| {
                Finding::new(path.clone(), format!("environment variable `{name}` is not set"))
                    .hint(format!("set `{name}`, or write `$${{{name}}}` for the text itself"))
            }));
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &path.child(index), env, findings);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                walk(item, &path.child(key), env, findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text with its variables filled in, and the names of those that are not set.
fn fill(text: &str, env: &Env) -> (String, Vec<String>) {
    let mut out = String::with_capacity(text.len());
    let mut missing = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        if let Some(name) = tail.strip_prefix('$').and_then(reference) {
            if let Some(value) = env.get(name) {
                out.push_str(value);
            } else {
                missing.push(name.to_owned());
                out.push_str(tail.get(..name.len() + 3).unwrap_or_default());
            }
            rest = tail.get(name.len() + 3..).unwrap_or_default();
        } else if let Some(name) = tail.strip_prefix("$$").and_then(reference) {
            out.push_str(tail.get(1..name.len() + 4).unwrap_or_default());
            rest = tail.get(name.len() + 4..).unwrap_or_default();
        } else {
            out.push('$');
            rest = tail.get(1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    (out, missing)
}

/// The name in `{NAME}` at the start of `text`.
fn reference(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    is_name(name).then_some(name)
}

/// Whether `text` is the name of a variable as far as config files go.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_filled_and_escapes_survive() {
        let env = Env::of([("KEY".to_owned(), "k$1".to_owned())].into(), "/h", "/");
        let mut value = json!({
            "a": ["<${KEY}${KEY}>", "$${KEY}", "${lower} $KEY ${} $$ ${KEY"],
            "${KEY}": 1,
        });

        let findings = variables(&mut value, &env);

        assert_eq!(findings, []);
        assert_eq!(
            value,
            json!({
                "a": ["<k$1k$1>", "${KEY}", "${lower} $KEY ${} $$ ${KEY"],
                "${KEY}": 1,
            })
        );
    }

    #[test]
    fn an_unset_variable_is_named_with_its_path() {
        let env = Env::of([("BLANK".to_owned(), " ".to_owned())].into(), "/h", "/");
        let mut value = json!({ "a": [{ "b": "${UNSET}" }, "${BLANK}"] });

        let findings = variables(&mut value, &env);

        let shown: Vec<_> = findings.iter().map(|f| format!("{}: {}", f.path, f.message)).collect();
        assert_eq!(
            shown,
            [
                "a.0.b: environment variable `UNSET` is not set",
                "a.1: environment variable `BLANK` is not set",
            ]
        );
    }
}
