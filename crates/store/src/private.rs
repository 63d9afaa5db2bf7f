//! Makes files and directories for their owner only, whatever the umask is.
//!
//! The mode of what is made is set after it was made: a umask may take more away than we want,
//! never give more. What is there already keeps its mode.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use crate::{StoreError, error::At};

/// Mode of our directories.
const DIR_MODE: u32 = 0o700;

/// Mode of our files.
const FILE_MODE: u32 = 0o600;

/// Makes `dir` and those of its parents that are missing.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    try_make_dir(dir).at("make directory", dir)
}

/// The same, with what the system says.
pub(crate) fn try_make_dir(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        try_make_dir(parent)?;
    }
    match DirBuilder::new().mode(DIR_MODE).create(dir) {
        Ok(()) => fs::set_permissions(dir, Permissions::from_mode(DIR_MODE)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the directory that `path` is in.
pub(crate) fn make_parent(path: &Path) -> Result<(), StoreError> {
    path.parent().map_or(Ok(()), make_dir)
}

/// Makes the file `path`, which must not be there, and opens it as `options` say.
pub(crate) fn create_new(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.create_new(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Opens `path` as `options` say, and makes it if it is not there.
pub(crate) fn open_or_create(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    loop {
        match options.create_new(false).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        match create_new(path, options) {
            // Another process was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}
