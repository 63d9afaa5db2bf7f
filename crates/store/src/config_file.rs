//! Writing the configuration file: atomic, private, with five backups.
//!
//! What the text says is `config`'s business.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{StoreError, atomic, bounded, error::At, private};

/// Backups kept: `.bak`, and `.bak.1` to this number.
const NUMBERED_BACKUPS: u32 = 4;

/// Writes `text` to `path`, with the old text kept as `.bak` and older ones shifted.
///
/// The file is for its owner only (0600), and so is a directory that has to be made (0700).
///
/// # Errors
///
/// [`StoreError`] with the path; the old file is then still whole.
pub fn write_config(path: &Path, text: &str) -> Result<(), StoreError> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        private::make_dir(dir)?;
    }
    // A configuration kept elsewhere behind a link stays a link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    rotate(&target)?;
    match atomic::write(&target, text.as_bytes()) {
        Err(StoreError::Io { source, .. })
            if matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::AlreadyExists
                    | io::ErrorKind::ResourceBusy
            ) =>
        {
            overwrite(&target, text)
        }
        done => done,
    }
}

/// Where the directory refuses renames (a file mounted alone into a container), the bytes go
/// into the file itself.
fn overwrite(path: &Path, text: &str) -> Result<(), StoreError> {
    let mut file = private::open_or_create(path, fs::OpenOptions::new().write(true).truncate(true))
        .at("open", path)?;
    io::Write::write_all(&mut file, text.as_bytes()).at("write", path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).at("protect", path)?;
    file.sync_all().at("sync", path)
}

fn rotate(path: &Path) -> Result<(), StoreError> {
    let Some(current) = bounded::read(path, bounded::LIST_BYTES_MAX)? else { return Ok(()) };
    for number in (0..NUMBERED_BACKUPS).rev() {
        // A gap in the row is normal at first, and a backup that cannot be shifted must not
        // stop the write.
        fs::rename(backup(path, number), backup(path, number + 1)).ok();
    }
    match atomic::write(&backup(path, 0), &current) {
        Err(full @ StoreError::Full { .. }) => Err(full),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn backup(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") });
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_writes_leave_the_newest_and_five_backups_in_order() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/openclaw.json");

        for n in 1..=7 {
            write_config(&path, &n.to_string()).unwrap();
        }

        let read = |name: &str| fs::read_to_string(path.with_file_name(name)).unwrap();
        let names = ["", ".bak", ".bak.1", ".bak.2", ".bak.3", ".bak.4"];
        let texts = names.map(|end| read(&format!("openclaw.json{end}")));
        assert_eq!(texts, ["7", "6", "5", "4", "3", "2"]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 6);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}
