//! Skills on disk: a directory each, with a `SKILL.md`. What it says is not known here.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

/// Largest `SKILL.md` that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Skills of one directory that are looked at; the others, by name, are not.
const SKILLS_MAX: usize = 300;

/// One skill's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillFile {
    /// The skill's directory.
    pub dir: PathBuf,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// What that says.
    pub text: String,
}

/// Reads the skills below `root`, by name. What is missing, too large or no text is passed over.
/// Blocks.
pub fn skill_files(root: &Path) -> Vec<SkillFile> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let mut dirs: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    dirs.sort();
    let files = dirs.into_iter().filter_map(|dir| {
        let path = dir.join("SKILL.md");
        let file = File::open(&path).ok()?;
        let facts = file.metadata().ok().filter(fs::Metadata::is_file)?;
        if facts.len() > FILE_BYTES_MAX {
            tracing::warn!(path = %path.display(), "skill is too large, passed over");
            return None;
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(SkillFile { dir, path, text })
    });
    files.take(SKILLS_MAX).collect()
}
