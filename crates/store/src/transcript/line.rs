//! The lines of a transcript, read without copying and without understanding them whole.

use std::{borrow::Cow, collections::HashMap};

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

/// A transcript as its bytes have it.
#[derive(Debug, Default)]
pub(crate) struct Lines<'a> {
    /// The first line's version, where that is a header.
    pub(crate) version: Option<u32>,
    /// The header's bytes.
    pub(crate) header: Option<&'a [u8]>,
    /// Lines after the header that are JSON.
    pub(crate) entries: Vec<Line<'a>>,
    /// How many lines are not.
    pub(crate) bad: usize,
    /// Whether only the last line is bad, and where it begins.
    pub(crate) torn_at: Option<usize>,
    /// Whether the last line lacks its line break.
    pub(crate) unterminated: bool,
}

/// A line after the header.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Its bytes, without the line break.
    pub(crate) raw: &'a [u8],
    pub(crate) fields: Fields<'a>,
    /// The line before it on its branch: always an earlier one.
    pub(crate) parent: Option<usize>,
}

/// What is read of each line.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fields<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    parent_id: Parent<'a>,
    #[serde(borrow, default)]
    pub(crate) message: Option<&'a RawValue>,
}

/// What a line says is before it.
#[derive(Debug, Default)]
enum Parent<'a> {
    /// Nothing is said, as 2026.2 does on lines that its gateway puts in.
    #[default]
    Absent,
    /// `null`: it is the first of its branch.
    Root,
    Of(Text<'a>),
}

/// Text that is only copied when it has escapes.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
pub(crate) struct Header {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, rename = "id")]
    _id: String,
    #[serde(default)]
    version: Option<u32>,
}

impl Fields<'_> {
    pub(crate) fn kind(&self) -> &str {
        self.kind.as_ref().map_or("", |kind| &kind.0)
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|id| &*id.0)
    }

    /// The line before it. Absent and unknown parents mean the `previous` line, so that a lost
    /// line does not take all before it along.
    pub(crate) fn parent<N: Copy>(
        &self,
        previous: Option<N>,
        find: impl FnOnce(&str) -> Option<N>,
    ) -> Option<N> {
        match &self.parent_id {
            Parent::Of(id) => find(&id.0).or(previous),
            Parent::Root => None,
            Parent::Absent => previous,
        }
    }

    /// Whether the line says what is before it, be it nothing.
    pub(crate) fn has_parent_id(&self) -> bool {
        !matches!(self.parent_id, Parent::Absent)
    }
}

impl<'a> Lines<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        let mut lines = Self::default();
        let mut by_id: HashMap<&str, usize> = HashMap::new();
        let mut parents = Vec::new();
        let mut rest = bytes;
        let mut first = true;
        while !rest.is_empty() {
            let begin = bytes.len() - rest.len();
            let length = rest.iter().position(|byte| *byte == b'\n');
            lines.unterminated = length.is_none();
            let (raw, after) = rest.split_at(length.unwrap_or(rest.len()));
            rest = after.get(1..).unwrap_or_default();
            let is_first = std::mem::take(&mut first);
            if raw.trim_ascii().is_empty() {
                continue;
            }
            if is_first && let Some(header) = read_header(raw) {
                lines.version = Some(header.version.unwrap_or(1));
                lines.header = Some(raw);
                continue;
            }
            let Some(fields) = read_fields(raw) else {
                lines.bad += 1;
                lines.torn_at = (lines.bad == 1 && rest.is_empty()).then_some(begin);
                continue;
            };
            lines.entries.push(Line { raw, fields, parent: None });
        }
        for (at, line) in lines.entries.iter().enumerate() {
            parents.push(line.fields.parent(at.checked_sub(1), |id| by_id.get(id).copied()));
            if let Some(id) = line.fields.id() {
                by_id.insert(id, at);
            }
        }
        for (line, parent) in lines.entries.iter_mut().zip(parents) {
            line.parent = parent;
        }
        lines
    }

    /// Whether the file is of version 1, or lacks what later lines hang on.
    pub(crate) fn is_old(&self) -> bool {
        self.version.is_none_or(|version| version < 2)
            || self
                .entries
                .iter()
                .any(|line| line.fields.message.is_some() && line.fields.id().is_none())
    }

    /// Positions from the root to the last line, along its branch.
    pub(crate) fn path(&self) -> Vec<usize> {
        self.path_to(self.entries.len().checked_sub(1))
    }

    /// Positions from the root to `last`, along its branch.
    pub(crate) fn path_to(&self, last: Option<usize>) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(last, |at| self.entries.get(*at)?.parent).collect();
        path.reverse();
        path
    }
}

pub(crate) fn read_header(raw: &[u8]) -> Option<Header> {
    let header: Header = serde_json::from_slice(raw).ok()?;
    (header.kind == "session").then_some(header)
}

pub(crate) fn read_fields(raw: &[u8]) -> Option<Fields<'_>> {
    if raw.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    // A line whose `id` is no text, say, is still somebody's line and is kept.
    serde_json::from_slice(raw)
        .or_else(|_| serde_json::from_slice(raw).map(|IgnoredAny| Fields::default()))
        .ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Parent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Root, Self::Of))
    }
}
