//! Whole-file writes that a reader never sees half done.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use domain::UnixMillis;

use crate::{StoreError, error::At, private};

/// Replaces `path` by a private (0600) file with these bytes, on the disk before it is named.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temp = temp_beside(path);
    let filled = fill(&temp, bytes).and_then(|file| file.sync_data().at("sync", &temp));
    place(&temp, path, filled)?;
    sync_dir_of(path);
    Ok(())
}

/// The same with bytes that depend on the file that they will be in, such as its inode.
pub(crate) fn write_by(
    path: &Path,
    bytes: impl FnOnce(&File) -> io::Result<Vec<u8>>,
) -> Result<(), StoreError> {
    let temp = temp_beside(path);
    let fill = || {
        let mut file = private::create_new(&temp, fs::OpenOptions::new().write(true))?;
        let bytes = bytes(&file)?;
        file.write_all(&bytes)?;
        file.sync_data()
    };
    place(&temp, path, fill().at("write", &temp))?;
    sync_dir_of(path);
    Ok(())
}

/// Like [`write()`], but leaves the sync to the caller: whole for every process, yet not safe
/// from a power cut before the returned file is synced.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<File, StoreError> {
    let temp = temp_beside(path);
    let filled = fill(&temp, bytes);
    place(&temp, path, filled)
}

/// Keeps `bytes`, which were found damaged in `path`, under a name of their own beside it.
pub(crate) fn keep_copy(path: &Path, bytes: &[u8], now: UnixMillis) -> Result<PathBuf, StoreError> {
    let copy = free_copy(path, now);
    write(&copy, bytes)?;
    Ok(copy)
}

/// A free name for a copy of `path` that is kept.
pub(crate) fn free_copy(path: &Path, now: UnixMillis) -> PathBuf {
    let mut millis = now.0;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".bak-{}-{millis}", std::process::id()));
        let copy = PathBuf::from(name);
        if fs::symlink_metadata(&copy).is_err() {
            return copy;
        }
        millis += 1;
    }
}

fn place<T>(temp: &Path, path: &Path, filled: Result<T, StoreError>) -> Result<T, StoreError> {
    let placed = filled.and_then(|file| fs::rename(temp, path).at("replace", path).map(|()| file));
    if placed.is_err() {
        // The error that matters is the first one.
        fs::remove_file(temp).ok();
    }
    placed
}

fn fill(temp: &Path, bytes: &[u8]) -> Result<File, StoreError> {
    let mut file =
        private::create_new(temp, fs::OpenOptions::new().write(true)).at("create", temp)?;
    file.write_all(bytes).at("write", temp)?;
    Ok(file)
}

/// Makes the name itself durable. Some file systems cannot; the content is safe either way.
pub(crate) fn sync_dir_of(path: &Path) {
    if let Some(dir) = path.parent()
        && let Ok(dir) = File::open(dir)
    {
        dir.sync_all().ok();
    }
}

fn temp_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(format!(".{}.{}.tmp", std::process::id(), uuid::Uuid::new_v4()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_write_leaves_one_private_file_and_no_temporary_one() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.json");

        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_cannot_be_placed_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("x"), b"").unwrap();

        let error = write(&path, b"one").unwrap_err();

        assert!(error.to_string().starts_with("cannot replace"), "{error}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
