//! Changes to the config text. Pure: text in, text out; writing it to disk is `store`'s.
//!
//! Every edit computes the wanted value first and then brings the *authored* text to it, so
//! comments, `${VAR}` and `$include` stay as they are. The outcome is stamped and must be valid.

mod key_path;
mod text;

use std::fmt;

use domain::UnixMillis;
use serde_json::{Map, Value, json};

pub use key_path::{KeyPath, KeyPathError};

use crate::{
    env::Env,
    legacy::{self, Change},
    load::{Loaded, load_text},
    locations::Locations,
    merge,
    problem::Problem,
    redact, syntax, tree,
};

/// Makes edits for one installation.
#[derive(Clone, Copy, Debug)]
pub struct Editor<'a> {
    /// Where includes are.
    pub locations: &'a Locations,
    /// What variables say.
    pub env: &'a Env,
    /// Our version, for the stamp.
    pub version: &'a str,
    /// The time, for the stamp.
    pub now: UnixMillis,
}

/// A text that may be written, and what it loads to. Its debug form shows no secrets.
#[derive(Clone)]
pub struct Edited {
    /// The whole new text.
    pub raw: String,
    /// What it loads to; always valid.
    pub loaded: Loaded,
}

impl fmt::Debug for Edited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edited").field("loaded", &self.loaded).finish_non_exhaustive()
    }
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text to be changed, or the new text, is not JSON5.
    #[error("{}", .0.message)]
    Syntax(Problem),
    /// There is nothing at this path.
    #[error("config path not found: {0}")]
    NotFound(String),
    /// Something that has no such key is in the way.
    #[error("`{0}` has no room for a key: it is neither an object nor a list of that length")]
    Blocked(String),
    /// A masked secret came back that was never there.
    #[error("`{0}` is masked, and there is no stored value to put back")]
    NothingBehindMask(String),
    /// The outcome would be invalid.
    #[error("invalid config: {}", first(.0))]
    Invalid(Vec<Problem>),
}

fn first(problems: &[Problem]) -> String {
    problems.first().map(ToString::to_string).unwrap_or_default()
}

impl Editor<'_> {
    /// Puts `value` at `path`; makes objects and lists on the way.
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn set(&self, raw: &str, path: &KeyPath, value: Value) -> Result<Edited, EditError> {
        let current = parsed(raw)?;
        let mut wanted = current.clone();
        tree::put(&mut wanted, path.keys(), value)
            .map_err(|depth| EditError::Blocked(path.shown_to(depth)))?;
        self.finish((raw, raw), &current, wanted)
    }

    /// Removes what is at `path`; what follows it in a list moves up.
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn unset(&self, raw: &str, path: &KeyPath) -> Result<Edited, EditError> {
        let current = parsed(raw)?;
        let mut wanted = current.clone();
        if tree::take(&mut wanted, path.keys()).is_none() {
            return Err(EditError::NotFound(path.to_string()));
        }
        self.finish((raw, raw), &current, wanted)
    }

    /// Applies a JSON merge patch (RFC 7396).
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn merge_patch(&self, raw: &str, patch: &Value) -> Result<Edited, EditError> {
        let current = parsed(raw)?;
        let mut wanted = current.clone();
        merge::patch(&mut wanted, patch);
        self.finish((raw, raw), &current, wanted)
    }

    /// Takes `new` for the whole text; masked secrets come back from `raw`, the present text.
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn replace(&self, raw: &str, new: &str) -> Result<Edited, EditError> {
        // A present text that cannot be read has no secrets to give back.
        let current = parsed(raw).unwrap_or(Value::Null);
        let wanted = parsed(new)?;
        self.finish((raw, new), &current, wanted)
    }

    /// Moves the keys of the 2026.1 era and leaves all else alone. Yields what was done.
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn migrate(&self, raw: &str) -> Result<(Edited, Vec<Change>), EditError> {
        let current = parsed(raw)?;
        let (wanted, changes) = legacy::migrate(current.clone());
        Ok((self.finish((raw, raw), &current, wanted)?, changes))
    }

    /// Moves the keys of the 2026.1 era and removes unknown ones. Yields what was done.
    ///
    /// # Errors
    ///
    /// Those of [`EditError`]; then nothing should be written.
    pub fn repair(&self, raw: &str) -> Result<(Edited, Vec<Change>), EditError> {
        let current = parsed(raw)?;
        let (moved, mut changes) = legacy::migrate(current.clone());
        let (wanted, removed) = legacy::strip_unknown(moved);
        changes.extend(removed);
        Ok((self.finish((raw, raw), &current, wanted)?, changes))
    }

    /// Stamps `wanted`, brings `text` to it, and checks what that loads to beside `raw`, which is
    /// what is there.
    fn finish(
        &self,
        (raw, text): (&str, &str),
        current: &Value,
        wanted: Value,
    ) -> Result<Edited, EditError> {
        let mut wanted = redact::restore(wanted, current)
            .map_err(|masked| EditError::NothingBehindMask(masked.path))?;
        if let Value::Object(root) = &mut wanted {
            let meta = root.entry("meta").or_insert_with(|| Value::Object(Map::new()));
            merge::keys(
                meta,
                &json!({
                    "lastTouchedVersion": self.version,
                    "lastTouchedAt": self.now.to_iso(),
                }),
            );
        }
        let written = text::brought_to(text, &wanted);
        let loaded = load_text(&written, self.locations, self.env);
        if loaded.snapshot.valid || self.adds_no_problem(raw, &loaded.snapshot.problems) {
            Ok(Edited { raw: written, loaded })
        } else {
            Err(EditError::Invalid(loaded.snapshot.problems))
        }
    }
}

impl Editor<'_> {
    /// Whether all of `problems` are in the file already. A variable that only the gateway's own
    /// environment has is such a problem, and must not stand in the way of an edit elsewhere.
    fn adds_no_problem(&self, raw: &str, problems: &[Problem]) -> bool {
        let before = load_text(raw, self.locations, self.env).snapshot.problems;
        let is_old = |problem: &Problem| {
            before.iter().any(|old| (&old.path, &old.message) == (&problem.path, &problem.message))
        };
        problems.iter().all(is_old)
    }
}

/// The value of `raw`; a blank text is an empty object.
fn parsed(raw: &str) -> Result<Value, EditError> {
    if raw.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    syntax::parse(raw).map_err(EditError::Syntax)
}

#[cfg(test)]
mod tests;
