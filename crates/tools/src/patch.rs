//! The patch language of `apply_patch`: its parser, and its application to a text. Pure.

mod apply;
mod parse;

pub(crate) use apply::apply;
pub(crate) use parse::parse;

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Makes a file.
    Add { path: String, text: String },
    /// Removes one.
    Delete { path: String },
    /// Changes one, and moves it when `to` is there.
    Update { path: String, to: Option<String>, chunks: Vec<Chunk> },
}

/// One place of a file and what happens there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Lines somewhere above the place, outermost first.
    pub(crate) context: Vec<String>,
    pub(crate) lines: Vec<Line>,
    /// Whether the place is the end of the file.
    pub(crate) at_end: bool,
}

/// One line of a chunk, without its sign and its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Keep(String),
    Remove(String),
    Add(String),
}

impl Line {
    /// Its text, if the file has this line before the change.
    fn old(&self) -> Option<&str> {
        match self {
            Self::Keep(text) | Self::Remove(text) => Some(text),
            Self::Add(_) => None,
        }
    }
}
