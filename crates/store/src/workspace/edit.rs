//! Files of a workspace, as a person sees and changes them from afar.
//!
//! The caller names only files that have a meaning to us. A tool may write in the workspace at the
//! same time, so nothing is followed that leads out of it.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use domain::UnixMillis;

use super::{FILE_BYTES_MAX, Workspace};
use crate::{StoreError, atomic, error::At};

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
        let path = self.dir.join(name);
        let found = self.inside(name).and_then(|path| fs::metadata(path).ok());
        let found = found.filter(fs::Metadata::is_file).map(|data| FileFacts {
            size: data.size(),
            changed: UnixMillis(data.mtime() * 1000 + data.mtime_nsec() / 1_000_000),
        });
        WorkspaceFile { name: name.to_owned(), path, found }
    }

    /// What the file called `name` says; `None` when it is not there or leads elsewhere.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be read or is larger than 4 MiB.
    pub fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Some(path) = self.inside(name) else { return Ok(None) };
        let length = fs::metadata(&path).at("read", &path)?.len();
        if length > FILE_BYTES_MAX {
            let error = io::Error::other(format!("{length} bytes are too many to edit"));
            return Err(StoreError::io("read", &path, error));
        }
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened = fs::OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
            .open(&path);
        let bytes = opened.and_then(|mut file| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut file, &mut bytes)?;
            Ok(bytes)
        });
        let bytes = bytes.at("read", &path)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Replaces the file called `name`, made with its workspace when absent. A link is followed
    /// within the workspace; one that leads out of it is replaced itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it cannot be written.
    pub fn set_text(&self, name: &str, text: &str) -> Result<(), StoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .at("make directory", &self.dir)?;
        let path = self.inside(name).unwrap_or_else(|| self.dir.join(name));
        let mode = fs::metadata(&path).ok().map(|data| data.permissions().mode() & 0o777);
        atomic::write(&path, text.as_bytes())?;
        if let Some(mode) = mode {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).at("protect", &path)?;
        }
        Ok(())
    }

    /// The real path of a file that is there and within the workspace.
    fn inside(&self, name: &str) -> Option<PathBuf> {
        let real = fs::canonicalize(self.dir.join(name)).ok()?;
        real.starts_with(fs::canonicalize(&self.dir).ok()?).then_some(real)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, path::Path, sync::Arc};

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
