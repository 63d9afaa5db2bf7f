//! Lock files beside a file, as the reference makes them and honours them.
//!
//! They guard against an old gateway or CLI on the same directory. Against a second one of
//! ours the whole state directory is locked (`state_lock`), so a lock file that bears our
//! mark and is not held in this process was left by a process that died.

use std::{
    collections::HashMap,
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use domain::{Clock, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{StoreError, error::At, private};

const MARK: &str = "openclaw-rust";
const PATIENCE: Duration = Duration::from_secs(10);
/// A lock file is empty for an instant while it is made; for longer only after a crash.
const EMPTY_STALE_MS: u64 = 2_000;

/// Which of the reference's two kinds of lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of an index: short, and stale after half a minute.
    Index,
    /// Of a transcript: held for a whole turn, stale after half an hour.
    Transcript,
}

/// A lock that is held until dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    text: String,
    /// Serialises taking and leaving of one path in this process.
    gate: Option<Arc<Gate>>,
}

/// The locks that this process holds on transcripts, so that it may open one twice.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    gates: Mutex<HashMap<PathBuf, Arc<Gate>>>,
}

/// One path of [`Locks`].
#[derive(Debug, Default)]
pub(crate) struct Gate {
    held: Mutex<Weak<LockFile>>,
    /// Taken around "look at the end, then append", which must be one step in this process.
    pub(crate) appending: Mutex<()>,
}

/// A share of a transcript's lock; the file goes with the last one.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    // Dropped before the gate that its drop needs.
    _lock: Arc<LockFile>,
    pub(crate) gate: Arc<Gate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    pid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl Locks {
    /// Takes the lock of the transcript at `path`, or shares it if this process has it.
    /// Blocks for up to ten seconds.
    pub(crate) fn share(&self, path: &Path, clock: &dyn Clock) -> Result<Share, StoreError> {
        let gate = {
            let mut gates = lock(&self.gates);
            gates.retain(|_, gate| {
                Arc::strong_count(gate) > 1 || lock(&gate.held).strong_count() > 0
            });
            Arc::clone(gates.entry(path.to_owned()).or_default())
        };
        let mut held = lock(&gate.held);
        if let Some(shared) = held.upgrade() {
            drop(held);
            return Ok(Share { _lock: shared, gate });
        }
        let mut taken = LockFile::take(path, Kind::Transcript, clock)?;
        taken.gate = Some(Arc::clone(&gate));
        let taken = Arc::new(taken);
        *held = Arc::downgrade(&taken);
        drop(held);
        Ok(Share { _lock: taken, gate })
    }
}

impl LockFile {
    /// Makes `<guarded>.lock`. Blocks for up to ten seconds while another process has it.
    pub(crate) fn take(guarded: &Path, kind: Kind, clock: &dyn Clock) -> Result<Self, StoreError> {
        let mut name = guarded.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let text = claim(kind, clock.now());
        let mut waited = Duration::ZERO;
        for attempt in 1.. {
            match make(&path, &text) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("create", &path, error)),
            }
            let found = fs::read_to_string(&path).unwrap_or_default();
            if is_stale(&path, &found, kind, clock.now()) {
                discard(&path, &found);
                continue;
            }
            if waited >= PATIENCE {
                let pid = serde_json::from_str::<Claim>(&found).ok().map(|claim| claim.pid);
                return Err(StoreError::Busy { path: path.display().to_string(), pid });
            }
            let pause = match kind {
                Kind::Index => Duration::from_millis(25),
                Kind::Transcript => Duration::from_millis(50 * attempt).min(Duration::from_secs(1)),
            };
            thread::sleep(pause);
            waited += pause;
        }
        Ok(Self { path, text, gate: None })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        let _held = self.gate.as_ref().map(|gate| lock(&gate.held));
        // Someone may have found us stale and taken over.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private::create_new(path, fs::OpenOptions::new().write(true))?;
    let written = file.write_all(text.as_bytes());
    if written.is_err() {
        fs::remove_file(path).ok();
    }
    written
}

fn claim(kind: Kind, now: UnixMillis) -> String {
    let claim = Claim {
        pid: std::process::id(),
        started_at: (kind == Kind::Index).then_some(now.0),
        created_at: (kind == Kind::Transcript).then(|| now.to_iso()),
        program: Some(MARK.to_owned()),
        nonce: Some(uuid::Uuid::new_v4().to_string()),
    };
    serde_json::to_string(&claim).unwrap_or_default()
}

fn is_stale(path: &Path, text: &str, kind: Kind, now: UnixMillis) -> bool {
    let limit_ms = match kind {
        Kind::Index => 30_000,
        Kind::Transcript => 30 * 60_000,
    };
    let Ok(claim) = serde_json::from_str::<Claim>(text) else {
        return age_ms(path).is_some_and(|age| age > EMPTY_STALE_MS);
    };
    // A mark of ours, or our own pid, is left over: in this process nobody else holds it.
    if claim.program.as_deref() == Some(MARK) || claim.pid == std::process::id() {
        return true;
    }
    let made = claim.started_at.map(UnixMillis).or_else(|| {
        let made: jiff::Timestamp = claim.created_at.as_deref()?.parse().ok()?;
        Some(UnixMillis(made.as_millisecond()))
    });
    !is_alive(claim.pid) || made.is_some_and(|made| now.since(made) > limit_ms)
}

fn age_ms(path: &Path) -> Option<u64> {
    let age = fs::metadata(path).ok()?.modified().ok()?.elapsed().ok()?;
    u64::try_from(age.as_millis()).ok()
}

/// Who made the lock at `path`, and whether they are gone; `None` when it is no lock of ours or
/// of the reference.
pub(crate) fn claimant(path: &Path) -> Option<(Option<u32>, bool)> {
    if !path.is_file() {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    if let Ok(claim) = serde_json::from_str::<Claim>(&text) {
        return Some((Some(claim.pid), !is_alive(claim.pid)));
    }
    let is_old = age_ms(path).is_some_and(|age| age > EMPTY_STALE_MS);
    text.trim().is_empty().then_some((None, is_old))
}

fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else {
        return false;
    };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Removes the stale lock that said `text`, and no other that took its place meanwhile.
fn discard(path: &Path, text: &str) {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.stale", uuid::Uuid::new_v4()));
    let aside = PathBuf::from(aside);
    if fs::rename(path, &aside).is_err() {
        return;
    }
    if fs::read_to_string(&aside).is_ok_and(|found| found != text) {
        fs::hard_link(&aside, path).ok();
    }
    fs::remove_file(&aside).ok();
}

/// The reference locks some files by a directory of that name; this is its form.
#[derive(Debug)]
pub(crate) struct LockDir(PathBuf);

impl LockDir {
    /// Makes the directory `<guarded>.lock`; one untouched for half a minute is stale.
    pub(crate) fn take(guarded: &Path) -> Result<Self, StoreError> {
        let mut name = guarded.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let pause = Duration::from_millis(25);
        let mut waited = Duration::ZERO;
        loop {
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).at("create", &path),
            }
            if age_ms(&path).is_some_and(|age| age > 30_000) {
                fs::remove_dir(&path).at("remove", &path)?;
                continue;
            }
            if waited >= PATIENCE {
                return Err(StoreError::Busy { path: path.display().to_string(), pid: None });
            }
            thread::sleep(pause);
            waited += pause;
        }
    }
}

impl Drop for LockDir {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).ok();
    }
}

/// A panic elsewhere leaves our small states whole, so its poison is of no interest.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use domain::SystemClock;

    use super::*;

    fn exists(path: &Path) -> bool {
        path.with_extension("jsonl.lock").exists()
    }

    #[test]
    fn a_transcript_is_shared_in_one_process_and_freed_with_the_last_share() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s.jsonl");
        let locks = Locks::default();

        let one = locks.share(&path, &SystemClock).unwrap();
        let two = locks.share(&path, &SystemClock).unwrap();

        drop(one);
        assert!(exists(&path));
        drop(two);
        assert!(!exists(&path));
    }

    #[test]
    fn a_lock_of_a_dead_process_and_an_old_one_of_a_live_process_are_taken_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s.jsonl");
        let lock_path = home.path().join("s.jsonl.lock");
        let now = SystemClock.now();
        let old = UnixMillis(now.0 - 31 * 60_000).to_iso();
        let claims = [
            format!(r#"{{"pid":4000000,"createdAt":"{}"}}"#, now.to_iso()),
            format!(r#"{{"pid":1,"createdAt":"{old}"}}"#),
            format!(r#"{{"pid":1,"createdAt":"{}","program":"{MARK}"}}"#, now.to_iso()),
        ];

        for claim in claims {
            fs::write(&lock_path, claim).unwrap();
            drop(LockFile::take(&path, Kind::Transcript, &SystemClock).unwrap());
            assert!(!lock_path.exists());
        }
    }

    #[test]
    fn a_fresh_lock_of_a_live_stranger_is_not_stale() {
        let home = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let claim = format!(r#"{{"pid":1,"startedAt":{}}}"#, now.0);

        assert!(!is_stale(home.path(), &claim, Kind::Index, now));
        assert!(is_stale(home.path(), &claim, Kind::Index, UnixMillis(now.0 + 30_001)));
    }
}
