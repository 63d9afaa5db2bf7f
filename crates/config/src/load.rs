//! From the file to a [`Config`], in the order of the specification.
//!
//! Read, includes, `env` block, `${VAR}`, old keys, new names, the table, the rules between
//! keys, defaults, resolved form. It never fails: whatever is wrong is a [`Problem`], and all
//! problems are told at once.

use std::{fmt, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    defaults,
    env::Env,
    file::check::{self, FINDINGS_MAX},
    include, inline_env, legacy,
    locations::Locations,
    names, newer,
    partial::{self, Partial},
    problem::{Finding, Problem},
    resolve,
    resolved::Config,
    rules, secret_refs,
    spans::Spans,
    syntax,
};

/// What came of loading the config.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says and what is wrong with it.
    pub snapshot: Snapshot,
    /// The resolved config; `None` when the file is invalid.
    pub config: Option<Arc<Config>>,
    /// What an invalid file says apart from what is wrong with it, where that can be told.
    pub partial: Option<Partial>,
    /// The environment with the `env` block added, for child processes and look-ups.
    pub env: Arc<Env>,
}

/// What the file says and what is wrong with it. Holds secrets; its debug form shows none.
#[derive(Clone)]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// Whether there is one. A missing file is valid.
    pub exists: bool,
    /// Its text; `None` when it is missing or unreadable.
    pub raw: Option<String>,
    /// Its value as written.
    pub parsed: Value,
    /// The value with includes, variables and defaults, in the 2026.2 key names.
    pub resolved: Value,
    /// Whether there are no problems.
    pub valid: bool,
    /// SHA-256 of the text in hexadecimal; of nothing when there is no file.
    pub hash: String,
    /// Why it is invalid, legacy keys included.
    pub problems: Vec<Problem>,
    /// What is suspicious but does no harm.
    pub warnings: Vec<Problem>,
    /// Keys of the 2026.1 era, with their new places as hints.
    pub legacy: Vec<Problem>,
    /// Included files.
    pub included: Vec<PathBuf>,
}

impl Loaded {
    /// The config that a gateway may be started with: the whole file, or one that is invalid
    /// less what is wrong with it, if nothing that limits anybody is among that.
    pub fn servable(&self) -> Option<&Arc<Config>> {
        let partial = self.partial.as_ref().filter(|partial| partial.serves);
        self.config.as_ref().or_else(|| partial.map(|partial| &partial.config))
    }

    /// The config as far as it can be read, for those who only talk to a gateway.
    pub fn readable(&self) -> Option<&Arc<Config>> {
        self.config.as_ref().or_else(|| self.partial.as_ref().map(|partial| &partial.config))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("hash", &self.hash)
            .field("problems", &self.problems)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Loads the config file.
pub fn load(locations: &Locations, env: &Env) -> Loaded {
    match syntax::read(&locations.config_path) {
        Ok(Some(raw)) => load_text(&raw, locations, env),
        Ok(None) => {
            let mut loaded = load_value(&Value::Object(Map::new()), None, locations, env);
            loaded.snapshot.hash = hash("");
            loaded
        }
        Err(why) => {
            let problem = Problem::of_file(format!("config file {why}"));
            let mut loaded = broken(problem, None, locations, env);
            loaded.snapshot.exists = true;
            loaded
        }
    }
}

/// Loads `raw` as if it were the text of the config file.
pub fn load_text(raw: &str, locations: &Locations, env: &Env) -> Loaded {
    match syntax::parse(raw) {
        Ok(value) => load_value(&value, Some(raw), locations, env),
        Err(problem) => broken(problem, Some(raw), locations, env),
    }
}

/// SHA-256 of `raw` in hexadecimal: the `baseHash` of writers.
pub fn hash(raw: &str) -> String {
    hex::encode(Sha256::digest(raw.as_bytes()))
}

fn broken(problem: Problem, raw: Option<&str>, locations: &Locations, env: &Env) -> Loaded {
    Loaded {
        snapshot: Snapshot {
            path: locations.config_path.clone(),
            exists: raw.is_some(),
            raw: raw.map(str::to_owned),
            parsed: Value::Object(Map::new()),
            resolved: Value::Object(Map::new()),
            valid: false,
            hash: hash(raw.unwrap_or_default()),
            problems: vec![problem],
            warnings: Vec::new(),
            legacy: Vec::new(),
            included: Vec::new(),
        },
        config: None,
        partial: None,
        env: Arc::new(env.clone()),
    }
}

/// What there is to say of a tree.
pub(crate) struct Checked {
    /// What is wrong, by the path in the file.
    pub(crate) findings: Vec<Finding>,
    /// What is suspicious but does no harm.
    pub(crate) warnings: Vec<Finding>,
    /// Keys of the 2026.1 era.
    pub(crate) legacy: Vec<Finding>,
}

/// Brings `tree`, whose includes and variables are in place, to the names of 2026.2 with its
/// secrets read, and says what is wrong with it.
pub(crate) fn check(tree: &mut Value, locations: &Locations, env: &Env) -> Checked {
    let legacy = legacy::find(tree);
    let renamed = names::normalise(tree);
    let mut warnings = newer::set_aside(tree, &renamed);
    let mut findings = secret_refs::resolve(tree, env, locations.config_dir());
    let mut checked = check::whole(tree);
    checked.extend(rules::check(tree, locations));
    // An old key is told once, with its new place, and not again as an unknown one; a secret that
    // could not be read is not told again as something that is no text.
    let told: Vec<_> = legacy.iter().chain(&findings).map(|it| it.path.clone()).collect();
    checked.retain(|finding| !told.iter().any(|path| finding.path.0.starts_with(&path.0)));
    findings.extend(checked);
    let findings = findings.into_iter().map(|finding| renamed.as_written(finding)).collect();
    warnings.extend(renamed.warnings);
    warnings.extend(rules::warnings(tree));
    Checked { findings, warnings, legacy }
}

fn load_value(parsed: &Value, raw: Option<&str>, locations: &Locations, env: &Env) -> Loaded {
    let mut tree = parsed.clone();
    let mut findings = Vec::new();
    let included = include::resolve(&mut tree, locations, env);
    findings.extend(included.findings);
    let env = inline_env::applied(&mut tree, env, &mut findings);
    let (as_written, unread) = (tree.clone(), findings.clone());
    let Checked { findings: checked, warnings, legacy } = check(&mut tree, locations, &env);
    findings.extend(checked);

    let spans = match (raw, findings.is_empty() && warnings.is_empty() && legacy.is_empty()) {
        (Some(raw), false) => Spans::of(raw),
        (Some(_) | None, _) => Spans::default(),
    };
    let locate = |found: Vec<Finding>| -> Vec<Problem> {
        found.into_iter().take(FINDINGS_MAX).map(|finding| finding.located(&spans)).collect()
    };
    let legacy = locate(legacy);
    let mut problems = locate(findings);
    problems.splice(0..0, legacy.iter().cloned());
    let valid = problems.is_empty();
    let config = valid.then(|| {
        defaults::fill(&mut tree, &locations.home);
        Arc::new(resolve::config(&tree, locations, &env))
    });
    let partial = if valid { None } else { partial::of(as_written, &unread, locations, &env) };
    Loaded {
        partial,
        snapshot: Snapshot {
            path: locations.config_path.clone(),
            exists: raw.is_some(),
            raw: raw.map(str::to_owned),
            parsed: parsed.clone(),
            resolved: tree,
            valid,
            hash: hash(raw.unwrap_or_default()),
            problems,
            warnings: locate(warnings),
            legacy,
            included: included.files,
        },
        config,
        env: Arc::new(env),
    }
}
