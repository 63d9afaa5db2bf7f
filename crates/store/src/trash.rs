//! Setting things aside: a reset moves files where a person finds them again.
//!
//! What to set aside is the caller's to say. A tool may be at work in it, so it is moved by held
//! directories.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
};

use held::{Dir, Kind};

use crate::{StoreError, error::At, upkeep::make_private_dir};

/// Names that are listed of a directory that must be emptied.
const NAMES_MAX: usize = 1_000_000;
/// Numbers that are tried for a name that is taken.
const NUMBERS_MAX: usize = 100_000;
/// How hidden trash in a directory begins.
const HIDDEN: &str = ".trash-";

/// Moves `path` into the directory `trash`, which is made; yields its new place.
///
/// A directory that cannot be moved itself, because something is mounted there, stays and its
/// content goes into a hidden directory inside it. Nothing at `path` is no error.
///
/// # Errors
///
/// [`StoreError`] with the path that would not move.
pub fn set_aside(path: &Path, trash: &Path) -> Result<Option<PathBuf>, StoreError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    let above = match Dir::open(parent) {
        Ok(above) => above,
        Err(error) if held::is_absent(&error) => return Ok(None),
        Err(error) => return Err(StoreError::io("open", parent, error)),
    };
    let Some(kind) = above.kind(name).at("look at", path)? else { return Ok(None) };
    make_private_dir(trash)?;
    let into = Dir::open(trash).at("open", trash)?;
    match move_free(&above, name, &into) {
        Ok(name) => Ok(Some(trash.join(name))),
        Err(error) if kind == Kind::Dir && is_mount(&error) => {
            let dir = above.dir(name, held::Links::Refused).at("open", path)?;
            empty_out(&dir, path, trash).map(Some)
        }
        Err(error) => Err(StoreError::io("move away", path, error)),
    }
}

fn is_mount(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy)
}

/// Moves `name` to the first name like it that is free in `into`, and tells which.
fn move_free(above: &Dir, name: &OsStr, into: &Dir) -> io::Result<OsString> {
    for number in 1..=NUMBERS_MAX {
        let mut other = name.to_owned();
        if number > 1 {
            other.push(format!("-{number}"));
        }
        match above.move_to(name, into, &other) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => return outcome.map(|()| other),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Moves what is in `dir`, which is at `path`, into a hidden directory of it, named after
/// `trash`.
fn empty_out(dir: &Dir, path: &Path, trash: &Path) -> Result<PathBuf, StoreError> {
    let mut hidden = OsString::from(HIDDEN);
    hidden.push(trash.file_name().unwrap_or_default());
    let inside = dir.make_dir(&hidden, 0o700).at("make directory", path)?;
    let (entries, _) = dir.entries(NAMES_MAX).at("read", path)?;
    for entry in entries {
        if !entry.name.as_encoded_bytes().starts_with(HIDDEN.as_bytes()) {
            move_free(dir, &entry.name, &inside).at("move away", &path.join(&entry.name))?;
        }
    }
    Ok(path.join(hidden))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_set_aside_is_found_again_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let (file, trash) = (home.path().join("a.json"), home.path().join("trash/now"));

        fs::write(&file, "one").unwrap();
        let one = set_aside(&file, &trash).unwrap().unwrap();
        fs::write(&file, "two").unwrap();
        let two = set_aside(&file, &trash).unwrap().unwrap();

        assert_eq!(set_aside(&file, &trash).unwrap(), None);
        assert_eq!(fs::read_to_string(one).unwrap(), "one");
        assert_eq!(fs::read_to_string(two).unwrap(), "two");
    }

    #[test]
    fn a_directory_that_must_stay_is_emptied() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("notes.md"), "mine").unwrap();

        let dir = Dir::open(home.path()).unwrap();
        let inside = empty_out(&dir, home.path(), Path::new("/trash/now")).unwrap();

        assert_eq!(fs::read_to_string(inside.join("notes.md")).unwrap(), "mine");
        assert!(!home.path().join("notes.md").exists());
    }
}
