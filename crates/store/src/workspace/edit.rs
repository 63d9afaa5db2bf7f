//! Files of a workspace, as a person sees and changes them from afar.
//!
//! The caller names only files that have a meaning to us. A tool may write in the workspace at the
//! same time, so nothing is followed that leads out of it.

use std::{io, path::PathBuf};

use domain::UnixMillis;

use super::{FILE_BYTES_MAX, Workspace, found};
use crate::{StoreError, error::At};

/// Permission bits of a file that a person makes.
const FILE_MODE: u32 = 0o600;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceFile {
    /// Its name, such as `AGENTS.md`.
    pub name: String,
    /// Where it is or would be.
    pub path: PathBuf,
    /// How large it is and when it was changed; `None` when it is not there.
    pub found: Option<FileFacts>,
}

/// A file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Bytes.
    pub size: u64,
    /// When it was changed.
    pub changed: UnixMillis,
}

impl Workspace {
    /// Where the workspace is, for display.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Looks at the file called `name`.
    pub fn file(&self, name: &str) -> WorkspaceFile {
        let spot = self.hold().ok().and_then(|held| found(&held, name));
        let found = spot
            .map(|spot| FileFacts { size: spot.size(), changed: UnixMillis(spot.modified_ms()) });
        WorkspaceFile { name: name.to_owned(), path: self.dir.join(name), found }
    }

    /// What the file called `name` says; `None` when it is not there or leads elsewhere.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be read or is larger than 4 MiB.
    pub fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let bytes = self.bytes(name, FILE_BYTES_MAX)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The bytes of the file at `path` in the workspace; `None` when it is not there or leads
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be read or is larger than `bytes_max`.
    pub fn bytes(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Ok(held) = self.hold() else { return Ok(None) };
        let Some(spot) = found(&held, path) else { return Ok(None) };
        let place = self.dir.join(path);
        let read = spot.read(bytes_max).at("read", &place)?;
        if read.is_cut {
            let error = io::Error::other(format!("more than {bytes_max} bytes"));
            return Err(StoreError::io("read", &place, error));
        }
        Ok(Some(read.bytes))
    }

    /// Replaces the file called `name`, made with its workspace when absent. A link is followed
    /// within the workspace; one that leads out of it is replaced itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be written.
    pub fn set_text(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let held = self.make()?;
        let landing = held.landing(name).or_else(|_| held.landing_here(name));
        let written = landing.and_then(|landing| landing.replace(text.as_bytes(), FILE_MODE));
        written.at("write", &self.dir.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        path::Path,
        sync::Arc,
    };

    use super::*;

    fn workspace(dir: &Path) -> Workspace {
        Workspace::new(dir, Arc::default())
    }

    #[test]
    fn a_file_is_made_changed_and_keeps_its_mode() {
        let home = tempfile::tempdir().unwrap();
        let workspace = workspace(&home.path().join("w"));

        assert_eq!(workspace.file("AGENTS.md").found, None);
        workspace.set_text("AGENTS.md", "one").unwrap();
        let path = workspace.file("AGENTS.md").path;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        workspace.set_text("AGENTS.md", "three").unwrap();

        assert_eq!(workspace.text("AGENTS.md").unwrap().as_deref(), Some("three"));
        assert_eq!(workspace.file("AGENTS.md").found.unwrap().size, 5);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_link_out_of_the_workspace_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let secret = home.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let dir = home.path().join("w");
        fs::create_dir(&dir).unwrap();
        symlink(&secret, dir.join("SOUL.md")).unwrap();
        let workspace = workspace(&dir);

        assert_eq!(workspace.text("SOUL.md").unwrap(), None);
        assert_eq!(workspace.file("SOUL.md").found, None);
        workspace.set_text("SOUL.md", "mine").unwrap();

        assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
        assert_eq!(workspace.text("SOUL.md").unwrap().as_deref(), Some("mine"));
    }
}
