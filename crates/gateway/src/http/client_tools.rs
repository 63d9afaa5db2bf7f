//! Tools that a client of the API brings along. The model may call them; the client runs them.

use std::sync::Arc;

use domain::ToolSpec;
use serde_json::{Map, Value, json};

/// Tools of one request.
const TOOLS_MAX: usize = 128;
const NAME_CHARS_MAX: usize = 64;

/// What a request says of tools, understood. Takes both generations of their form: with the facts
/// below `function`, and flat.
///
/// # Errors
///
/// What to tell the client.
pub(super) fn of(tools: &Value, choice: &Value) -> Result<Arc<[ToolSpec]>, String> {
    let tools = match tools {
        Value::Null => return Ok(Arc::default()),
        Value::Array(tools) if tools.len() <= TOOLS_MAX => tools,
        Value::Array(_) => return Err(format!("tools: at most {TOOLS_MAX} are taken")),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err("tools: must be a list".to_owned());
        }
    };
    let chosen = choice.pointer("/function/name").or_else(|| choice.get("name"));
    let specs: Vec<ToolSpec> = tools.iter().enumerate().map(spec).collect::<Result<_, _>>()?;
    if choice == "none" {
        return Ok(Arc::default());
    }
    match chosen.and_then(Value::as_str) {
        None => Ok(specs.into()),
        Some(name) => {
            let chosen: Arc<[ToolSpec]> = specs.into_iter().filter(|it| it.name == name).collect();
            if chosen.is_empty() {
                return Err(format!("tool_choice: there is no tool \"{name}\""));
            }
            Ok(chosen)
        }
    }
}

/// Whether an answer without a call is none (`tool_choice` is `required` or names a tool).
pub(super) fn is_required(choice: &Value) -> bool {
    choice == "required" || choice.is_object()
}

fn spec((at, tool): (usize, &Value)) -> Result<ToolSpec, String> {
    if tool["type"] != "function" {
        return Err(format!("tools.{at}.type: only \"function\" is taken"));
    }
    let facts = if tool["function"].is_object() { &tool["function"] } else { tool };
    let name = facts["name"].as_str().unwrap_or_default();
    let is_name = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !is_name {
        return Err(format!("tools.{at}.name: must be 1 to {NAME_CHARS_MAX} of A-Z a-z 0-9 _ -"));
    }
    let parameters = match &facts["parameters"] {
        Value::Null => json!({ "type": "object", "properties": {} }),
        Value::Object(object) => Value::Object(with_type(object)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(format!("tools.{at}.parameters: must be a JSON schema"));
        }
    };
    let description = facts["description"].as_str().unwrap_or_default().to_owned();
    Ok(ToolSpec { name: name.to_owned(), description, parameters })
}

/// Model APIs insist on an object at the top.
fn with_type(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut schema = schema.clone();
    schema.entry("type").or_insert_with(|| "object".into());
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &Value, choice: &Value) -> Result<Vec<String>, String> {
        of(tools, choice).map(|specs| specs.iter().map(|it| it.name.clone()).collect())
    }

    #[test]
    fn both_forms_of_a_tool_are_taken() {
        let flat = json!({"type": "function", "name": "a", "parameters": {"properties": {}}});
        let nested = json!({"type": "function", "function": {"name": "b", "description": "d"}});
        let specs = of(&json!([flat, nested]), &json!("auto")).unwrap();

        assert_eq!(specs[0].parameters, json!({"type": "object", "properties": {}}));
        assert_eq!((specs[1].name.as_str(), specs[1].description.as_str()), ("b", "d"));
    }

    #[test]
    fn a_choice_narrows_what_is_offered() {
        let tools = json!([{"type": "function", "name": "a"}, {"type": "function", "name": "b"}]);

        assert_eq!(names(&tools, &json!("none")), Ok(vec![]));
        assert_eq!(names(&tools, &json!({"type": "function", "name": "b"})), Ok(vec!["b".into()]));
        let nested = json!({"type": "function", "function": {"name": "a"}});
        assert_eq!(names(&tools, &nested), Ok(vec!["a".into()]));
        assert!(names(&tools, &json!({"name": "c"})).unwrap_err().contains("no tool"));
    }

    #[test]
    fn nonsense_is_told_with_its_place() {
        let bad = json!([{"type": "function", "name": "a"}, {"type": "function", "name": "a b"}]);
        assert!(names(&bad, &Value::Null).unwrap_err().starts_with("tools.1.name"));
        assert!(names(&json!([{"type": "web"}]), &Value::Null).unwrap_err().starts_with("tools.0"));
        assert!(names(&json!({}), &Value::Null).is_err());
        assert!(names(&json!(vec![1; 129]), &Value::Null).is_err());
    }
}
