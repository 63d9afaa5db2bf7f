//! Places of the operator that may lie within directories that sandboxes write to.
//!
//! The way to such a place is walked from the root, step by step. Links are the operator's and
//! followed until the way comes into an *exposed* directory; below that none is, for a sandbox
//! may have put it there.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::MetadataExt},
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat};

use crate::{
    beneath::{LINKS_MAX, Links},
    dir::Dir,
};

/// How each step of a way is opened: a link is the link itself.
const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What was found at the end of a way, held.
#[derive(Debug)]
pub struct Spot {
    fd: OwnedFd,
    stat: Stat,
    /// Whether a sandbox may put something else at its path.
    pub is_exposed: bool,
}

/// Why a place cannot be held.
#[derive(Debug)]
pub struct Unheld {
    /// What the system says, or which rule stands against it.
    pub why: io::Error,
    /// Whether the way had come into an exposed directory.
    pub is_exposed: bool,
}

impl Spot {
    /// Finds what is at `path`, and whether the way leads through one of the `exposed`
    /// directories.
    ///
    /// # Errors
    ///
    /// [`Unheld`].
    pub fn find(path: &Path, exposed: &[PathBuf]) -> Result<Self, Unheld> {
        let mut way = Way { exposed: identities(exposed), is_exposed: false };
        match way.walk(path) {
            Ok((fd, stat)) => Ok(Self { fd, stat, is_exposed: way.is_exposed }),
            Err(why) => Err(Unheld { why, is_exposed: way.is_exposed }),
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        is(&self.stat, FileType::Directory)
    }

    /// The directory that it is.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn into_dir(self) -> io::Result<Dir> {
        Ok(Dir::of(self.fd)?)
    }
}

impl Dir {
    /// Holds the directory at `path`, found as by [`Spot::find`].
    ///
    /// # Errors
    ///
    /// [`Unheld`]; a link below an exposed directory is refused.
    pub fn find(path: &Path, exposed: &[PathBuf]) -> Result<Self, Unheld> {
        let spot = Spot::find(path, exposed)?;
        let is_exposed = spot.is_exposed;
        spot.into_dir().map_err(|why| Unheld { why, is_exposed })
    }
}

/// Makes the directory at `path`, which is the operator's, and those above it that are missing,
/// with exactly these permission bits, whatever our umask.
///
/// # Errors
///
/// What the system says.
pub fn make_dirs(path: &Path, mode: u32) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut there = Err(io::ErrorKind::NotFound.into());
    for place in path.ancestors() {
        there = Dir::open(place);
        match &there {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(place.file_name().ok_or(io::ErrorKind::NotFound)?);
            }
            Ok(_) | Err(_) => break,
        }
    }
    let mut held = there?;
    for name in missing.into_iter().rev() {
        held = match held.make_dir(name, mode) {
            // Somebody else was faster; the operator may have a link there, too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                held.dir(name, Links::Inside)?
            }
            outcome => outcome?,
        };
    }
    Ok(())
}

/// A way from the root to a place.
struct Way {
    /// Identities of the exposed directories.
    exposed: Vec<(u64, u64)>,
    is_exposed: bool,
}

impl Way {
    fn walk(&mut self, path: &Path) -> io::Result<(OwnedFd, Stat)> {
        let root = || open("/", STEP, Mode::empty());
        let (mut at, mut ahead, mut links) = (root()?, steps(path), 0);
        let mut stat = fstat(&at)?;
        while let Some(name) = ahead.pop_front() {
            self.is_exposed |= self.exposed.contains(&(stat.st_dev, stat.st_ino));
            let next = openat(&at, &name, STEP, Mode::empty())?;
            let there = fstat(&next)?;
            if !is(&there, FileType::Symlink) {
                if self.is_exposed && name == ".." {
                    return Err(io::Error::other("`..` below a directory that sandboxes write to"));
                }
                (at, stat) = (next, there);
                continue;
            }
            if self.is_exposed {
                return Err(io::Error::other("a link, which may be a sandbox's doing: remove it"));
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(rustix::io::Errno::LOOP.into());
            }
            let target = readlinkat(&next, "", Vec::new())?;
            let target = Path::new(OsStr::from_bytes(target.as_bytes()));
            if target.is_absolute() {
                at = root()?;
                stat = fstat(&at)?;
            }
            let mut first = steps(target);
            first.append(&mut ahead);
            ahead = first;
        }
        Ok((at, stat))
    }
}

/// The names on the way; the root is where it starts.
fn steps(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::Prefix(_) | Component::CurDir => None,
        })
        .collect()
}

fn identities(dirs: &[PathBuf]) -> Vec<(u64, u64)> {
    let found = dirs.iter().filter_map(|dir| fs::metadata(dir).ok());
    found.map(|it| (it.dev(), it.ino())).collect()
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

#[cfg(test)]
mod tests {
    use std::{fs::DirBuilder, os::unix::fs::symlink};

    use super::*;

    fn make(dir: &Path) {
        DirBuilder::new().recursive(true).create(dir).unwrap();
    }

    #[test]
    fn the_operator_s_links_are_followed_and_a_sandbox_s_are_not() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        make(&real.join("ws/data"));
        symlink(&real, &link).unwrap();
        let exposed = [link.join("ws")];

        let workspace = Spot::find(&link.join("ws"), &exposed).unwrap();
        let data = Spot::find(&link.join("ws/data"), &exposed).unwrap();
        symlink("data", real.join("ws/alias")).unwrap();
        let alias = Spot::find(&link.join("ws/alias"), &exposed).unwrap_err();
        let up = Spot::find(&link.join("ws/data/../data"), &exposed).unwrap_err();
        let gone = Spot::find(&link.join("ws/gone"), &exposed).unwrap_err();

        assert!(!workspace.is_exposed && workspace.is_dir());
        assert!(data.is_exposed && data.is_dir());
        assert!(alias.is_exposed && alias.why.to_string().contains("a link"), "{alias:?}");
        assert!(up.is_exposed && up.why.to_string().contains(".."), "{up:?}");
        assert!(gone.is_exposed && gone.why.kind() == io::ErrorKind::NotFound, "{gone:?}");
        assert!(!Spot::find(&real.join("gone"), &exposed).unwrap_err().is_exposed);
    }

    #[test]
    fn a_link_that_leads_into_an_exposed_directory_does_not_hide_it() {
        let home = tempfile::tempdir().unwrap();
        make(&home.path().join("ws/data"));
        symlink(home.path().join("ws/data"), home.path().join("short")).unwrap();

        let found = Spot::find(&home.path().join("short"), &[home.path().join("ws")]).unwrap();

        assert!(found.is_exposed);
    }

    #[test]
    fn what_is_put_goes_to_what_was_opened_and_not_to_what_took_its_place() {
        let home = tempfile::tempdir().unwrap();
        let (ours, theirs) = (home.path().join("ours"), home.path().join("theirs"));
        make(&ours);
        make(&theirs);
        let held = Dir::find(&ours, &[home.path().to_owned()]).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test swaps directories")]
        fs::rename(&ours, home.path().join("old")).unwrap();
        symlink(&theirs, &ours).unwrap();

        held.create("marker", b"x", (0o644, None)).unwrap();

        assert!(home.path().join("old/marker").exists() && !theirs.join("marker").exists());
        assert!(held.path().join("marker").exists());
        held.remove_file("marker").unwrap();
        assert!(!home.path().join("old/marker").exists());
    }
}
