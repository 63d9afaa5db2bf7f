//! `config.schema.lookup`: one place of the configuration, and what is directly below it.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct ConfigSchemaLookup;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// Such as `gateway.port`; `.` and empty brackets are the top. Elements of lists and maps
    /// are `*` or any name.
    #[schemars(length(min = 1, max = 1024))]
    path: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    path: String,
    schema: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint_path: Option<String>,
    children: Vec<Child>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    key: String,
    path: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Value>,
    required: bool,
    has_children: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Value>,
}

impl Method for ConfigSchemaLookup {
    const NAME: &'static str = "config.schema.lookup";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(_: Cx, params: Params) -> Result<Reply, RpcError> {
        let (schema, hints) = (config::schema(), config::ui_hints());
        let steps = steps(&params.path);
        look_up(&schema, &hints, &steps)
            .ok_or_else(|| RpcError::invalid("config schema path not found"))
    }
}

/// `a.b[0].c`, `a/b/*/c` and the like as names.
fn steps(path: &str) -> Vec<&str> {
    let steps = path.split(['.', '/', '[', ']']);
    steps.map(str::trim).filter(|step| !step.is_empty()).collect()
}

fn look_up(schema: &Value, hints: &Value, steps: &[&str]) -> Option<Reply> {
    let mut at = schema;
    let mut walked: Vec<&str> = Vec::new();
    for step in steps {
        let (next, name) = child_of(at, step)?;
        walked.push(name);
        at = next;
    }
    let path = walked.join(".");
    let below = below(at);
    let required = |name: &str| {
        let names = at["required"].as_array();
        names.is_some_and(|names| names.iter().any(|it| it == name))
    };
    let children = below.into_iter().map(|(key, child)| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        Child {
            required: required(&key),
            has_children: !self::below(child).is_empty(),
            kind: child.get("type").cloned(),
            hint: hints.get(&path).cloned(),
            path,
            key,
        }
    });
    let hint = hints.get(&path).cloned();
    Some(Reply {
        children: children.collect(),
        schema: shallow(at),
        hint_path: hint.is_some().then(|| path.clone()),
        hint,
        path: if path.is_empty() { ".".to_owned() } else { path },
    })
}

/// The schema below `at` that `step` leads to, and the step's name in paths.
fn child_of<'a>(at: &'a Value, step: &'a str) -> Option<(&'a Value, &'a str)> {
    if let Some(found) = at.get("properties").and_then(|it| it.get(step)) {
        return Some((found, step));
    }
    for any in ["additionalProperties", "items"] {
        if let Some(each) = at.get(any).filter(|each| each.is_object()) {
            return Some((each, "*"));
        }
    }
    let choices = at.get("anyOf")?.as_array()?;
    choices.iter().find_map(|choice| child_of(choice, step))
}

fn below(at: &Value) -> Vec<(String, &Value)> {
    let mut found: Vec<(String, &Value)> = Vec::new();
    if let Some(properties) = at.get("properties").and_then(Value::as_object) {
        found.extend(properties.iter().map(|(key, child)| (key.clone(), child)));
    }
    for any in ["additionalProperties", "items"] {
        if let Some(each) = at.get(any).filter(|each| each.is_object()) {
            found.push(("*".to_owned(), each));
        }
    }
    for choice in at.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(below(choice));
    }
    found
}

/// The schema without what its children tell.
fn shallow(at: &Value) -> Value {
    let Some(fields) = at.as_object() else { return at.clone() };
    let kept = fields.iter().filter(|(name, value)| {
        let is_nested = match name.as_str() {
            "properties" | "items" | "anyOf" | "$schema" => true,
            "additionalProperties" => value.is_object(),
            _ => false,
        };
        !is_nested
    });
    let mut kept: Map<String, Value> =
        kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(choices) = fields.get("anyOf").and_then(Value::as_array) {
        kept.insert("anyOf".to_owned(), json!(choices.iter().map(shallow).collect::<Vec<_>>()));
    }
    Value::Object(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<Reply> {
        look_up(&config::schema(), &config::ui_hints(), &steps(path))
    }

    #[test]
    fn a_place_tells_what_is_below_it_and_no_deeper() {
        let gateway = found("gateway").unwrap();

        let port = gateway.children.iter().find(|child| child.key == "port").unwrap();
        assert_eq!(port.path, "gateway.port");
        assert!(!port.has_children && gateway.schema.get("properties").is_none());
        assert!(gateway.children.iter().any(|child| child.key == "auth" && child.has_children));
    }

    #[test]
    fn names_in_maps_and_numbers_in_lists_stand_for_any() {
        let by_name = found("models.providers.mock.models[0].id").unwrap();

        assert_eq!(by_name.path, "models.providers.*.models.*.id");
        assert_eq!(by_name.schema["type"], "string");
    }

    #[test]
    fn the_top_is_a_dot_and_what_is_not_there_is_not_found() {
        assert_eq!(found(".").unwrap().path, ".");
        assert!(found("gateway.no.such").is_none());
    }
}
