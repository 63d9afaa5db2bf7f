//! Brings a JSON5 text to a wanted value and leaves the rest of the text alone.

use jsonc_parser::{
    ParseOptions,
    cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode},
};
use serde_json::{Map, Value};

use crate::syntax;

/// `raw` with as few changes as make it read as `wanted`. Where that cannot be done, or `raw`
/// is blank, `wanted` is written out plainly.
pub(super) fn brought_to(raw: &str, wanted: &Value) -> String {
    let text = raw.strip_prefix('\u{feff}').unwrap_or(raw);
    edited(text, wanted)
        .map(|text| if text.ends_with('\n') { text } else { text + "\n" })
        // `json5` decides what a text means; the editor's own reading differs at the edges.
        .filter(|text| syntax::parse(text).is_ok_and(|value| value == *wanted))
        .unwrap_or_else(|| format!("{wanted:#}\n"))
}

fn edited(text: &str, wanted: &Value) -> Option<String> {
    let current = syntax::parse(text).ok()?;
    let options = ParseOptions { allow_missing_commas: false, ..ParseOptions::default() };
    let root = CstRootNode::parse(text, &options).ok()?;
    match (root.object_value(), &current, wanted) {
        (Some(node), Value::Object(current), Value::Object(wanted)) => {
            object(&node, current, wanted)?;
        }
        _ => return None,
    }
    Some(root.to_string())
}

fn object(
    node: &CstObject,
    current: &Map<String, Value>,
    wanted: &Map<String, Value>,
) -> Option<()> {
    for key in current.keys().filter(|key| !wanted.contains_key(*key)) {
        node.get(key)?.remove();
    }
    for (key, value) in wanted {
        match current.get(key) {
            Some(old) if old == value => {}
            Some(old) => {
                let property = node.get(key)?;
                if !inside(property.value().as_ref(), old, value)? {
                    property.set_value(input(value));
                }
            }
            None => drop(node.append(key, input(value))),
        }
    }
    Some(())
}

/// Changes `node` in place when both values are containers of one kind; else says `false`.
fn inside(node: Option<&CstNode>, old: &Value, new: &Value) -> Option<bool> {
    match (node, old, new) {
        (Some(node), Value::Object(old), Value::Object(new)) => {
            object(&node.as_object()?, old, new)?;
            Some(true)
        }
        (Some(node), Value::Array(old), Value::Array(new)) => {
            array(&node.as_array()?, old, new)?;
            Some(true)
        }
        _ => Some(false),
    }
}

/// What is equal at both ends stays; what differs between is changed, removed or added.
fn array(node: &CstArray, old: &[Value], new: &[Value]) -> Option<()> {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(head..)?, new.get(head..)?);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(..old.len() - tail)?, new.get(..new.len() - tail)?);
    for (offset, (old, new)) in old.iter().zip(new).enumerate() {
        let element = node.elements().get(head + offset)?.clone();
        if !inside(Some(&element), old, new)? {
            element.remove();
            node.insert(head + offset, input(new));
        }
    }
    for _ in new.len()..old.len() {
        node.elements().get(head + new.len())?.clone().remove();
    }
    for (offset, value) in new.iter().enumerate().skip(old.len()) {
        node.insert(head + offset, input(value));
    }
    Some(())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(map) => CstInputValue::Object(
            map.iter().map(|(key, item)| (key.clone(), input(item))).collect(),
        ),
    }
}
