//! Secrets by reference: `{ source, provider, id }` in the place of a text.
//!
//! The form is that of OpenClaw 2026.9. `env` reads a variable; `file` reads a value of a file
//! that `secrets.providers` names. `exec` and `store` are recognised and not served: the key
//! that holds such a reference is reported, and the rest of the file counts.
//!
//! A reference that cannot be read never falls back to another credential.

use std::{
    fs::File,
    io::Read as _,
    path::{Path as FilePath, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    env::{Env, absolute},
    node::Node,
    problem::{Finding, Path},
    syntax,
};

/// Most bytes of a secret file when its provider sets no `maxBytes`: the default of 2026.9.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The section that declares the providers. It holds no references itself.
const SECTION: &str = "secrets";

/// The id that stands for the whole content of a `singleValue` file.
const WHOLE: &str = "value";

/// Where a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Env,
    File,
    Exec,
    Store,
}

/// One reference.
#[derive(Debug)]
struct Reference<'a> {
    source: Source,
    provider: &'a str,
    id: &'a str,
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "env" => Some(Self::Env),
            "file" => Some(Self::File),
            "exec" => Some(Self::Exec),
            "store" => Some(Self::Store),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Exec => "exec",
            Self::Store => "store",
        }
    }
}

/// Replaces every reference in `tree` by its secret; one that cannot be read is a finding.
pub(crate) fn resolve(tree: &mut Value, env: &Env, config_dir: &FilePath) -> Vec<Finding> {
    let section = tree.get(SECTION).cloned().unwrap_or_default();
    let resolver = Resolver { section: Node::of(&section), env, config_dir };
    let mut findings = Vec::new();
    if let Value::Object(map) = tree {
        for (key, value) in map.iter_mut().filter(|(key, _)| *key != SECTION) {
            resolver.walk(value, &Path::of(&[key]), &mut findings);
        }
    }
    findings
}

/// The reference that `map` is, if it is one: these keys and no others.
fn reference(map: &Map<String, Value>) -> Option<Reference<'_>> {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let source = Source::parse(text("source")?)?;
    let known = map.keys().all(|key| ["source", "provider", "id"].contains(&key.as_str()));
    let provider = match map.get("provider") {
        None => "default",
        Some(provider) => provider.as_str()?,
    };
    known.then_some(Reference { source, provider, id: text("id")? })
}

struct Resolver<'a> {
    section: Node<'a>,
    env: &'a Env,
    config_dir: &'a FilePath,
}

impl Resolver<'_> {
    fn walk(&self, value: &mut Value, path: &Path, findings: &mut Vec<Finding>) {
        match value {
            Value::Object(map) => {
                if let Some(found) = reference(map) {
                    match self.read(&found) {
                        Ok(secret) => *value = Value::String(secret),
                        Err(why) => findings.push(Finding::new(path.clone(), why)),
                    }
                    return;
                }
                for (key, item) in map.iter_mut() {
                    self.walk(item, &path.child(key), findings);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &path.child(index), findings);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn read(&self, reference: &Reference<'_>) -> Result<String, String> {
        let Reference { source, provider, id } = *reference;
        let declared = self.section.at("providers").members().find(|(name, _)| *name == provider);
        let declared =
            declared.map(|(_, it)| it).filter(|it| it.at("source").str() == Some(source.name()));
        match (source, declared) {
            (Source::Env, declared) => {
                if declared.is_none() && provider != self.default_of(source) {
                    return Err(undeclared(source, provider));
                }
                self.variable(id, declared)
            }
            (Source::File, Some(declared)) => self.file(id, provider, declared),
            (Source::File, None) => Err(undeclared(source, provider)),
            (Source::Exec | Source::Store, _) => {
                let source = source.name();
                Err(format!("secrets from `{source}` cannot be read by this version"))
            }
        }
    }

    fn default_of(&self, source: Source) -> &str {
        self.section.at("defaults").at(source.name()).str().unwrap_or("default")
    }

    fn variable(&self, name: &str, declared: Option<Node<'_>>) -> Result<String, String> {
        let allowed = declared.and_then(|it| it.at("allowlist").texts());
        if allowed.is_some_and(|allowed| !allowed.iter().any(|it| it == name)) {
            return Err(format!("`{name}` is not in the allowlist of its secret provider"));
        }
        let value = self.env.get(name).map(str::to_owned);
        value.ok_or_else(|| format!("environment variable `{name}` is not set"))
    }

    fn file(&self, id: &str, provider: &str, declared: Node<'_>) -> Result<String, String> {
        let Some(path) = declared.at("path").str() else {
            return Err(format!("secret provider `{provider}` has no `path`"));
        };
        let path = absolute(path, self.env.home(), self.config_dir);
        let limit = declared.at("maxBytes").int().unwrap_or(FILE_BYTES_MAX).min(FILE_BYTES_MAX);
        let text = content(&path, limit)?;
        let shown = path.display();
        let secret = if declared.at("mode").str() == Some("singleValue") {
            if id != WHOLE {
                return Err(format!("`{shown}` holds one secret, whose id is `{WHOLE}`"));
            }
            text.strip_suffix('\n')
                .map_or(text.as_str(), |it| it.strip_suffix('\r').unwrap_or(it))
                .to_owned()
        } else {
            // The parser's own message could show a part of the file.
            let tree = syntax::parse(&text).map_err(|_| format!("`{shown}` is not JSON"))?;
            let found = tree.pointer(id).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| format!("`{shown}` has no text at `{id}`"))?
        };
        if secret.trim().is_empty() {
            return Err(format!("`{shown}` is empty at `{id}`"));
        }
        Ok(secret)
    }
}

fn undeclared(source: Source, provider: &str) -> String {
    let source = source.name();
    format!("no provider `{provider}` of the source `{source}` in `secrets.providers`")
}

#[expect(clippy::disallowed_methods, reason = "a secret file is a part of the config")]
fn content(path: &PathBuf, limit: u64) -> Result<String, String> {
    let shown = path.display();
    let said = |error: std::io::Error| format!("`{shown}` cannot be read: {error}");
    // Opening a pipe would wait for its writer, so the kind is looked at first.
    if !std::fs::metadata(path).map_err(said)?.is_file() {
        return Err(format!("`{shown}` is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(said)?.take(limit + 1).read_to_end(&mut bytes).map_err(said)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(format!("`{shown}` is larger than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{shown}` is not valid UTF-8"))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out real files")]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(mut tree: Value, dir: &FilePath) -> (Value, Vec<String>) {
        let vars = [("KEY".to_owned(), "from-env".to_owned())].into();
        let env = Env::of(vars, dir.to_str().unwrap(), "/");
        let findings = resolve(&mut tree, &env, dir);
        let shown = findings.iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
        (tree, shown)
    }

    #[test]
    fn references_are_read_from_the_environment_and_from_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one"), "from-file\r\n").unwrap();
        std::fs::write(dir.path().join("many.json"), r#"{"a":{"b/c":"from-json"}}"#).unwrap();

        let (tree, problems) = resolved(
            json!({
                "secrets": { "providers": {
                    "one": { "source": "file", "path": "~/one", "mode": "singleValue" },
                    "many": { "source": "file", "path": "many.json" },
                } },
                "a": [{ "source": "env", "provider": "default", "id": "KEY" }],
                "b": { "c": { "source": "file", "provider": "one", "id": "value" } },
                "d": { "source": "file", "provider": "many", "id": "/a/b~1c" },
                "e": { "source": "env", "id": "KEY", "more": true },
            }),
            dir.path(),
        );

        assert_eq!(problems, [""; 0]);
        assert_eq!(tree["a"], json!(["from-env"]));
        assert_eq!(tree["b"]["c"], "from-file");
        assert_eq!(tree["d"], "from-json");
        // With another key it is some other object.
        assert_eq!(tree["e"]["id"], "KEY");
    }

    #[test]
    fn a_reference_that_cannot_be_read_is_named_and_shows_no_content() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("broken"), "hush").unwrap();
        std::fs::write(dir.path().join("blank"), "\n").unwrap();
        let whole = |name: &str, id: &str| json!({"source": "file", "provider": name, "id": id});

        let (tree, problems) = resolved(
            json!({
                "secrets": { "providers": {
                    "broken": { "source": "file", "path": "broken" },
                    "blank": { "source": "file", "path": "blank", "mode": "singleValue" },
                    "big": { "source": "file", "path": "broken", "maxBytes": 3 },
                    "dir": { "source": "file", "path": "." },
                    "narrow": { "source": "env", "allowlist": ["OTHER"] },
                } },
                "a": { "source": "env", "provider": "default", "id": "UNSET" },
                "b": { "source": "env", "provider": "narrow", "id": "KEY" },
                "c": { "source": "env", "provider": "nobody", "id": "KEY" },
                "d": whole("broken", "/x"),
                "e": whole("blank", "value"),
                "f": whole("blank", "other"),
                "g": whole("big", "/x"),
                "h": whole("dir", "/x"),
                "i": whole("nobody", "/x"),
                "j": { "source": "exec", "provider": "vault", "id": "x" },
                "k": { "source": "store", "provider": "default", "id": "X" },
            }),
            dir.path(),
        );

        assert_eq!(problems.len(), 11, "{problems:#?}");
        assert!(problems.iter().all(|it| !it.contains("hush")), "{problems:#?}");
        assert_eq!(problems[0], "a: environment variable `UNSET` is not set");
        assert!(tree["a"].is_object(), "it stays what it was");
    }
}
