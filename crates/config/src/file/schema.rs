//! The table as a JSON schema (draft 07), with labels for forms.

mod hints;

use serde_json::{Map, Value, json};

pub use hints::ui_hints;

use super::{Object, Others, Shape};

/// The JSON schema of the config file.
pub fn schema() -> Value {
    let mut schema = of(&super::ROOT);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!("OpenClaw configuration"));
    }
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Duration => {
            json!({ "type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)?$" })
        }
        Shape::Number { min, max, whole } => number(*min, *max, *whole),
        Shape::Choice(names) => json!({ "type": "string", "enum": names }),
        Shape::List(item) => json!({ "type": "array", "items": of(item) }),
        Shape::Map(each) => json!({ "type": "object", "additionalProperties": of(each) }),
        Shape::Object(fields) => object(fields),
        Shape::OneOf(shapes) => json!({ "anyOf": shapes.iter().map(of).collect::<Vec<_>>() }),
    }
}

fn number(min: f64, max: f64, whole: bool) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!(if whole { "integer" } else { "number" }));
    if super::excludes_zero(min) {
        schema.insert("exclusiveMinimum".to_owned(), json!(0));
    } else if min.is_finite() {
        schema.insert("minimum".to_owned(), bound(min));
    }
    if max.is_finite() {
        schema.insert("maximum".to_owned(), bound(max));
    }
    Value::Object(schema)
}

/// A bound without a useless `.0`.
#[expect(clippy::cast_possible_truncation, reason = "bounds without a fraction are small")]
fn bound(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

fn object(object: &Object) -> Value {
    let fields = object.fields.iter().map(|(name, shape)| ((*name).to_owned(), of(shape)));
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(fields.collect()));
    if !object.required.is_empty() {
        schema.insert("required".to_owned(), json!(object.required));
    }
    let others = match &object.others {
        Others::Refused => json!(false),
        Others::Ignored => json!(true),
        Others::Each(shape) => of(shape),
    };
    schema.insert("additionalProperties".to_owned(), others);
    Value::Object(schema)
}
