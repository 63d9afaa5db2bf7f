//! Looking after the state directory from outside: for `doctor`, `reset` and `uninstall`.
//!
//! What is to be done and whether a person agreed is theirs to know. Nothing here ever leaves
//! the directory it was given: links are removed, never followed.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{StoreError, error::At};

/// Gives a file or directory the permission bits `mode`.
///
/// # Errors
///
/// What the system says.
pub fn protect(path: &Path, mode: u32) -> Result<(), StoreError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).at("protect", path)
}

/// Makes a directory and its parents, for their owner only.
///
/// # Errors
///
/// What the system says.
pub fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    crate::private::make_dir(path)
}

/// Whether we can make files in `dir`, tried out. Nothing of the trial remains.
///
/// # Errors
///
/// Why not.
pub fn try_writing(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".{}.trial", uuid::Uuid::new_v4()));
    fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)
}

/// What became of something that was to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// It is gone.
    Gone,
    /// It is empty but for what was to be kept, or it is a mount point and stays as such.
    Emptied,
    /// There was nothing.
    Absent,
}

/// Removes `target`, which must be below `root` or be `root` itself, but nothing in `keep` and
/// nothing that leads to it. `root` itself is only emptied.
///
/// # Errors
///
/// [`StoreError::Outside`] when `target` is elsewhere; else what the system says.
pub fn clear(root: &Path, target: &Path, keep: &[PathBuf]) -> Result<Cleared, StoreError> {
    let outside = || StoreError::Outside { path: target.display().to_string() };
    let real_root = fs::canonicalize(root).at("find", root)?;
    let parent = if target == root { None } else { target.parent() };
    let place = match (parent, target.file_name()) {
        (None, _) => real_root.clone(),
        // A parent that is not there has nothing in it.
        (Some(parent), Some(name)) => match fs::canonicalize(parent) {
            Ok(parent) => parent.join(name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Cleared::Absent),
            Err(error) => return Err(StoreError::io("find", parent, error)),
        },
        (Some(_), None) => return Err(outside()),
    };
    if !place.starts_with(&real_root) {
        return Err(outside());
    }
    let keep: Vec<PathBuf> = keep.iter().map(|path| real(path)).collect();
    if place == real_root {
        empty(&place, &keep)?;
        return Ok(Cleared::Emptied);
    }
    match place.symlink_metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Cleared::Absent),
        Err(error) => return Err(StoreError::io("look at", &place, error)),
    }
    Ok(if remove(&place, &keep)? { Cleared::Gone } else { Cleared::Emptied })
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Removes what is in `dir`; says whether nothing is left.
fn empty(dir: &Path, keep: &[PathBuf]) -> Result<bool, StoreError> {
    let mut is_empty = true;
    for entry in fs::read_dir(dir).at("read", dir)? {
        is_empty &= remove(&entry.at("read", dir)?.path(), keep)?;
    }
    Ok(is_empty)
}

/// Removes `path`; says whether it is gone.
fn remove(path: &Path, keep: &[PathBuf]) -> Result<bool, StoreError> {
    if keep.iter().any(|kept| kept == path) {
        return Ok(false);
    }
    let kind = path.symlink_metadata().at("look at", path)?;
    if !kind.is_dir() {
        fs::remove_file(path).at("remove", path)?;
        return Ok(true);
    }
    if !keep.iter().any(|kept| kept.starts_with(path)) {
        match fs::remove_dir_all(path) {
            Ok(()) => return Ok(true),
            // A mount point below; what is in it goes one by one.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => return Err(StoreError::io("remove", path, error)),
        }
    }
    if !empty(path, keep)? {
        return Ok(false);
    }
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        Err(error) => Err(StoreError::io("remove", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root
    }

    #[test]
    fn what_is_kept_stays_with_the_way_to_it() {
        let root = tree(&["a/b/keep/f", "a/b/g", "a/c", "d"]);
        let keep = root.path().join("a/b/keep");

        let cleared = clear(root.path(), root.path(), std::slice::from_ref(&keep)).unwrap();

        assert_eq!(cleared, Cleared::Emptied);
        assert!(keep.join("f").exists());
        let left = |dir: &str| fs::read_dir(root.path().join(dir)).unwrap().count();
        assert_eq!((left(""), left("a"), left("a/b")), (1, 1, 1));
    }

    #[test]
    fn nothing_outside_is_touched_not_even_through_a_link() {
        let other = tree(&["precious/f"]);
        let root = tree(&["f"]);
        std::os::unix::fs::symlink(other.path().join("precious"), root.path().join("link"))
            .unwrap();
        let through = root.path().join("link/f");
        let up = root.path().join("../elsewhere");

        let refused = clear(root.path(), &through, &[]);
        let above = clear(root.path(), &up, &[]);
        let link = clear(root.path(), &root.path().join("link"), &[]);

        assert!(matches!(refused, Err(StoreError::Outside { .. })), "{refused:?}");
        assert!(matches!(above, Err(StoreError::Outside { .. })), "{above:?}");
        assert_eq!(link.unwrap(), Cleared::Gone);
        assert!(other.path().join("precious/f").exists());
    }

    #[test]
    fn what_is_not_there_is_no_failure() {
        let root = tree(&[]);

        assert_eq!(clear(root.path(), &root.path().join("a/b"), &[]).unwrap(), Cleared::Absent);
        assert_eq!(clear(root.path(), &root.path().join("a"), &[]).unwrap(), Cleared::Absent);
    }
}
