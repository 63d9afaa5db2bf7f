//! Compares two JSON values by shape.
//!
//! A recorded field that is missing, or is of another type, is a difference. Values count only
//! for words that clients branch on, and for texts where the caller says so. An element of a
//! recorded array must look like some element of ours, since the order and number of elements
//! belong to the moment of recording.

use serde_json::Value;

/// Keys whose values clients branch on.
const WORDS: [&str; 10] = [
    "state",
    "phase",
    "stream",
    "role",
    "type",
    "status",
    "stopReason",
    "isError",
    "aborted",
    "protocol",
];

/// Objects whose keys are data: each recorded value must look like some value of ours.
const MAPS: [&str; 2] = ["uiHints", "properties"];

/// One place where ours is not like the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Such as `r2:chat.history.payload.messages[].role`.
    pub(crate) path: String,
    /// What it is about.
    pub(crate) what: String,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Fields that only we have are differences.
    pub(crate) closed: bool,
    /// Texts must be equal.
    pub(crate) texts: bool,
}

/// All places below `path` where `ours` is not like `recorded`.
pub(crate) fn differences(
    path: &str,
    recorded: &Value,
    ours: &Value,
    rules: Rules,
) -> Vec<Difference> {
    match (recorded, ours) {
        (Value::Object(_), Value::Object(_)) => objects(path, recorded, ours, rules),
        (Value::Array(recorded), Value::Array(ours)) => elements(path, recorded, ours, rules),
        _ if type_of(recorded) != type_of(ours) => {
            let what = format!("is {} instead of {}", type_of(ours), type_of(recorded));
            vec![Difference { path: path.to_owned(), what }]
        }
        _ if recorded != ours && (is_word(path) || rules.texts && last_key(path) == "text") => {
            vec![Difference { path: path.to_owned(), what: format!("{ours}, not {recorded}") }]
        }
        _ => Vec::new(),
    }
}

fn objects(path: &str, recorded: &Value, ours: &Value, rules: Rules) -> Vec<Difference> {
    let (Some(theirs), Some(own)) = (recorded.as_object(), ours.as_object()) else {
        return Vec::new();
    };
    if MAPS.contains(&last_key(path)) {
        let theirs: Vec<Value> = theirs.values().cloned().collect();
        let own: Vec<Value> = own.values().cloned().collect();
        return elements(path, &theirs, &own, rules);
    }
    let mut found = Vec::new();
    for (key, value) in theirs {
        let path = format!("{path}.{key}");
        match own.get(key) {
            Some(ours) => found.extend(differences(&path, value, ours, rules)),
            None => found.push(Difference { path, what: "is missing".to_owned() }),
        }
    }
    if rules.closed {
        let extra = own.keys().filter(|key| !theirs.contains_key(*key));
        found.extend(
            extra.map(|key| Difference { path: format!("{path}.{key}"), what: "is extra".into() }),
        );
    }
    found
}

fn elements(path: &str, recorded: &[Value], ours: &[Value], rules: Rules) -> Vec<Difference> {
    let path = format!("{path}[]");
    if ours.is_empty() && !recorded.is_empty() {
        return vec![Difference { path, what: "has none".to_owned() }];
    }
    let mut found: Vec<Difference> = Vec::new();
    for element in recorded {
        let nearest = ours
            .iter()
            .map(|candidate| differences(&path, element, candidate, rules))
            .min_by_key(Vec::len)
            .unwrap_or_default();
        for difference in nearest {
            if !found.contains(&difference) {
                found.push(difference);
            }
        }
    }
    found
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn is_word(path: &str) -> bool {
    WORDS.contains(&last_key(path))
}

fn last_key(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compare(recorded: &Value, ours: &Value) -> Vec<String> {
        let found = differences("p", recorded, ours, Rules::default());
        found.into_iter().map(|it| format!("{} {}", it.path, it.what)).collect()
    }

    #[test]
    fn a_missing_field_and_another_type_are_told_with_their_paths() {
        let recorded = json!({ "a": { "b": 1, "c": "x" }, "d": null });
        let ours = json!({ "a": { "c": 2 }, "d": null, "more": true });

        let found = compare(&recorded, &ours);

        assert_eq!(found, ["p.a.b is missing", "p.a.c is a number instead of a string"]);
    }

    #[test]
    fn values_count_only_for_words_that_clients_branch_on() {
        let found = compare(
            &json!({ "state": "final", "runId": "a", "n": 1 }),
            &json!({ "state": "delta", "runId": "b", "n": 2 }),
        );

        assert_eq!(found, [r#"p.state "delta", not "final""#]);
    }

    #[test]
    fn each_recorded_element_looks_for_its_like() {
        let recorded = json!([{ "role": "user" }, { "role": "assistant", "usage": {} }]);
        let swapped = json!([{ "role": "assistant", "usage": {} }, { "role": "user" }]);
        let poorer = json!([{ "role": "assistant" }]);

        assert!(compare(&recorded, &swapped).is_empty());
        assert_eq!(
            compare(&recorded, &poorer),
            [r#"p[].role "assistant", not "user""#, "p[].usage is missing"]
        );
        assert_eq!(compare(&recorded, &json!([])), ["p[] has none"]);
    }

    #[test]
    fn extra_fields_and_texts_count_when_asked() {
        let rules = Rules { closed: true, texts: true };

        let found =
            differences("p", &json!({ "text": "a" }), &json!({ "text": "b", "x": 1 }), rules);

        let paths: Vec<_> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["p.text", "p.x"]);
    }
}
