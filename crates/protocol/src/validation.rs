//! Checks params against a JSON schema and says what is wrong in the reference's words.
//!
//! Covers the keywords that `schemars` makes of our types. All problems are listed, in the
//! order of the schema; clients match the prefix only, people read the rest.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// Problems listed at most; more help nobody.
const PROBLEMS_MAX: usize = 24;

/// The schema of a type, references written out.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The text for a client: `invalid <method> params: …`.
pub fn refusal(method: &str, problems: &[String]) -> String {
    let mut unique: Vec<&str> = Vec::new();
    for problem in problems {
        if !unique.contains(&problem.as_str()) {
            unique.push(problem);
        }
    }
    if unique.is_empty() {
        unique.push("unknown validation error");
    }
    format!("invalid {method} params: {}", unique.join("; "))
}

/// What is wrong with `value`; empty when nothing is.
pub fn check(schema: &Value, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    walk(schema, value, "", &mut problems);
    problems.truncate(PROBLEMS_MAX);
    problems
}

fn walk(schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            problems.push(at(path, "must NOT be valid"));
        }
        return;
    };
    if problems.len() >= PROBLEMS_MAX {
        return;
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = schema.get(keyword) {
            return any_of(branches, value, path, problems);
        }
    }
    if let Some(Value::Array(all)) = schema.get("allOf") {
        for part in all {
            walk(part, value, path, problems);
        }
    }
    if let Some(kinds) = schema.get("type")
        && !is_of_type(kinds, value)
    {
        problems.push(at(path, &format!("must be {}", type_names(kinds))));
        return;
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        problems.push(at(path, "must be equal to constant"));
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        problems.push(at(path, "must be equal to one of the allowed values"));
    }
    match value {
        Value::Object(object) => object_rules(schema, object, path, problems),
        Value::Array(items) => array_rules(schema, items, path, problems),
        Value::String(text) => string_rules(schema, text, path, problems),
        Value::Number(number) => number_rules(schema, number.as_f64(), path, problems),
        Value::Null | Value::Bool(_) => {}
    }
}

fn any_of(branches: &[Value], value: &Value, path: &str, problems: &mut Vec<String>) {
    let mut first: Option<Vec<String>> = None;
    for branch in branches {
        let mut found = Vec::new();
        walk(branch, value, path, &mut found);
        if found.is_empty() {
            return;
        }
        let is_null = branch.get("type").and_then(Value::as_str) == Some("null");
        if first.is_none() && !is_null {
            first = Some(found);
        }
    }
    if branches.iter().all(|branch| branch.get("const").is_some()) {
        problems.push(at(path, "must be equal to one of the allowed values"));
    } else if branches.len() <= 2 {
        problems.extend(first.unwrap_or_default());
    } else {
        problems.push(at(path, "must match a schema in anyOf"));
    }
}

fn object_rules(
    schema: &Map<String, Value>,
    object: &Map<String, Value>,
    path: &str,
    problems: &mut Vec<String>,
) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            let text = format!("must have required property '{name}'");
            problems.push(if path.is_empty() { text } else { at(path, &text) });
        }
    }
    let rest = schema.get("additionalProperties");
    for (name, value) in object {
        let known = properties.and_then(|properties| properties.get(name));
        match (known, rest) {
            (None, Some(Value::Bool(false))) => {
                let place = if path.is_empty() { "root" } else { path };
                problems.push(format!("at {place}: unexpected property '{name}'"));
            }
            (None, Some(schema)) => walk(schema, value, &format!("{path}/{name}"), problems),
            (Some(_), _) | (None, None) => {}
        }
    }
    for (name, schema) in properties.into_iter().flatten() {
        if let Some(value) = object.get(name) {
            walk(schema, value, &format!("{path}/{name}"), problems);
        }
    }
}

fn array_rules(
    schema: &Map<String, Value>,
    items: &[Value],
    path: &str,
    problems: &mut Vec<String>,
) {
    if let Some(min) = bound(schema, "minItems")
        && items.len() < min
    {
        problems.push(at(path, &format!("must NOT have fewer than {min} items")));
    }
    if let Some(max) = bound(schema, "maxItems")
        && items.len() > max
    {
        problems.push(at(path, &format!("must NOT have more than {max} items")));
    }
    if let Some(schema) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            walk(schema, item, &format!("{path}/{index}"), problems);
        }
    }
}

fn string_rules(schema: &Map<String, Value>, text: &str, path: &str, problems: &mut Vec<String>) {
    if let Some(min) = bound(schema, "minLength")
        && text.chars().take(min).count() < min
    {
        problems.push(at(path, &format!("must NOT have fewer than {min} characters")));
    }
    if let Some(max) = bound(schema, "maxLength")
        && text.chars().count() > max
    {
        problems.push(at(path, &format!("must NOT have more than {max} characters")));
    }
}

fn number_rules(
    schema: &Map<String, Value>,
    number: Option<f64>,
    path: &str,
    problems: &mut Vec<String>,
) {
    let Some(number) = number else { return };
    let limit = |name: &str| schema.get(name).filter(|it| it.is_number());
    if let Some(min) = limit("minimum")
        && min.as_f64().is_some_and(|min| number < min)
    {
        problems.push(at(path, &format!("must be >= {min}")));
    }
    if let Some(max) = limit("maximum")
        && max.as_f64().is_some_and(|max| number > max)
    {
        problems.push(at(path, &format!("must be <= {max}")));
    }
}

fn bound(schema: &Map<String, Value>, name: &str) -> Option<usize> {
    schema.get(name).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok())
}

fn at(path: &str, text: &str) -> String {
    if path.is_empty() { text.to_owned() } else { format!("at {path}: {text}") }
}

fn is_of_type(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    };
    match kinds {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn type_names(kinds: &Value) -> String {
    match kinds {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let names: Vec<&str> =
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
            names.join(",")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[schemars(deny_unknown_fields, rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Params {
        #[schemars(length(min = 1))]
        session_key: String,
        #[schemars(range(min = 1, max = 1000))]
        limit: Option<u32>,
        kind: Option<Choice>,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Choice {
        A,
        B,
    }

    #[test]
    fn problems_are_told_in_the_words_of_the_reference() {
        let schema = schema_of::<Params>();
        let cases = [
            (json!({"sessionKey": "main", "limit": 5, "kind": "a"}), ""),
            (json!({}), "must have required property 'sessionKey'"),
            (json!({"sessionKey": "m", "extra": 1}), "at root: unexpected property 'extra'"),
            (json!({"sessionKey": "m", "limit": 0}), "at /limit: must be >= 1"),
            (json!({"sessionKey": "m", "limit": "x"}), "at /limit: must be integer"),
            (json!({"sessionKey": ""}), "at /sessionKey: must NOT have fewer than 1 characters"),
            (
                json!({"sessionKey": "m", "kind": "c"}),
                "at /kind: must be equal to one of the allowed values",
            ),
            (json!("text"), "must be object"),
        ];

        for (value, expected) in cases {
            assert_eq!(check(&schema, &value).join("; "), expected, "{value}");
        }
    }

    #[test]
    fn a_refusal_never_lacks_a_reason() {
        assert_eq!(refusal("m", &[]), "invalid m params: unknown validation error");
        let twice = ["a".to_owned(), "a".to_owned()];
        assert_eq!(refusal("m", &twice), "invalid m params: a");
    }
}
