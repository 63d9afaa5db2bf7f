//! Reaches into a tree by path. Array places are decimal numbers.

use serde_json::{Map, Value};

/// The value at `path`.
pub(crate) fn get<'a, S: AsRef<str>>(tree: &'a Value, path: &[S]) -> Option<&'a Value> {
    path.iter().try_fold(tree, |at, key| match at {
        Value::Object(map) => map.get(key.as_ref()),
        Value::Array(items) => items.get(index(key.as_ref())?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// The value at `path`, to be changed.
pub(crate) fn get_mut<'a, S: AsRef<str>>(tree: &'a mut Value, path: &[S]) -> Option<&'a mut Value> {
    path.iter().try_fold(tree, |at, key| match at {
        Value::Object(map) => map.get_mut(key.as_ref()),
        Value::Array(items) => items.get_mut(index(key.as_ref())?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Takes the value at `path` out; what follows it in an array moves up.
pub(crate) fn take<S: AsRef<str>>(tree: &mut Value, path: &[S]) -> Option<Value> {
    let (key, parents) = path.split_last()?;
    match get_mut(tree, parents)? {
        Value::Object(map) => map.shift_remove(key.as_ref()),
        Value::Array(items) => {
            let index = index(key.as_ref())?;
            (index < items.len()).then(|| items.remove(index))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Puts `value` at `path` and makes what is missing on the way: a list where the next key is a
/// number, else an object. `Err` has the length of the path up to what is in the way.
pub(crate) fn put<S: AsRef<str>>(tree: &mut Value, path: &[S], value: Value) -> Result<(), usize> {
    let mut at = tree;
    for (depth, key) in path.iter().enumerate() {
        let fresh = match path.get(depth + 1) {
            Some(next) if index(next.as_ref()).is_some() => Value::Array(Vec::new()),
            Some(_) => Value::Object(Map::new()),
            None => Value::Null,
        };
        at = match at {
            Value::Object(map) => map.entry(key.as_ref()).or_insert(fresh),
            Value::Array(items) => {
                let index = index(key.as_ref()).filter(|at| *at <= items.len()).ok_or(depth)?;
                if index == items.len() {
                    items.push(fresh);
                }
                items.get_mut(index).ok_or(depth)?
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(depth);
            }
        };
    }
    *at = value;
    Ok(())
}

/// The array place that `key` names.
pub(crate) fn index(key: &str) -> Option<usize> {
    let plain = key == "0" || !key.starts_with('0');
    (plain && key.bytes().all(|b| b.is_ascii_digit())).then(|| key.parse().ok()).flatten()
}
