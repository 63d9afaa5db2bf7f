//! Files of a workspace that the prompt shows, and their first versions.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// The files of one workspace that have a meaning to us.
#[derive(Clone, Debug)]
pub struct Workspace {
    dir: PathBuf,
}

/// One file as the prompt shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptFile {
    /// Its name, such as `AGENTS.md`.
    pub name: String,
    /// Where it is or would be.
    pub path: PathBuf,
    /// What it says.
    pub content: PromptContent,
    /// Whether the middle was left out.
    pub truncated: bool,
}

/// What a workspace file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptContent {
    /// Its text, perhaps with the middle left out.
    Found(String),
    /// There is no such file, or it leads out of the workspace.
    Missing,
    /// Nothing but white space.
    Empty,
}

/// What seeding did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Whether the workspace had none of the usual files before.
    pub brand_new: bool,
    /// Names of the files that were made.
    pub created: Vec<String>,
}

impl Workspace {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// The files called `names`, in that order, each cut to `chars_max` characters.
    pub fn prompt_files(&self, names: &[&str], chars_max: usize) -> Vec<PromptFile> {
        let _ = (names, chars_max, &self.dir);
        Vec::new()
    }

    /// Makes the workspace and those of `texts` (name, text) that are missing.
    pub fn seed(&self, texts: &[(&str, &str)]) -> Result<Seeded, StoreError> {
        let _ = texts;
        Ok(Seeded { brand_new: false, created: Vec::new() })
    }
}
