//! `$include`: one config from several files.

use std::path::{Path as File, PathBuf};

use serde_json::{Map, Value};

use crate::{
    env::{Env, absolute, normalised},
    locations::Locations,
    merge,
    problem::{Finding, Path},
    syntax,
};

/// Files inside files inside files.
const LEVELS_MAX: usize = 10;

/// Files read in all; a file that is named twice is read twice.
const FILES_MAX: usize = 256;

/// Bytes read in all.
const BYTES_MAX: usize = 8 * 1024 * 1024;

const KEY: &str = "$include";

/// What came of resolving includes.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Included files in the order of their first use.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) findings: Vec<Finding>,
}

/// Replaces every `$include` in `value`, which was read from the config file.
pub(crate) fn resolve(value: &mut Value, locations: &Locations, env: &Env) -> Outcome {
    let roots = env.get("OPENCLAW_INCLUDE_ROOTS").map(|list| {
        let named = std::env::split_paths(list)
            .map(|root| absolute(&root.to_string_lossy(), &locations.home, env.cwd()));
        std::iter::once(locations.config_dir().to_owned()).chain(named).map(real).collect()
    });
    let mut resolver = Resolver {
        home: &locations.home,
        roots,
        chain: vec![normalised(&locations.config_path)],
        bytes: 0,
        reads: 0,
        outcome: Outcome::default(),
    };
    resolver.walk(value, &Path::default());
    resolver.outcome
}

struct Resolver<'a> {
    home: &'a File,
    /// Where included files may be; `None` is anywhere.
    roots: Option<Vec<PathBuf>>,
    /// The file being read and those that led to it, outermost first.
    chain: Vec<PathBuf>,
    bytes: usize,
    reads: usize,
    outcome: Outcome,
}

impl Resolver<'_> {
    fn walk(&mut self, value: &mut Value, path: &Path) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &path.child(index));
                }
            }
            Value::Object(map) => {
                let names = map.shift_remove(KEY);
                for (key, item) in map.iter_mut() {
                    self.walk(item, &path.child(key));
                }
                if let Some(names) = names {
                    let siblings = std::mem::take(map);
                    *value = self.included(&names, siblings, path);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The content of the files called `names` with `siblings` laid over it.
    fn included(&mut self, names: &Value, siblings: Map<String, Value>, path: &Path) -> Value {
        let mut content = match names {
            Value::String(name) => self.file(name, path),
            Value::Array(items) => {
                let mut content = Value::Object(Map::new());
                for item in items {
                    match item.as_str() {
                        Some(name) => merge::deep(&mut content, self.file(name, path)),
                        None => self.complain(path, "`$include` lists something that is no text"),
                    }
                }
                content
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                self.complain(path, "`$include` must be a file name or a list of file names");
                Value::Object(Map::new())
            }
        };
        if siblings.is_empty() {
            return content;
        }
        if !content.is_object() {
            self.complain(path, "keys beside `$include` need an included object");
            content = Value::Object(Map::new());
        }
        merge::deep(&mut content, Value::Object(siblings));
        content
    }

    /// The content of one file, its own includes resolved; an empty object after a complaint.
    fn file(&mut self, name: &str, path: &Path) -> Value {
        let base = self.chain.last().and_then(|file| file.parent()).unwrap_or(File::new("/"));
        let file = absolute(name, self.home, base);
        match self.read(name, &file) {
            Ok(mut value) => {
                if !self.outcome.files.contains(&file) {
                    self.outcome.files.push(file.clone());
                }
                self.chain.push(file);
                self.walk(&mut value, path);
                self.chain.pop();
                value
            }
            Err(message) => {
                self.complain(path, message);
                Value::Object(Map::new())
            }
        }
    }

    fn read(&mut self, name: &str, file: &File) -> Result<Value, String> {
        if self.chain.iter().any(|open| open == file) {
            let chain = self.chain.iter().map(|open| open.display().to_string());
            let chain: Vec<_> = chain.chain([file.display().to_string()]).collect();
            return Err(format!("circular include: {}", chain.join(" -> ")));
        }
        let shown = format!("include `{name}` ({})", file.display());
        if self.chain.len() > LEVELS_MAX {
            return Err(format!("{shown} is nested deeper than {LEVELS_MAX} levels"));
        }
        if let Some(roots) = &self.roots
            && !roots.iter().any(|root| real(file.to_owned()).starts_with(root))
        {
            return Err(format!("{shown} is outside the allowed directories"));
        }
        self.reads += 1;
        if self.reads > FILES_MAX {
            return Err(format!("{shown} is one of more than {FILES_MAX} includes"));
        }
        let text = match syntax::read(file) {
            Ok(Some(text)) => text,
            Ok(None) => return Err(format!("{shown} does not exist")),
            Err(why) => return Err(format!("{shown} {why}")),
        };
        self.bytes += text.len();
        if self.bytes > BYTES_MAX {
            return Err(format!("{shown} makes the includes larger than {BYTES_MAX} bytes"));
        }
        syntax::parse(&text).map_err(|problem| {
            let line = problem.line.map(|line| format!(" on line {line}")).unwrap_or_default();
            format!("{shown}: {}{line}", problem.message)
        })
    }

    fn complain(&mut self, path: &Path, message: impl Into<String>) {
        self.outcome.findings.push(Finding::new(path.child(KEY), message));
    }
}

/// `path` with links followed where it exists.
fn real(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out real files")]
mod tests;
