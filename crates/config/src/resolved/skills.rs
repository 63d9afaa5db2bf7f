//! Skills: where they lie, what is said of each, and what they may require of the config.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use domain::Secret;

/// `skills`.
#[derive(Clone, Debug, Default)]
pub struct Skills {
    /// The only bundled skills that may be used, by name or key; empty is all.
    pub bundled_allowed: BTreeSet<String>,
    /// Further directories of skills.
    pub extra_dirs: Vec<PathBuf>,
    /// What is said of each, by key.
    pub entries: BTreeMap<String, SkillEntry>,
    /// Dotted paths of the whole config at which there is something other than `false`, `0` and
    /// blank text. A skill may require one of them; what is there it never sees.
    pub given: BTreeSet<String>,
}

/// `skills.entries.<key>`.
#[derive(Clone, Debug, Default)]
pub struct SkillEntry {
    /// Whether it is switched off.
    pub disabled: bool,
    /// Value of its main variable.
    pub api_key: Option<Secret>,
    /// Variables for it.
    pub env: BTreeMap<String, Secret>,
}
