//! Whole-file writes that a reader never sees half done.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::{StoreError, error::At};

/// Replaces `path` by a private (0600) file with these bytes, on the disk before it is named.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temp = temp_beside(path);
    let placed = fill(&temp, bytes).and_then(|()| fs::rename(&temp, path).at("replace", path));
    if placed.is_err() {
        // The error that matters is the first one.
        fs::remove_file(&temp).ok();
        return placed;
    }
    sync_dir_of(path);
    Ok(())
}

fn fill(temp: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(temp)
        .at("create", temp)?;
    file.write_all(bytes).at("write", temp)?;
    file.sync_data().at("sync", temp)
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
