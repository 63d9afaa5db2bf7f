//! The file form: which keys there are and what they may hold, as a table.
//!
//! One [`Shape`] tree describes the whole file. [`check`] walks it to find problems, [`schema`]
//! turns it into a JSON schema and labels. Old and new key names meet before it: see
//! [`crate::names`]. Each section of the file is a module here.

mod agents;
mod automation;
mod channels;
pub(crate) mod check;
mod gateway;
mod media;
mod memory;
mod messages;
mod models;
mod root;
mod sandbox;
pub(crate) mod schema;
mod tools;

use std::sync::LazyLock;

pub(crate) use channels::{CORE as CORE_CHANNELS, EXTENSIONS as EXTENSION_CHANNELS};

/// The shape of the whole file.
pub(crate) static ROOT: LazyLock<Shape> = LazyLock::new(root::shape);

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Flag,
    Text,
    /// Text that says how long: `90s`, `1.5h`, or a bare number in the field's own unit.
    Duration,
    /// A number between the bounds, both allowed.
    Number {
        min: f64,
        max: f64,
        whole: bool,
    },
    /// One of these texts.
    Choice(&'static [&'static str]),
    List(Box<Shape>),
    /// Any keys, values of one shape.
    Map(Box<Shape>),
    Object(Object),
    /// Any of these; the first decides what is said when none fits, unless a later one
    /// is of the value's own kind.
    OneOf(Vec<Shape>),
}

/// An object with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) fields: Vec<(&'static str, Shape)>,
    pub(crate) required: &'static [&'static str],
    pub(crate) others: Others,
}

/// What keys that are not in the table mean.
#[derive(Debug)]
pub(crate) enum Others {
    /// A problem.
    Refused,
    /// Nothing: they are allowed and ignored.
    Ignored,
    /// Values of this shape.
    Each(Box<Shape>),
}

impl Shape {
    /// Keys that must be there. For objects only.
    fn required(mut self, keys: &'static [&'static str]) -> Self {
        if let Self::Object(object) = &mut self {
            object.required = keys;
        }
        self
    }

    /// Lets other keys pass. For objects only.
    fn open(mut self) -> Self {
        if let Self::Object(object) = &mut self {
            object.others = Others::Ignored;
        }
        self
    }

    /// Gives other keys a shape. For objects only.
    fn others(mut self, shape: Self) -> Self {
        if let Self::Object(object) = &mut self {
            object.others = Others::Each(Box::new(shape));
        }
        self
    }

    /// Adds keys. For objects only.
    fn with<const N: usize>(mut self, fields: [(&'static str, Self); N]) -> Self {
        if let Self::Object(object) = &mut self {
            object.fields.extend(fields);
        }
        self
    }
}

fn any() -> Shape {
    Shape::Any
}

fn flag() -> Shape {
    Shape::Flag
}

fn text() -> Shape {
    Shape::Text
}

fn texts() -> Shape {
    list(text())
}

fn duration() -> Shape {
    Shape::Duration
}

fn choice(names: &'static [&'static str]) -> Shape {
    Shape::Choice(names)
}

/// A whole number from `min` up.
fn int(min: u32) -> Shape {
    Shape::Number { min: f64::from(min), max: f64::INFINITY, whole: true }
}

/// A whole number from `min` to `max`.
fn int_to(min: u32, max: u32) -> Shape {
    Shape::Number { min: f64::from(min), max: f64::from(max), whole: true }
}

/// A number of any sign.
fn number() -> Shape {
    Shape::Number { min: f64::NEG_INFINITY, max: f64::INFINITY, whole: false }
}

/// A number from `min` to `max`.
fn number_to(min: f64, max: f64) -> Shape {
    Shape::Number { min, max, whole: false }
}

/// A number above zero.
fn positive() -> Shape {
    Shape::Number { min: f64::MIN_POSITIVE, max: f64::INFINITY, whole: false }
}

/// Whether `min` is the lower bound of [`positive`].
fn excludes_zero(min: f64) -> bool {
    min > 0.0 && min <= f64::MIN_POSITIVE
}

fn port() -> Shape {
    int_to(1, 65535)
}

fn list(item: Shape) -> Shape {
    Shape::List(Box::new(item))
}

fn map(value: Shape) -> Shape {
    Shape::Map(Box::new(value))
}

fn one_of<const N: usize>(shapes: [Shape; N]) -> Shape {
    Shape::OneOf(shapes.into())
}

fn object<const N: usize>(fields: [(&'static str, Shape); N]) -> Shape {
    Shape::Object(Object { fields: fields.into(), required: &[], others: Others::Refused })
}

/// Text or a number, as peer ids are written.
fn peers() -> Shape {
    list(one_of([text(), number()]))
}

/// `{ enabled }`.
fn switch() -> Shape {
    object([("enabled", flag())])
}

/// A model ref, or one with fallbacks.
fn model_choice() -> Shape {
    one_of([text(), model_list()])
}

/// A model ref with fallbacks.
fn model_list() -> Shape {
    object([("primary", text()), ("fallbacks", texts())])
}

/// `allow`, `alsoAllow` and `deny`.
fn tool_lists() -> Shape {
    object([("allow", texts()), ("alsoAllow", texts()), ("deny", texts())])
}

/// `default` and `rules`, as in `session.sendPolicy`.
fn send_policy() -> Shape {
    let verdict = || choice(&["allow", "deny"]);
    let matched = object([
        ("channel", text()),
        ("chatType", choice(&["direct", "group", "channel"])),
        ("keyPrefix", text()),
        ("rawKeyPrefix", text()),
    ]);
    let rule = object([("action", verdict()), ("match", matched)]).required(&["action"]);
    object([("default", verdict()), ("rules", list(rule))])
}
