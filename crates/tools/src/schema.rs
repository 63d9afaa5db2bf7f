//! Arguments of tools: their schema for the model, and reading what the model sent.
//!
//! Models are sloppy writers: numbers come as text, lists as one item, objects as text. What
//! can be understood is, guided by the schema; what cannot is told back in plain words.
//! Which arguments a tool needs, and whether text is trimmed, is the tool's own business.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ToolError;

/// Marks a property that is understood but not shown to the model, such as an old name.
pub(crate) const HIDDEN: &str = "x-hidden";

/// Names that models also give a property; how a name is put together does not matter.
const ALIASES: &str = "x-aliases";

/// Marks a text that may come as a list of words: a command line.
const WORDS: &str = "x-words";

/// Most characters of unreadable arguments that are quoted back.
const QUOTE_CHARS_MAX: usize = 200;

/// The plain JSON schema of some arguments, in both forms.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// What the model sees.
    pub(crate) shown: Value,
    /// All that is understood, hidden properties too.
    understood: Value,
}

/// The JSON schema of `Args`: an object without `$schema`, `$ref`, titles, `format`, unions
/// with `null` and null defaults, which some providers refuse. Its order is that of the fields.
pub(crate) fn parameters<Args: JsonSchema>() -> Parameters {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let mut understood = settings.into_generator().into_root_schema_for::<Args>().to_value();
    plain(&mut understood);
    if let Some(top) = understood.as_object_mut() {
        top.remove("$schema");
        top.remove("description");
        top.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    let mut shown = understood.clone();
    without_notes(&mut shown);
    if let Some(properties) = shown.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, property| property.get(HIDDEN).is_none());
    }
    Parameters { shown, understood }
}

/// Takes out what only [`read`] goes by.
fn without_notes(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove(ALIASES);
    object.remove(WORDS);
    if let Some(inner) = object.get_mut("items") {
        without_notes(inner);
    }
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flatten().for_each(|(_, inner)| without_notes(inner));
}

/// Reads the arguments that the model sent for `tool`.
///
/// # Errors
///
/// [`ToolError::Arguments`], which names the argument that does not fit.
pub(crate) fn read<Args: DeserializeOwned>(
    tool: &str,
    parameters: &Parameters,
    arguments: Value,
) -> Result<Args, ToolError> {
    let mut arguments = if let Value::String(text) = &arguments {
        parse(tool, text)?
    } else if arguments.is_null() {
        Value::Object(Map::new())
    } else {
        arguments
    };
    if !arguments.is_object() {
        return Err(not_an_object(tool, &arguments.to_string()));
    }
    coerce(&mut arguments, &parameters.understood, "").map_err(|(path, expected)| {
        ToolError::Arguments(format!("Argument `{path}` of `{tool}` must be {expected}."))
    })?;
    serde_json::from_value(arguments)
        .map_err(|error| ToolError::Arguments(format!("Arguments of `{tool}`: {error}.")))
}

/// `text` without blanks around it; `None` when nothing is left.
pub(crate) fn trimmed(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The refusal of a call that lacks `name`; `also` are the names it may have.
pub(crate) fn missing(name: &str, also: &str) -> ToolError {
    ToolError::Arguments(format!("Missing required parameter: {name} ({also})"))
}

fn parse(tool: &str, text: &str) -> Result<Value, ToolError> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(not_an_object(tool, text)),
    }
}

fn not_an_object(tool: &str, text: &str) -> ToolError {
    let quote: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    let more = if quote.len() < text.len() { "…" } else { "" };
    ToolError::Arguments(format!(
        "Arguments of `{tool}` must be a JSON object; this is not one: {quote}{more}"
    ))
}

/// Makes a schema plain, from the inside out.
fn plain(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["title", "format", "default"] {
        object.remove(key);
    }
    let one_of_union = object.get_mut("anyOf").and_then(Value::as_array_mut).and_then(|options| {
        options.retain(|option| option["type"] != "null");
        (options.len() == 1).then(|| options.remove(0))
    });
    if let Some(Value::Object(option)) = one_of_union {
        object.remove("anyOf");
        for (key, value) in option {
            object.entry(key).or_insert(value);
        }
    }
    if let Some(Value::Array(types)) = object.get("type") {
        let real = types.iter().find(|name| *name != "null").cloned();
        object.insert("type".to_owned(), real.unwrap_or_else(|| "string".into()));
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(plain);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(key) {
            plain(inner);
        }
    }
}

/// Bends `value` to `schema`. The error is the path that does not fit, and what was expected.
fn coerce(value: &mut Value, schema: &Value, path: &str) -> Result<(), (String, &'static str)> {
    let misfit = |expected| Err((path.to_owned(), expected));
    match schema["type"].as_str() {
        Some("object") => {
            if let Some(parsed) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
                *value = parsed;
            }
            match value.as_object_mut() {
                Some(object) => coerce_object(object, schema, path),
                None => misfit("an object"),
            }
        }
        Some("array") => {
            let items = &schema["items"];
            if let Some(Value::Array(parsed)) = value
                .as_str()
                .filter(|text| text.trim_start().starts_with('['))
                .and_then(|text| serde_json::from_str(text).ok())
            {
                *value = Value::Array(parsed);
            }
            if !value.is_array() {
                *value = Value::Array(vec![value.take()]);
            }
            for (index, item) in value.as_array_mut().into_iter().flatten().enumerate() {
                coerce(item, items, &format!("{path}[{index}]"))?;
            }
            Ok(())
        }
        Some("string") => {
            if let Some(text) = joined(value, schema[WORDS] == true) {
                *value = Value::String(text);
            }
            if value.is_number() || value.is_boolean() {
                *value = Value::String(value.to_string());
            }
            if value.is_string() { Ok(()) } else { misfit("a string") }
        }
        Some("boolean") => {
            if let Some(parsed) = value.as_str().and_then(|text| text.trim().parse().ok()) {
                *value = Value::Bool(parsed);
            }
            if value.is_boolean() { Ok(()) } else { misfit("true or false") }
        }
        Some("number") => match number(value) {
            Some(parsed) => {
                *value = parsed.into();
                Ok(())
            }
            None => misfit("a number"),
        },
        Some("integer") => match integer(value) {
            Some(parsed) => {
                let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
                *value = parsed.max(least).into();
                Ok(())
            }
            None => misfit("a number"),
        },
        Some(_) | None => Ok(()),
    }
}

fn coerce_object(
    object: &mut Map<String, Value>,
    schema: &Value,
    path: &str,
) -> Result<(), (String, &'static str)> {
    object.retain(|_, value| !value.is_null());
    rename(object, &schema["properties"]);
    for (name, value) in object {
        let inner = match schema["properties"].get(name) {
            Some(property) => property,
            None => &schema["additionalProperties"],
        };
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        coerce(value, inner, &path)?;
    }
    Ok(())
}

/// Gives what has another name than the schema's the schema's, unless that is taken.
fn rename(object: &mut Map<String, Value>, properties: &Value) {
    let Some(properties) = properties.as_object() else { return };
    if object.keys().all(|name| properties.contains_key(name)) {
        return;
    }
    let letters = |name: &str| -> String {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let is_like = |name: &str, wanted: &str| letters(name) == letters(wanted);
    let has_alias = |schema: &Value, name: &str| {
        let aliases = schema[ALIASES].as_array().into_iter().flatten().filter_map(Value::as_str);
        aliases.into_iter().any(|alias| is_like(alias, name))
    };
    let strange: Vec<String> =
        object.keys().filter(|name| !properties.contains_key(*name)).cloned().collect();
    for name in strange {
        let same = properties.keys().find(|wanted| is_like(wanted, &name));
        let meant = same.or_else(|| {
            let found = properties.iter().find(|(_, schema)| has_alias(schema, &name));
            found.map(|(wanted, _)| wanted)
        });
        if let Some(meant) = meant.filter(|meant| !object.contains_key(*meant))
            && let Some(value) = object.remove(&name)
        {
            object.insert(meant.clone(), value);
        }
    }
}

/// The text of a list that stands for one: its only item, or the words of a command line.
fn joined(value: &Value, are_words: bool) -> Option<String> {
    let items: Option<Vec<&str>> = value.as_array()?.iter().map(Value::as_str).collect();
    match items?.as_slice() {
        [one] => Some((*one).to_owned()),
        words if are_words && !words.is_empty() => {
            Some(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => value.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}

fn integer(value: &Value) -> Option<i64> {
    if let Some(exact) = value.as_i64() {
        return Some(exact);
    }
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what we want")]
    let truncated = number(value)?.trunc() as i64;
    Some(truncated)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Sample {
        /// A path.
        #[schemars(extend("x-aliases" = ["file", "targetFile"], "x-words" = true))]
        path: Option<String>,
        limit: Option<u64>,
        seconds: Option<f64>,
        keys: Option<Vec<String>>,
        env: Option<BTreeMap<String, String>>,
        deep: Option<bool>,
        #[schemars(extend("x-hidden" = true))]
        old_name: Option<f64>,
    }

    fn read_sample(arguments: Value) -> Result<Sample, String> {
        read("sample", &parameters::<Sample>(), arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn optional_arguments_have_plain_types_and_hidden_ones_are_not_shown() {
        let shown = parameters::<Sample>().shown;

        assert_eq!(
            shown,
            json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string", "description": "A path." },
                    "limit": { "type": "integer", "minimum": 0 },
                    "seconds": { "type": "number" },
                    "keys": { "type": "array", "items": { "type": "string" } },
                    "env": { "type": "object", "additionalProperties": { "type": "string" } },
                    "deep": { "type": "boolean" }
                }
            })
        );
    }

    #[test]
    fn sloppy_arguments_are_understood() {
        let sample = read_sample(json!({
            "path": 7, "limit": " 12.9 ", "seconds": "1.5", "keys": "up", "env": {"A": 1},
            "deep": "true", "oldName": "3", "unknown": [1], "extra": null
        }));

        assert_eq!(
            sample,
            Ok(Sample {
                path: Some("7".to_owned()),
                limit: Some(12),
                seconds: Some(1.5),
                keys: Some(vec!["up".to_owned()]),
                env: Some(BTreeMap::from([("A".to_owned(), "1".to_owned())])),
                deep: Some(true),
                old_name: Some(3.0),
            })
        );
    }

    #[test]
    fn names_of_other_kinds_are_understood_and_the_right_one_wins() {
        let path = |arguments: Value| read_sample(arguments).unwrap().path;
        let some = |text: &str| Some(text.to_owned());

        for name in ["file", "File", "target_file", "target-file", "PATH"] {
            assert_eq!(path(json!({ name: "x" })), some("x"), "{name}");
        }
        assert_eq!(path(json!({ "file": "x", "path": "y" })), some("y"));
        assert_eq!(path(json!({ "profile": "x" })), None);
        assert_eq!(read_sample(json!({ "old_name": 3 })).unwrap().old_name, Some(3.0));
    }

    #[test]
    fn a_list_of_words_becomes_a_line_that_a_shell_reads_back() {
        let path = |arguments: Value| read_sample(arguments).unwrap().path;

        assert_eq!(path(json!({ "path": ["a b"] })).unwrap(), "a b");
        let words = json!({ "path": ["bash", "-lc", "echo 'a b' $x", ""] });
        assert_eq!(path(words).unwrap(), r"bash -lc 'echo '\''a b'\'' $x' ''");
        assert!(read_sample(json!({ "path": ["a", 1] })).is_err());
    }

    #[test]
    fn an_object_written_as_text_is_read_and_negative_counts_become_zero() {
        let sample = read_sample(json!("{\"limit\": -4, \"path\": null}"));

        assert_eq!(sample.map(|sample| (sample.limit, sample.path)), Ok((Some(0), None)));
    }

    #[test]
    fn arguments_that_are_no_object_are_quoted_back_in_part() {
        let broken = format!("{{\"path\": \"{}", "x".repeat(500));

        let error = read_sample(Value::String(broken)).expect_err("refused");

        assert!(error.contains("must be a JSON object"), "{error}");
        assert!(error.len() < 300 && error.ends_with('…'), "{error}");
        assert!(read_sample(json!([1])).is_err());
    }

    #[test]
    fn a_misfit_is_named() {
        let error = read_sample(json!({ "env": { "A": {} } })).expect_err("refused");

        assert_eq!(error, "Argument `env.A` of `sample` must be a string.");
    }
}
