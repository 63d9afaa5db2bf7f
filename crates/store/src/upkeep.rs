//! Looking after the state directory from outside: for `doctor`, `reset` and `uninstall`.
//!
//! What is to be done and whether a person agreed is theirs to know. Nothing here ever leaves
//! the directory it was given: links are removed, never followed.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{ffi::OsStringExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use held::{Dir, Emptied, Entry, Kind, Links};

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

/// Opens `path` as `options` say; where there is no file it is made, for its owner only.
///
/// # Errors
///
/// What the system says.
pub fn open_private(path: &Path, options: &mut fs::OpenOptions) -> io::Result<fs::File> {
    crate::private::open_or_create(path, options)
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
/// nothing that leads to it. `root` itself is only emptied. What tools have left there may be
/// deep, wide or locked, so it is taken apart without recursion.
///
/// # Errors
///
/// [`StoreError::Outside`] when `target` is elsewhere; else what the system says.
pub fn clear(root: &Path, target: &Path, keep: &[PathBuf]) -> Result<Cleared, StoreError> {
    let outside = || StoreError::Outside { path: target.display().to_string() };
    let real_root = fs::canonicalize(root).at("find", root)?;
    let parent = if target == root { None } else { target.parent() };
    let (above, name) = match (parent, target.file_name()) {
        (None, _) => (real_root.clone(), None),
        // A parent that is not there has nothing in it.
        (Some(parent), Some(name)) => match fs::canonicalize(parent) {
            Ok(parent) => (parent, Some(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Cleared::Absent),
            Err(error) => return Err(StoreError::io("find", parent, error)),
        },
        (Some(_), None) => return Err(outside()),
    };
    if !above.starts_with(&real_root) {
        return Err(outside());
    }
    let keep: Vec<PathBuf> = keep.iter().map(|path| real(path)).collect();
    let clearing = Clearing { keep: &keep, mounts: mounts() };
    let held = Dir::open(&above).at("open", &above)?;
    let Some(name) = name else {
        clearing.empty(&held, &above)?;
        return Ok(Cleared::Emptied);
    };
    let place = above.join(name);
    match held.kind(name).at("look at", &place)? {
        None => Ok(Cleared::Absent),
        Some(kind) => {
            let is_gone = clearing.remove(&held, &place, (name, kind))?;
            Ok(if is_gone { Cleared::Gone } else { Cleared::Emptied })
        }
    }
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// What must be gone round.
struct Clearing<'a> {
    keep: &'a [PathBuf],
    /// Where something is mounted: what is in it goes, the place itself cannot.
    mounts: Vec<PathBuf>,
}

impl Clearing<'_> {
    /// Removes what is in `dir`, which is at `path`; says whether nothing is left.
    fn empty(&self, dir: &Dir, path: &Path) -> Result<bool, StoreError> {
        let mut is_empty = true;
        let (entries, _) = dir.entries(usize::MAX).at("read", path)?;
        for Entry { name, kind } in entries {
            is_empty &= self.remove(dir, &path.join(&name), (&name, kind))?;
        }
        Ok(is_empty)
    }

    /// Removes `name` from `above`, which is at `path`; says whether it is gone. As deep as the
    /// way to what is kept, and no deeper, this recurses.
    fn remove(
        &self,
        above: &Dir,
        path: &Path,
        (name, kind): (&OsStr, Kind),
    ) -> Result<bool, StoreError> {
        if self.keep.iter().any(|kept| kept == path) {
            return Ok(false);
        }
        let mut stays = self.keep.iter().chain(&self.mounts);
        if kind != Kind::Dir || !stays.any(|kept| kept.starts_with(path)) {
            return match above.take_away(name, above, usize::MAX).at("remove", path)? {
                Emptied::Gone | Emptied::Absent => Ok(true),
                Emptied::Aside => {
                    let rest = path.with_file_name(held::TRASH);
                    let why = format!("not ours to remove; the rest is at `{}`", rest.display());
                    Err(StoreError::io("remove", path, io::Error::other(why)))
                }
            };
        }
        let dir = above.dir(name, Links::Refused).at("open", path)?;
        if !self.empty(&dir, path)? {
            return Ok(false);
        }
        match above.remove_empty_dir(name) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
            Err(error) => Err(StoreError::io("remove", path, error)),
        }
    }
}

/// Where something is mounted, as far as the kernel tells.
fn mounts() -> Vec<PathBuf> {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let places = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let place = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(OsString::from_vec(unescaped(place))))
    });
    places.collect()
}

/// `\040` and its like, as the kernel writes blanks in a path, become what they stand for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let code = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let code = code.and_then(|it| std::str::from_utf8(it).ok());
        if let Some(byte) = code.and_then(|it| u8::from_str_radix(it, 8).ok()) {
            out.push(byte);
            rest = &tail[3..];
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
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

    #[test]
    fn what_a_tool_has_locked_goes() {
        let root = tree(&["a/b/c/f"]);
        for path in ["a/b/c", "a/b", "a"] {
            fs::set_permissions(root.path().join(path), fs::Permissions::from_mode(0o0)).unwrap();
        }

        assert_eq!(clear(root.path(), &root.path().join("a"), &[]).unwrap(), Cleared::Gone);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn blanks_in_the_paths_of_mounts_are_read() {
        assert_eq!(unescaped(br"/a\040b\134"), br"/a b\");
        assert_eq!(unescaped(br"/a\9"), br"/a\9");
        assert!(mounts().contains(&PathBuf::from("/")));
    }
}
