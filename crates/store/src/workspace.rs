//! Files of a workspace that the prompt shows, and their first versions.
//!
//! What they say and in which order they come is `agent`'s business. A tool may write in the
//! workspace at any moment, so all of it is reached beneath a held directory: relative links
//! that stay inside are followed, others are not.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use held::{Dir, FileSpot, Kind, Links, Stamp};

use crate::{StoreError, error::At, lock_file::lock};

mod birth;
mod edit;

pub use birth::{NewWorkspace, make_workspace};
pub use edit::{FileFacts, WorkspaceFile};

/// A workspace without any of these is brand-new.
const USUAL: [&str; 6] =
    ["AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md"];
/// Seeded only in a brand-new workspace.
const FIRST_RUN: &str = "BOOTSTRAP.md";
/// Of a larger file only this much is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Permission bits of a workspace that we make.
const DIR_MODE: u32 = 0o700;
/// Permission bits of a starter file.
const SEED_MODE: u32 = 0o644;
/// What its owner always has on a workspace: without it no turn would ever run again.
const OWNER_LOOKS: u32 = 0o500;
/// Files remembered; past that the memory is emptied.
const CACHED_MAX: usize = 256;

/// The files of one workspace that have a meaning to us.
#[derive(Clone, Debug)]
pub struct Workspace {
    dir: PathBuf,
    exposed: Arc<[PathBuf]>,
    cache: Arc<PromptCache>,
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
    /// There is no such file, or a link there leads out of the workspace.
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

/// Files as they were when last read, so that a turn costs a look at each.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<HashMap<PathBuf, Cached>>);

#[derive(Clone, Debug)]
struct Cached {
    stamp: Stamp,
    chars_max: usize,
    content: PromptContent,
    truncated: bool,
}

impl Cached {
    /// Whether a reading with this limit would give the same.
    fn is_for(&self, chars_max: usize) -> bool {
        self.chars_max == chars_max
            || match &self.content {
                // Bytes, which are never fewer than characters.
                PromptContent::Found(text) => !self.truncated && text.len() <= chars_max,
                PromptContent::Missing | PromptContent::Empty => true,
            }
    }
}

impl Workspace {
    pub(crate) fn new(dir: &Path, cache: Arc<PromptCache>) -> Self {
        Self { dir: dir.to_owned(), exposed: Arc::default(), cache }
    }

    /// The same workspace where sandboxes write to the `exposed` directories: below these no
    /// link on the way to it is followed.
    #[must_use]
    pub fn among(self, exposed: Arc<[PathBuf]>) -> Self {
        Self { exposed, ..self }
    }

    /// The files called `names`, in that order, each cut to about `chars_max` characters.
    ///
    /// Two names of one file (`MEMORY.md` and `memory.md` where case does not matter) give it
    /// once.
    pub fn prompt_files(&self, names: &[&str], chars_max: usize) -> Vec<PromptFile> {
        let held = match self.hold() {
            Ok(held) => Some(held),
            Err(error) if held::is_absent(&error) => None,
            Err(error) => {
                tracing::warn!(dir = %self.dir.display(), %error, "cannot read a workspace");
                None
            }
        };
        let mut seen: Vec<(u64, u64)> = Vec::new();
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            let path = self.dir.join(name);
            let spot = held.as_ref().and_then(|held| found(held, name));
            if let Some(spot) = &spot {
                if seen.contains(&spot.identity()) {
                    continue;
                }
                seen.push(spot.identity());
            }
            let text = spot.map(|spot| self.cached(&path, &spot, chars_max));
            let (content, truncated) = text.unwrap_or((PromptContent::Missing, false));
            files.push(PromptFile { name: (*name).to_owned(), path, content, truncated });
        }
        files
    }

    /// Makes the workspace and those of `texts` (name, text) that are missing.
    ///
    /// `BOOTSTRAP.md` is made only in a brand-new workspace, since a person or the agent
    /// removes it when it has done its work.
    ///
    /// # Errors
    ///
    /// [`StoreError`] with what could not be made.
    pub fn seed(&self, texts: &[(&str, &str)]) -> Result<Seeded, StoreError> {
        let held = self.make()?;
        let is_free = |name: &&str| held.kind(name).is_ok_and(|kind| kind.is_none());
        let brand_new = USUAL.iter().all(is_free);
        let mut created = Vec::new();
        for (name, text) in texts {
            if *name == FIRST_RUN && !brand_new {
                continue;
            }
            match held.create(name, text.as_bytes(), (SEED_MODE, None)) {
                Ok(()) => created.push((*name).to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("create", &self.dir.join(name), error)),
            }
        }
        Ok(Seeded { brand_new, created })
    }

    /// Holds the workspace as it is now.
    fn hold(&self) -> io::Result<Dir> {
        let held = Dir::find(&self.dir, &self.exposed).map_err(|error| error.why)?;
        match held.restore(OWNER_LOOKS) {
            Ok(true) => tracing::info!(dir = %self.dir.display(), "permission bits are back"),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "permission bits stay"),
        }
        Ok(held)
    }

    /// Holds the workspace, made if need be.
    fn make(&self) -> Result<Dir, StoreError> {
        match self.hold() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome.at("open directory", &self.dir),
        }
        held::make_dirs(&self.dir, DIR_MODE).at("make directory", &self.dir)?;
        self.hold().at("open directory", &self.dir)
    }

    fn cached(&self, path: &Path, spot: &FileSpot, chars_max: usize) -> (PromptContent, bool) {
        let stamp = spot.stamp();
        let known = lock(&self.cache.0).get(path).cloned();
        if let Some(known) = known
            && known.stamp == stamp
            && known.is_for(chars_max)
        {
            return (known.content, known.truncated);
        }
        let (content, truncated) = match read_cut(spot, chars_max) {
            Ok((text, truncated)) if !text.trim().is_empty() => {
                (PromptContent::Found(text), truncated)
            }
            Ok(_) => (PromptContent::Empty, false),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read a workspace file");
                return (PromptContent::Missing, false);
            }
        };
        if truncated {
            tracing::warn!(path = %path.display(), chars_max, "workspace file is cut in the prompt");
        }
        let mut cache = lock(&self.cache.0);
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        let cached = Cached { stamp, chars_max, content: content.clone(), truncated };
        cache.insert(path.to_owned(), cached);
        (content, truncated)
    }
}

/// The regular file of this name, if there is one and it lies in the workspace.
fn found(held: &Dir, name: &str) -> Option<FileSpot> {
    match held.look(name, Links::Inside) {
        Ok(spot) => Some(spot).filter(|spot| spot.kind() == Kind::File),
        Err(error) => {
            if held::is_escape(&error) {
                tracing::warn!(name, "workspace file leads elsewhere; it is not shown");
            }
            None
        }
    }
}

/// Makes the workspace in `dir` and those of `texts` (name, text) that are missing, beside a
/// gateway that may run: nothing that is there is touched.
///
/// # Errors
///
/// [`StoreError`] with the path that could not be made.
pub fn seed(dir: &Path, texts: &[(&str, &str)]) -> Result<Seeded, StoreError> {
    Workspace::new(dir, Arc::default()).seed(texts)
}

fn read_cut(spot: &FileSpot, chars_max: usize) -> io::Result<(String, bool)> {
    let held::Read { bytes, is_cut } = spot.read(FILE_BYTES_MAX)?;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
    let cut = cut(&text, chars_max);
    Ok((cut.clone().unwrap_or(text), cut.is_some() || is_cut))
}

/// The first 70 % and the last 20 % of the limit with a mark between; `None` when it fits.
fn cut(text: &str, chars_max: usize) -> Option<String> {
    if text.len() <= chars_max {
        return None;
    }
    let count = text.chars().count();
    if count <= chars_max {
        return None;
    }
    let (head, tail) = (chars_max * 7 / 10, chars_max * 2 / 10);
    let at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    let (head_end, tail_begin) = (at(head), at(count - tail));
    let (first, last) = (&text[..head_end], &text[tail_begin..]);
    Some(format!("{first}\n\n[... {} characters left out ...]\n\n{last}", count - head - tail))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn workspace(dir: &Path) -> Workspace {
        Workspace::new(dir, Arc::default())
    }

    fn found(text: &str) -> PromptContent {
        PromptContent::Found(text.to_owned())
    }

    #[test]
    fn seeding_never_overwrites_and_the_first_run_file_is_for_new_workspaces() {
        let home = tempfile::tempdir().unwrap();
        let workspace = workspace(&home.path().join("w"));
        let texts = [("AGENTS.md", "rules"), ("SOUL.md", "soul"), ("BOOTSTRAP.md", "first")];

        let first = workspace.seed(&texts).unwrap();
        fs::remove_file(workspace.dir.join("BOOTSTRAP.md")).unwrap();
        fs::remove_file(workspace.dir.join("SOUL.md")).unwrap();
        fs::write(workspace.dir.join("AGENTS.md"), "mine").unwrap();
        let second = workspace.seed(&texts).unwrap();

        let names = texts.map(|(name, _)| name.to_owned()).to_vec();
        assert_eq!(first, Seeded { brand_new: true, created: names });
        assert_eq!(second, Seeded { brand_new: false, created: vec!["SOUL.md".to_owned()] });
        assert_eq!(workspace.prompt_files(&["AGENTS.md"], 100)[0].content, found("mine"));
    }

    #[test]
    fn changed_missing_empty_and_long_files_are_told_apart() {
        let home = tempfile::tempdir().unwrap();
        let workspace = workspace(home.path());
        fs::write(home.path().join("a"), "one").unwrap();
        fs::write(home.path().join("e"), " \n").unwrap();
        fs::write(home.path().join("l"), "ä".repeat(50) + &"z".repeat(51)).unwrap();

        let first = workspace.prompt_files(&["a", "e", "l", "m"], 100);
        fs::write(home.path().join("a"), "two!").unwrap();
        let second = workspace.prompt_files(&["a"], 100);

        let contents: Vec<_> = first.iter().map(|file| file.content.clone()).collect();
        let long = format!(
            "{}{}\n\n[... 11 characters left out ...]\n\n{}",
            "ä".repeat(50),
            "z".repeat(20),
            "z".repeat(20)
        );
        let expected = [found("one"), PromptContent::Empty, found(&long), PromptContent::Missing];
        assert_eq!(contents, expected);
        assert_eq!(
            first.iter().map(|file| file.truncated).collect::<Vec<_>>(),
            [false, false, true, false]
        );
        assert_eq!(second[0].content, found("two!"));
    }

    #[test]
    fn links_out_of_the_workspace_and_pipes_are_not_read_and_one_file_comes_once() {
        let home = tempfile::tempdir().unwrap();
        let outside = home.path().join("secret");
        fs::write(&outside, "secret").unwrap();
        let dir = home.path().join("w");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("MEMORY.md"), "memory").unwrap();
        std::os::unix::fs::symlink(&outside, dir.join("SOUL.md")).unwrap();
        std::os::unix::fs::symlink("MEMORY.md", dir.join("memory.md")).unwrap();
        let pipe = dir.join("USER.md");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();

        let files =
            workspace(&dir).prompt_files(&["SOUL.md", "USER.md", "MEMORY.md", "memory.md"], 99);

        let shown: Vec<_> = files.into_iter().map(|file| (file.name, file.content)).collect();
        let expected = [
            ("SOUL.md".to_owned(), PromptContent::Missing),
            ("USER.md".to_owned(), PromptContent::Missing),
            ("MEMORY.md".to_owned(), found("memory")),
        ];
        assert_eq!(shown, expected);
    }
}
