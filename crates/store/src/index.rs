//! One `sessions.json`: the snapshot in memory, and its way to and from the disk.
//!
//! The file belongs to this process, but an old gateway or CLI may write it too. So a write
//! is: take the reference's lock, read again if the file is not the one we know, lay our
//! changes over it, replace it. Fields and entries that we cannot read are written back.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, Metadata},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{Clock, SessionId, UnixMillis};
use serde::Serialize;
use serde_json::Value;

use crate::{
    SessionEntry, StoreError, atomic,
    error::At,
    lock_file::{Kind, LockFile, lock},
    syncer::Dirty,
};

/// One index file.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) path: PathBuf,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Held while the file is replaced.
    writing: Mutex<()>,
    /// Whether the syncer knows that there is something to write.
    pub(crate) queued: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    slots: BTreeMap<Arc<str>, Slot>,
    /// Keys changed since the last write, with the change that did it.
    pending: HashMap<Arc<str>, u64>,
    changes: u64,
    /// The file that `slots` was read from or written to.
    known: Option<Stamp>,
    loaded: bool,
    /// The file's bytes, where they are not JSON; kept aside before they are replaced.
    damaged: Option<Vec<u8>>,
    /// Replaced file that is not on the disk yet.
    unsynced: Option<File>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Slot {
    Entry(Arc<SessionEntry>),
    /// A value that is no entry for us; kept as it is.
    Foreign(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// What a change meant to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A conversation began; the file must say so before anybody relies on it.
    Now,
    /// The next gathered write is early enough.
    Soon,
    /// Nothing is different.
    Never,
}

impl Index {
    pub(crate) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            path,
            clock,
            state: Mutex::default(),
            writing: Mutex::default(),
            queued: AtomicBool::new(false),
        }
    }

    /// The first of `keys` that has an entry.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<Arc<SessionEntry>> {
        let state = self.fresh();
        keys.iter().find_map(|key| state.entry(key))
    }

    /// All entries, by stored key.
    pub(crate) fn list(&self) -> Vec<(Arc<str>, Arc<SessionEntry>)> {
        let state = self.fresh();
        let entries = state.slots.iter().filter_map(|(key, slot)| match slot {
            Slot::Entry(entry) => Some((Arc::clone(key), Arc::clone(entry))),
            Slot::Foreign(_) => None,
        });
        entries.collect()
    }

    /// Changes the entry under the first of `keys`; older names of it go.
    pub(crate) fn update(
        &self,
        keys: &[&str],
        change: impl FnOnce(&mut SessionEntry),
    ) -> (Arc<SessionEntry>, Urgency) {
        let now = self.clock.now();
        let mut state = self.fresh();
        let found = keys.iter().find_map(|key| Some((*key, state.entry(key)?)));
        let stored_as_is = found.as_ref().is_some_and(|(key, _)| Some(key) == keys.first());
        let before = found.map(|(_, entry)| entry);
        let mut entry = before.as_deref().cloned().unwrap_or_else(|| SessionEntry::fresh(now));
        change(&mut entry);
        let mut urgency = Urgency::Now;
        if let Some(before) = &before {
            entry.updated_at = entry.updated_at.max(before.updated_at);
            if stored_as_is && **before == entry {
                return (Arc::clone(before), Urgency::Never);
            }
            if before.session_id == entry.session_id {
                urgency = Urgency::Soon;
            }
        }
        let entry = Arc::new(entry);
        let mut keys = keys.iter();
        if let Some(key) = keys.next() {
            state.put(key, Some(Slot::Entry(Arc::clone(&entry))));
        }
        for alias in keys {
            if state.slots.contains_key(*alias) {
                state.put(alias, None);
            }
        }
        (entry, urgency)
    }

    /// Forgets the entries under `keys`; returns the first.
    pub(crate) fn remove(&self, keys: &[&str]) -> Option<Arc<SessionEntry>> {
        let mut state = self.fresh();
        let found = keys.iter().find_map(|key| state.entry(key));
        for key in keys {
            if state.entry(key).is_some() {
                state.put(key, None);
            }
        }
        found
    }

    /// Replaces the file if anything changed; it survives this process then. Blocks.
    pub(crate) fn save(&self) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        if lock(&self.state).pending.is_empty() {
            return Ok(()); // Somebody else's save took our change along.
        }
        if let Some(dir) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).at("make directory", dir)?;
        }
        let _guard = LockFile::take(&self.path, Kind::Index, &*self.clock)?;
        let (slots, upto, damaged) = {
            let mut state = lock(&self.state);
            if state.known != stamp_of(&self.path)? {
                state.reload(&self.path)?;
            }
            (state.slots.clone(), state.changes, state.damaged.take())
        };
        if let Some(bytes) = damaged {
            let kept = atomic::keep_copy(&self.path, &bytes, self.clock.now())?;
            tracing::warn!(path = %self.path.display(), kept = %kept.display(),
                "the session index was not JSON; it is kept aside");
        }
        let text = serde_json::to_vec_pretty(&slots)
            .map_err(|error| StoreError::io("write", &self.path, error.into()))?;
        let file = atomic::replace(&self.path, &text)?;
        let stamp = file.metadata().at("look at", &self.path).map(|data| Stamp::of(&data))?;
        let mut state = lock(&self.state);
        state.known = Some(stamp);
        state.pending.retain(|_, change| *change > upto);
        state.unsynced = Some(file);
        Ok(())
    }

    /// The state, read from the disk if that is not what we know.
    fn fresh(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        match stamp_of(&self.path) {
            Ok(stamp) if state.loaded && state.known == stamp => {}
            Ok(_) => {
                if let Err(error) = state.reload(&self.path) {
                    tracing::error!(%error, "cannot read the session index");
                }
            }
            Err(error) => tracing::error!(%error, "cannot read the session index"),
        }
        state
    }
}

impl Dirty for Index {
    fn write_back(&self) -> Result<(), StoreError> {
        self.queued.store(false, Ordering::Release);
        self.save()?;
        let file = lock(&self.state).unsynced.take();
        if let Some(file) = file {
            file.sync_data().at("sync", &self.path)?;
            atomic::sync_dir_of(&self.path);
        }
        Ok(())
    }
}

impl State {
    fn entry(&self, key: &str) -> Option<Arc<SessionEntry>> {
        match self.slots.get(key)? {
            Slot::Entry(entry) => Some(Arc::clone(entry)),
            Slot::Foreign(_) => None,
        }
    }

    fn put(&mut self, key: &str, slot: Option<Slot>) {
        let key: Arc<str> = Arc::from(key);
        self.changes += 1;
        self.pending.insert(Arc::clone(&key), self.changes);
        match slot {
            Some(slot) => self.slots.insert(key, slot),
            None => self.slots.remove(&key),
        };
    }

    /// Reads the file and lays the changes over it that it does not have yet.
    fn reload(&mut self, path: &Path) -> Result<(), StoreError> {
        let (mut slots, known, damaged) = read(path)?;
        for key in self.pending.keys() {
            match (self.slots.get(key), slots.get(key)) {
                (Some(Slot::Entry(ours)), Some(Slot::Entry(theirs))) => {
                    let mut merged = SessionEntry::clone(ours);
                    merged.updated_at = merged.updated_at.max(theirs.updated_at);
                    slots.insert(Arc::clone(key), Slot::Entry(Arc::new(merged)));
                }
                (Some(ours), _) => {
                    slots.insert(Arc::clone(key), ours.clone());
                }
                (None, _) => {
                    slots.remove(key);
                }
            }
        }
        self.slots = slots;
        self.known = known;
        self.damaged = damaged;
        self.loaded = true;
        Ok(())
    }
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
        }
    }
}

fn stamp_of(path: &Path) -> Result<Option<Stamp>, StoreError> {
    match fs::metadata(path) {
        Ok(data) => Ok(Some(Stamp::of(&data))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path, error)),
    }
}

/// Slots, what the file is known by, and its bytes if they are not JSON.
type Read = (BTreeMap<Arc<str>, Slot>, Option<Stamp>, Option<Vec<u8>>);

fn read(path: &Path) -> Result<Read, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::default()),
        Err(error) => return Err(StoreError::io("read", path, error)),
    };
    let stamp = Stamp::of(&file.metadata().at("read", path)?);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes).at("read", path)?;
    let Some(Value::Object(fields)) = parse(&bytes) else {
        let damaged = !bytes.trim_ascii().is_empty();
        return Ok((BTreeMap::new(), Some(stamp), damaged.then_some(bytes)));
    };
    let slots = fields.into_iter().map(|(key, value)| {
        let slot = match SessionEntry::read(&value) {
            Some(entry) => Slot::Entry(Arc::new(entry)),
            None => Slot::Foreign(value),
        };
        (Arc::from(key), slot)
    });
    Ok((slots.collect(), Some(stamp), None))
}

/// The value of an index file; older programs wrote JSON5.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes)
        .ok()
        .or_else(|| json5::from_str(std::str::from_utf8(bytes).ok()?).ok())
}

/// Whether an id can be a file's stem without leading anywhere else.
pub(crate) fn is_file_stem(id: &SessionId) -> bool {
    let id = id.as_str();
    (1..=200).contains(&id.len())
        && !id.starts_with('.')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b))
}

/// Time as file names carry it: ISO 8601 with `-` for `:`.
pub(crate) fn file_time(now: UnixMillis) -> String {
    now.to_iso().replace(':', "-")
}
