//! Opens a path that must not leave a directory.
//!
//! The kernel does it where it can (`openat2`). The walk is for kernels, emulations and container
//! profiles without that call: it opens one component after the other and follows no link by
//! itself, so that nothing swapped in meanwhile can lead it outside.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Component, Path},
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, readlinkat},
    io::Errno,
};

/// Links that one path may lead over, as in the kernel.
pub const LINKS_MAX: usize = 40;

/// Tries of the kernel's way while other processes rename directories meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// Which links in a path are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Relative ones that stay in the directory.
    Inside,
    /// None.
    Refused,
}

/// Opens `path`, relative to `root`, for what `flags` say.
///
/// # Errors
///
/// `EXDEV` when the path or a link in it leaves `root`; absolute links do, always. `ELOOP` for a
/// link where none is followed.
pub fn open_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if links == Links::Refused {
        resolve |= ResolveFlags::NO_SYMLINKS;
    }
    for _ in 0..ATTEMPTS_MAX {
        match openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            Err(Errno::NOSYS | Errno::PERM) => break,
            outcome => return outcome,
        }
    }
    walk(root, path, flags, links)
}

/// As [`open_beneath`], without the kernel's help.
pub(crate) fn walk(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    links: Links,
) -> Result<OwnedFd, Errno> {
    let mut todo = components(path)?;
    let bytes = path.as_os_str().as_bytes();
    let names_a_dir = bytes.ends_with(b"/") || bytes.ends_with(b"/.");
    let flags = if names_a_dir { flags | OFlags::DIRECTORY } else { flags };
    let mut dirs: Vec<OwnedFd> = Vec::new();
    let mut followed = 0;
    while let Some(name) = todo.pop_front() {
        if name == ".." {
            dirs.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let top = dirs.last().map_or(root, AsFd::as_fd);
        let here =
            openat(top, &name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let kind = FileType::from_raw_mode(fstat(&here)?.st_mode);
        let is_last = todo.is_empty();
        if kind == FileType::Symlink && !(is_last && flags.contains(OFlags::NOFOLLOW)) {
            followed += 1;
            if followed > LINKS_MAX || links == Links::Refused {
                return Err(Errno::LOOP);
            }
            let target = readlinkat(&here, "", Vec::new())?;
            let mut ahead = components(Path::new(OsStr::from_bytes(target.as_bytes())))?;
            ahead.append(&mut todo);
            todo = ahead;
        } else if is_last {
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return openat(top, &name, flags, Mode::empty());
        } else if kind == FileType::Directory {
            dirs.push(here);
        } else {
            return Err(Errno::NOTDIR);
        }
    }
    let top = dirs.last().map_or(root, AsFd::as_fd);
    openat(top, ".", flags | OFlags::CLOEXEC, Mode::empty())
}

fn components(path: &Path) -> Result<VecDeque<OsString>, Errno> {
    path.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| match component {
            Component::Normal(name) => Ok(name.to_owned()),
            Component::ParentDir => Ok(OsString::from("..")),
            Component::RootDir | Component::Prefix(_) | Component::CurDir => Err(Errno::XDEV),
        })
        .collect()
}

#[cfg(test)]
mod tests;
