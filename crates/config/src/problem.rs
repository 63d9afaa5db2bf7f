//! What is wrong with a config file, and where.

use std::fmt;

use crate::spans::Spans;

/// One thing that is wrong with the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Dotted, array places as numbers: `agents.list.0.model`. Empty is the whole file.
    pub path: String,
    /// What is wrong, in one line.
    pub message: String,
    /// Line in the main file, from 1; of the nearest place that is written there.
    pub line: Option<u32>,
    /// Column in that line, from 1.
    pub column: Option<u32>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of the whole file.
    pub(crate) fn of_file(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// `path` as it is shown: the root has a name.
    pub fn shown_path(&self) -> &str {
        if self.path.is_empty() { "<root>" } else { &self.path }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.shown_path(), self.message)?;
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The way from the root to a value. Array places are their decimal numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(pub(crate) Vec<String>);

impl Path {
    pub(crate) fn of(parts: &[&str]) -> Self {
        Self(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    pub(crate) fn child(&self, key: impl fmt::Display) -> Self {
        let mut parts = self.0.clone();
        parts.push(key.to_string());
        Self(parts)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// A problem whose line is not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: Path,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(crate) fn new(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), hint: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Finds the line in the text that `spans` describes.
    pub(crate) fn located(self, spans: &Spans<'_>) -> Problem {
        let place = spans.nearest(&self.path).map(|place| spans.position(place));
        Problem {
            path: self.path.to_string(),
            message: self.message,
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            hint: self.hint,
        }
    }
}
