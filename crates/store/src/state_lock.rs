//! The lock of the whole state directory: one process at a time.
//!
//! A kernel lock on a file that also holds the owner's pid, so it goes with the process,
//! however that ends, and works between containers that share the directory.

use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, test_kill_process},
};

use crate::{OpenError, StoreError, private};

const NAME: &str = "state.lock";

/// How often, and after which pauses, the lock of a killed process is tried again: children
/// that it was just starting still hold it until they are under way.
const TRIES_MAX: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// The state directory is ours while this lives.
#[derive(Debug)]
pub(crate) struct StateLock(File);

impl StateLock {
    pub(crate) fn take(state_dir: &Path) -> Result<Self, OpenError> {
        let path = state_dir.join(NAME);
        let mut options = fs::OpenOptions::new();
        let mut file = private::open_or_create(&path, options.read(true).write(true))
            .map_err(|error| explain("write", &path, error))?;
        for tries in 1.. {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let pid = owner(&mut file);
                    if tries < TRIES_MAX && pid.is_some_and(is_gone) {
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                    return Err(OpenError::Locked { path: state_dir.display().to_string(), pid });
                }
                Err(errno) => return Err(explain("lock", &path, errno.into())),
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| explain("write", &path, error))?;
        Ok(Self(file))
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // The file stays, since removing it would race with the next owner.
        self.0.set_len(0).ok();
    }
}

/// The process that has `state_dir` open for itself, if one has.
///
/// A name that a killed process left behind does not count.
pub fn lock_holder(state_dir: &Path) -> Option<u32> {
    let mut file = File::open(state_dir.join(NAME)).ok()?;
    let pid = owner(&mut file)?;
    let is_held = flock(&file, FlockOperation::NonBlockingLockShared).is_err();
    is_held.then_some(pid)
}

/// The process that wrote its name into the lock file.
fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_gone(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Makes a directory and its parents for their owner only.
pub(crate) fn make_dir(path: &Path) -> Result<(), OpenError> {
    private::try_make_dir(path).map_err(|error| explain("make directory", path, error))
}

/// Says who owns what we may not touch, and what to do about it.
pub(crate) fn explain(verb: &'static str, path: &Path, source: std::io::Error) -> OpenError {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    if !matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem) {
        return StoreError::io(verb, path, source).into();
    }
    let ours = rustix::process::geteuid().as_raw();
    // The culprit is the nearest thing that exists: the file, or a directory above it.
    let culprit = path.ancestors().find_map(|at| Some((at, fs::metadata(at).ok()?.uid())));
    let (at, owner) = culprit.unwrap_or((path, ours));
    let fix = if source.kind() == ReadOnlyFilesystem {
        "mount it writable, or set OPENCLAW_STATE_DIR to another directory".to_owned()
    } else if owner == ours {
        format!("run `chmod -R u+rwX '{}'`", at.display())
    } else {
        format!("run `sudo chown -R {ours} '{}'`, or start as uid {owner}", at.display())
    };
    OpenError::Unusable { verb, path: path.display().to_string(), owner, ours, fix, source }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::io::{FdFlags, fcntl_setfd};

    use super::*;

    /// A child that got hold of the lock before it was under way, as when its parent is killed
    /// just after the fork; it ends when its standard input does.
    fn orphan_with_the_lock(path: &Path) -> std::process::Child {
        let file = File::options().write(true).create_new(true).open(path).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn the_lock_of_a_killed_process_is_taken_once_its_children_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let mut orphan = orphan_with_the_lock(&path);
        fs::write(&path, gone.id().to_string()).unwrap();

        let held = lock_holder(dir.path());
        let taking = std::thread::scope(|scope| {
            let taking = scope.spawn(|| StateLock::take(dir.path()));
            drop(orphan.stdin.take());
            orphan.wait().unwrap();
            taking.join().unwrap()
        });

        assert_eq!(held, Some(gone.id()));
        assert!(taking.is_ok(), "{taking:?}");
    }
}
