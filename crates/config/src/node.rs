//! Reads typed values out of a checked tree.

use std::{collections::BTreeMap, time::Duration};

use domain::Secret;
use serde_json::{Map, Value};

/// A place in the tree, which may be empty. Wrong kinds read as empty: they were found before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a>(Option<&'a Value>);

impl<'a> Node<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        Self(Some(value))
    }

    /// The value at `path`, plain keys joined by dots.
    pub(crate) fn at(self, path: &str) -> Self {
        Self(path.split('.').try_fold(self.0, |at, key| Some(at?.get(key))).flatten())
    }

    /// The value under one key, whatever characters it has.
    pub(crate) fn key(self, key: &str) -> Self {
        Self(self.0.and_then(|value| value.get(key)))
    }

    pub(crate) fn value(self) -> Option<&'a Value> {
        self.0
    }

    pub(crate) fn flag(self) -> Option<bool> {
        self.0?.as_bool()
    }

    pub(crate) fn str(self) -> Option<&'a str> {
        self.0?.as_str()
    }

    /// Text that is not blank.
    pub(crate) fn text(self) -> Option<String> {
        self.str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }

    pub(crate) fn secret(self) -> Option<Secret> {
        self.text().map(Secret::new)
    }

    pub(crate) fn texts(self) -> Option<Vec<String>> {
        Some(self.items()?.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn float(self) -> Option<f64> {
        self.0?.as_f64()
    }

    /// A whole number; JSON5 may spell it `5.0` or `5e3`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and the range was checked"
    )]
    pub(crate) fn int(self) -> Option<u64> {
        let value = self.0?;
        value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
    }

    pub(crate) fn size(self) -> Option<usize> {
        self.int().and_then(|n| usize::try_from(n).ok())
    }

    pub(crate) fn millis(self) -> Option<Duration> {
        self.int().map(Duration::from_millis)
    }

    pub(crate) fn items(self) -> Option<&'a Vec<Value>> {
        self.0?.as_array()
    }

    pub(crate) fn map(self) -> Option<&'a Map<String, Value>> {
        self.0?.as_object()
    }

    /// The members of an object; none when there is no object.
    pub(crate) fn members(self) -> impl Iterator<Item = (&'a String, Node<'a>)> {
        self.map().into_iter().flatten().map(|(key, value)| (key, Node(Some(value))))
    }

    pub(crate) fn secrets(self) -> BTreeMap<String, Secret> {
        self.members()
            .filter_map(|(key, value)| Some((key.clone(), Secret::new(value.str()?))))
            .collect()
    }
}
