//! The first files of a new agent's workspace, made whole or not at all.

use std::{
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
};

use held::{Dir, Links};

use super::{DIR_MODE, FIRST_RUN, SEED_MODE, USUAL};
use crate::StoreError;

/// A workspace that was made just now, and can be unmade.
#[derive(Debug)]
#[must_use = "what was made stays unless it is undone"]
pub struct NewWorkspace {
    /// Directories that were made, each by the one that holds it; outermost first.
    dirs: Vec<(Dir, OsString)>,
    workspace: Dir,
    files: Vec<String>,
}

/// Makes the workspace `dir` beneath `root` and those of `texts` (name, text) that are missing.
/// The way to `root` is the operator's; below it no link is followed. What a failure has made by
/// then goes again.
///
/// # Errors
///
/// [`StoreError`] with the path that could not be made; [`StoreError::Outside`] when `dir` is
/// not beneath `root`.
pub fn make_workspace(
    root: &Path,
    dir: &Path,
    texts: &[(&str, &str)],
) -> Result<NewWorkspace, StoreError> {
    let outside = || StoreError::Outside { path: dir.display().to_string() };
    if !dir.starts_with(root) {
        return Err(outside());
    }
    let failed = |error: io::Error| StoreError::io("make workspace", dir, error);
    let (held, there) = deepest(root).map_err(failed)?;
    let ahead = dir.strip_prefix(&there).map_err(|_| outside())?;
    let mut new = NewWorkspace { dirs: Vec::new(), workspace: held, files: Vec::new() };
    match new.fill(ahead, texts) {
        Ok(()) => Ok(new),
        Err(error) => {
            new.undo();
            Err(failed(error))
        }
    }
}

/// The deepest directory on the way to `root` that is there, and its path.
fn deepest(root: &Path) -> io::Result<(Dir, PathBuf)> {
    for path in root.ancestors() {
        match Dir::open(path) {
            Ok(dir) => return Ok((dir, path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

impl NewWorkspace {
    /// Names of the files that were made.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Removes what was made. What others have put there since stays.
    pub fn undo(self) {
        for name in &self.files {
            self.workspace.remove_file(name).ok();
        }
        for (above, name) in self.dirs.iter().rev() {
            above.remove_empty_dir(name).ok();
        }
    }

    fn fill(&mut self, ahead: &Path, texts: &[(&str, &str)]) -> io::Result<()> {
        for part in ahead.components() {
            let Component::Normal(name) = part else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "`..` in a path"));
            };
            let below = match self.workspace.make_dir(name, DIR_MODE) {
                Ok(made) => {
                    self.dirs.push((self.workspace.dir(".", Links::Refused)?, name.to_owned()));
                    made
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.workspace.dir(name, Links::Refused)?
                }
                Err(error) => return Err(error),
            };
            self.workspace = below;
        }
        let is_free = |name: &&str| self.workspace.kind(name).is_ok_and(|kind| kind.is_none());
        let brand_new = USUAL.iter().all(is_free);
        for (name, text) in texts.iter().filter(|(name, _)| *name != FIRST_RUN || brand_new) {
            match self.workspace.create(name, text.as_bytes(), (SEED_MODE, None)) {
                Ok(()) => self.files.push((*name).to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    const TEXTS: [(&str, &str); 2] = [("AGENTS.md", "a"), ("BOOTSTRAP.md", "b")];

    fn count(path: &Path) -> usize {
        fs::read_dir(path).unwrap().count()
    }

    #[test]
    fn a_workspace_is_made_and_unmade() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");

        let new = make_workspace(home.path(), &dir, &TEXTS).unwrap();
        assert_eq!(new.files(), ["AGENTS.md", "BOOTSTRAP.md"]);
        assert_eq!(fs::read_to_string(dir.join("AGENTS.md")).unwrap(), "a");
        new.undo();

        assert_eq!(count(home.path()), 0);
    }

    #[test]
    fn what_was_there_stays() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        fs::write(home.path().join("a/AGENTS.md"), "mine").unwrap();

        let new = make_workspace(home.path(), &home.path().join("a"), &TEXTS).unwrap();
        assert_eq!(new.files(), [""; 0]);
        new.undo();

        assert_eq!(fs::read_to_string(home.path().join("a/AGENTS.md")).unwrap(), "mine");
    }

    #[test]
    fn a_failure_on_the_way_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let long = "n".repeat(300);
        let dirs = [home.path().join("file/a"), home.path().join("a/b").join(long)];

        for dir in dirs {
            assert!(make_workspace(home.path(), &dir, &TEXTS).is_err(), "{dir:?}");
        }
        let too_long = [("AGENTS.md", "a"), (&*"n".repeat(300), "b")];
        assert!(make_workspace(home.path(), &home.path().join("c"), &too_long).is_err());

        assert_eq!(count(home.path()), 1);
    }

    #[test]
    fn no_link_and_no_step_up_leads_out_of_the_root() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = home.path().join("root");
        symlink(other.path(), home.path().join("link")).unwrap();
        fs::create_dir(&root).unwrap();
        symlink(other.path(), root.join("link")).unwrap();

        for dir in
            [root.join("link"), root.join("link/a"), root.join("../up"), root.join("a/../..")]
        {
            assert!(make_workspace(&root, &dir, &TEXTS).is_err(), "{dir:?}");
        }
        let by_the_operator = home.path().join("link/a");
        make_workspace(&by_the_operator, &by_the_operator, &TEXTS).unwrap().undo();

        assert_eq!((count(&root), count(other.path())), (1, 0));
    }
}
