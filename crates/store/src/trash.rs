//! Setting things aside: a reset moves files where a person finds them again.
//!
//! What to set aside is the caller's to say.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{StoreError, error::At, upkeep::make_private_dir};

/// Moves `path` into the directory `trash`, which is made; yields its new place.
///
/// A directory that cannot be moved itself, because something is mounted there, stays and its
/// content goes into a hidden directory inside it. Nothing at `path` is no error.
///
/// # Errors
///
/// [`StoreError`] with the path that would not move.
pub fn set_aside(path: &Path, trash: &Path) -> Result<Option<PathBuf>, StoreError> {
    let Ok(data) = fs::symlink_metadata(path) else { return Ok(None) };
    make_private_dir(trash)?;
    let place = free_place(trash, path);
    match fs::rename(path, &place) {
        Ok(()) => Ok(Some(place)),
        Err(error) if data.is_dir() && is_mount(&error) => empty_out(path, trash).map(Some),
        Err(error) => Err(StoreError::io("move away", path, error)),
    }
}

fn is_mount(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy)
}

fn free_place(trash: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_owned();
    let mut place = trash.join(&name);
    let mut number = 1;
    while fs::symlink_metadata(&place).is_ok() {
        number += 1;
        let mut other = name.clone();
        other.push(format!("-{number}"));
        place = trash.join(other);
    }
    place
}

/// Moves what is in `dir` into a hidden directory of it, named after `trash`.
fn empty_out(dir: &Path, trash: &Path) -> Result<PathBuf, StoreError> {
    let mut hidden = std::ffi::OsString::from(".trash-");
    hidden.push(trash.file_name().unwrap_or_default());
    let inside = dir.join(hidden);
    make_private_dir(&inside)?;
    for entry in fs::read_dir(dir).at("read", dir)? {
        let path = entry.at("read", dir)?.path();
        let is_trash =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".trash-"));
        if !is_trash {
            fs::rename(&path, free_place(&inside, &path)).at("move away", &path)?;
        }
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
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

        let inside = empty_out(home.path(), Path::new("/trash/now")).unwrap();

        assert_eq!(fs::read_to_string(inside.join("notes.md")).unwrap(), "mine");
        assert!(!home.path().join("notes.md").exists());
    }
}
