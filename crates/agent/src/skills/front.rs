//! The front matter of a `SKILL.md`: YAML between two lines of dashes.
//!
//! Anybody may have written it. Much that is out there is not quite YAML (a colon in a
//! description, JSON with comments), so what cannot be read as such is read line by line.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Most bytes between the dashes.
const BYTES_MAX: usize = 32 << 10;
/// Most brackets in a value that is read as JSON5, whose reader knows no limit of its own.
const BRACKETS_MAX: usize = 400;

/// The keys, in lower case; `None` without a front matter.
pub(super) fn read(text: &str) -> Option<BTreeMap<String, Value>> {
    let block = block(text)?;
    let lines = by_lines(block);
    // Metadata is JSON5 by custom, and with comments in it YAML reads other keys there.
    let metadata = lines.get("metadata").map(object).filter(Value::is_object);
    let mut parsed = yaml(block).unwrap_or_default();
    for (key, text) in lines {
        // A skill may be called `off` or `1.0`, which to YAML are no texts.
        let is_read = match parsed.get(&key) {
            Some(Value::Bool(_) | Value::Number(_)) => key != "name",
            Some(_) => true,
            None => false,
        };
        if !is_read {
            parsed.insert(key, text);
        }
    }
    if let Some(metadata) = metadata {
        parsed.insert("metadata".to_owned(), metadata);
    }
    Some(parsed.into_iter().map(|(key, value)| (key.trim().to_lowercase(), value)).collect())
}

/// One line of text, whatever it was written as; `None` when it is blank.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is_on) => is_on.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    let words = text.split(|it: char| it.is_whitespace() || it.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// Yes or no.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match text(value)?.to_lowercase().as_str() {
        "true" | "yes" | "1" | "on" => Some(true),
        "false" | "no" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// An object, written as such or as JSON5 in a text.
pub(super) fn object(value: &Value) -> Value {
    match value.as_str() {
        None if value.is_object() => value.clone(),
        Some(text) if text.matches(['{', '[']).count() <= BRACKETS_MAX => {
            json5::from_str(text).unwrap_or_default()
        }
        Some(_) | None => Value::Null,
    }
}

/// What is between the dashes. Without an end it is no front matter.
fn block(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('\u{feff}');
    let (first, rest) = text.split_once('\n')?;
    if first.trim_end() != "---" {
        return None;
    }
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return rest.get(..at);
        }
        at += line.len();
        if at > BYTES_MAX {
            return None;
        }
    }
    None
}

fn yaml(block: &str) -> Option<Map<String, Value>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 24,
            max_nodes: 4_000,
            max_events: 20_000,
            max_documents: 1,
            max_aliases: 32,
            max_anchors: 32,
        },
    };
    let parsed: Value = serde_saphyr::from_str_with_options(block, options).ok()?;
    if let Value::Object(map) = parsed { Some(map) } else { None }
}

/// A key before the first colon of each line; a value goes on over the indented lines below it.
fn by_lines(block: &str) -> Map<String, Value> {
    let mut front: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        let goes_on = line.starts_with([' ', '\t', '}', ']']);
        match (goes_on, line.split_once(':')) {
            (true, _) => {
                if let Some((_, value)) = front.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
            (false, Some((key, value))) => front.push((key.to_owned(), value.trim().to_owned())),
            (false, None) => {}
        }
    }
    front.into_iter().map(|(key, value)| (key, Value::String(unquoted(&value)))).collect()
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_with_its_blocks_lists_and_flags() {
        assert_eq!(read("---\nname: off\n---\n").unwrap()["name"], json!("off"));
        let front = read(
            "---\nName: sky\ndescription: >\n  Tells\n  the weather.\nuser-invocable: no\n\
             metadata:\n  openclaw:\n    requires:\n      bins:\n        - sky\n---\n# How\n",
        )
        .unwrap();

        assert_eq!(text(&front["name"]).as_deref(), Some("sky"));
        assert_eq!(text(&front["description"]).as_deref(), Some("Tells the weather."));
        assert_eq!(flag(&front["user-invocable"]), Some(false));
        assert_eq!(object(&front["metadata"])["openclaw"]["requires"]["bins"], json!(["sky"]));
    }

    #[test]
    fn what_is_no_yaml_is_read_by_lines() {
        let front = read(
            "---\nname: \"sky\"\ndescription: Use when: it rains.\n\
             metadata:\n  {\n    // ours\n    \"openclaw\": { emoji: 'x' },\n  }\n---\n",
        )
        .unwrap();

        assert_eq!(text(&front["name"]).as_deref(), Some("sky"));
        assert_eq!(text(&front["description"]).as_deref(), Some("Use when: it rains."));
        assert_eq!(object(&front["metadata"]), json!({"openclaw": {"emoji": "x"}}));
    }

    #[test]
    fn bombs_are_no_objects() {
        let deep = format!("---\nmetadata: '{}'\ndescription: x\n---\n", "[".repeat(9_000));
        let long = format!("---\ndescription: {}\n---\n", "x".repeat(40_000));
        let aliases = "---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
             c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
             description: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n---\n";

        assert_eq!(object(&read(&deep).unwrap()["metadata"]), Value::Null);
        assert_eq!(read(&long), None);
        assert!(read(aliases).unwrap()["description"].is_string(), "read by lines");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(body in "(?s).{0,300}") {
            if let Some(front) = read(&format!("---\n{body}\n---\n")) {
                for value in front.values() {
                    let _read = (text(value), flag(value), object(value));
                }
            }
        }
    }
}
