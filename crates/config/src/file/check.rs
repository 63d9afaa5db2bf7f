//! Compares a value with the table and finds everything that is wrong.

use serde_json::{Map, Value};

use super::{Object, Others, Shape};
use crate::{
    duration,
    problem::{Finding, Path},
    redact,
};

/// Findings beyond this many are dropped: nobody reads that far.
pub(crate) const FINDINGS_MAX: usize = 500;

/// The message of a key that is not in the table.
pub(crate) const UNKNOWN: &str = "unknown key";

/// All that is wrong with `value` as the whole file.
pub(crate) fn whole(value: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    check(&super::ROOT, value, &Path::default(), &mut findings);
    findings
}

fn check(shape: &Shape, value: &Value, path: &Path, findings: &mut Vec<Finding>) {
    if findings.len() >= FINDINGS_MAX {
        return;
    }
    match (shape, value) {
        (Shape::Any, _) | (Shape::Flag, Value::Bool(_)) | (Shape::Text, Value::String(_)) => {}
        (Shape::Duration, Value::String(text)) => {
            if !duration::is_valid(text) {
                let message = format!("`{text}` is not a duration");
                findings.push(Finding::new(path.clone(), message).hint("write for example `30m`"));
            }
        }
        (Shape::Number { min, max, whole }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            if !(*min..=*max).contains(&number) || (*whole && number.fract() != 0.0) {
                let message = format!("expected {}, got {number}", kind_of(shape));
                findings.push(Finding::new(path.clone(), message));
            }
        }
        (Shape::Choice(names), Value::String(text)) => {
            if !names.contains(&text.as_str()) {
                findings.push(wrong_choice(names, text, path));
            }
        }
        (Shape::List(item), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                check(item, value, &path.child(index), findings);
            }
        }
        (Shape::Map(each), Value::Object(map)) => {
            for (key, value) in map {
                check(each, value, &path.child(key), findings);
            }
        }
        (Shape::Object(object), Value::Object(map)) => members(object, map, path, findings),
        (Shape::OneOf(shapes), _) => any_of(shapes, value, path, findings),
        (shape, value) => {
            let message = format!("expected {}, got {}", kind_of(shape), name_of(value, path));
            findings.push(Finding::new(path.clone(), message));
        }
    }
}

fn members(object: &Object, map: &Map<String, Value>, path: &Path, findings: &mut Vec<Finding>) {
    for (key, value) in map {
        let place = path.child(key);
        match (object.fields.iter().find(|(name, _)| name == key), &object.others) {
            (Some((_, shape)), _) => check(shape, value, &place, findings),
            (None, Others::Each(shape)) => check(shape, value, &place, findings),
            (None, Others::Ignored) => {}
            (None, Others::Refused) => findings.push(unknown_key(object, key, place)),
        }
        if findings.len() >= FINDINGS_MAX {
            return;
        }
    }
    for key in object.required.iter().filter(|key| !map.contains_key(**key)) {
        findings.push(Finding::new(path.child(key), "required, but missing"));
    }
}

/// Says what the best fitting alternative finds wrong.
fn any_of(shapes: &[Shape], value: &Value, path: &Path, findings: &mut Vec<Finding>) {
    let mut of_kind = None;
    for shape in shapes {
        let mut found = Vec::new();
        check(shape, value, path, &mut found);
        if found.is_empty() {
            return;
        }
        if is_kind(shape, value) {
            of_kind.get_or_insert(found);
        }
    }
    findings.extend(of_kind.unwrap_or_else(|| {
        let kinds: Vec<_> = shapes.iter().map(kind_of).collect();
        let message = format!("expected {}, got {}", kinds.join(" or "), name_of(value, path));
        vec![Finding::new(path.clone(), message)]
    }));
}

fn is_kind(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Flag => value.is_boolean(),
        Shape::Text | Shape::Duration | Shape::Choice(_) => value.is_string(),
        Shape::Number { .. } => value.is_number(),
        Shape::List(_) => value.is_array(),
        Shape::Map(_) | Shape::Object(_) => value.is_object(),
        Shape::OneOf(shapes) => shapes.iter().any(|shape| is_kind(shape, value)),
    }
}

fn unknown_key(object: &Object, key: &str, place: Path) -> Finding {
    let names: Vec<_> = object.fields.iter().map(|(name, _)| *name).collect();
    let finding = Finding::new(place, UNKNOWN);
    match nearest(&names, key) {
        Some(name) => finding.hint(format!("did you mean `{name}`?")),
        None => finding,
    }
}

fn wrong_choice(names: &[&str], text: &str, path: &Path) -> Finding {
    let finding = Finding::new(
        path.clone(),
        format!("expected one of {}, got `{text}`", quoted(names).join(", ")),
    );
    match nearest(names, text) {
        Some(name) => finding.hint(format!("did you mean `{name}`?")),
        None => finding,
    }
}

/// The one of `names` that `text` is likely a slip of.
pub(crate) fn nearest<'a>(names: &[&'a str], text: &str) -> Option<&'a str> {
    let text = text.to_lowercase();
    if text.len() > 64 {
        return None;
    }
    let score = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &text);
    names
        .iter()
        .map(|name| (score(name), *name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

fn quoted(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

fn kind_of(shape: &Shape) -> String {
    match shape {
        Shape::Any => "a value".to_owned(),
        Shape::Flag => "true or false".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::Duration => "a duration such as `30m`".to_owned(),
        Shape::Number { min, max, whole } => {
            let noun = if *whole { "a whole number" } else { "a number" };
            match (min.is_finite(), max.is_finite()) {
                (false, false) => noun.to_owned(),
                (true, false) if super::excludes_zero(*min) => format!("{noun} above 0"),
                (true, false) => format!("{noun} of at least {min}"),
                (false, true) => format!("{noun} of at most {max}"),
                (true, true) => format!("{noun} from {min} to {max}"),
            }
        }
        Shape::Choice(names) => format!("one of {}", quoted(names).join(", ")),
        Shape::List(_) => "a list".to_owned(),
        Shape::Map(_) | Shape::Object(_) => "an object".to_owned(),
        Shape::OneOf(shapes) => shapes.iter().map(kind_of).collect::<Vec<_>>().join(" or "),
    }
}

/// What `value` is, for a message; secrets are not shown.
fn name_of(value: &Value, path: &Path) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() <= 40 && !redact::is_secret(path, text) => {
            format!("text `{text}`")
        }
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
