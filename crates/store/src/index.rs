//! One `sessions.json`: the snapshot in memory, and its way to and from the disk.
//!
//! The file belongs to this process, but an old gateway or CLI may write it too. So a write
//! is: take the reference's lock, read again if the file is not the one we know, lay our
//! changes over it, replace it. Fields and entries that we cannot read are written back.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
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
    SessionEntry, StoreError, atomic, bounded,
    error::At,
    lock_file::{Kind, LockFile, lock},
    private,
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
    /// Whether the file was found unusable, and is to be replaced by what is known.
    pub(crate) broken: AtomicBool,
}

/// What an update came to.
#[derive(Debug)]
pub(crate) enum Updated {
    /// Nothing is different.
    Same(Arc<SessionEntry>),
    /// It is made, and is in the file soon.
    Made(Arc<SessionEntry>),
    /// It is to be committed.
    ToCommit(Ticket),
}

/// A change that waits to be committed.
#[derive(Debug)]
pub(crate) struct Ticket(u64);

/// A change of one entry.
#[derive(Clone, Debug)]
struct Change {
    /// The name it is stored under, and older names that go.
    keys: Vec<Arc<str>>,
    before: Option<Arc<SessionEntry>>,
    /// What was changed: `before`, or a fresh entry.
    base: Arc<SessionEntry>,
    /// `None`: it is forgotten.
    after: Option<Arc<SessionEntry>>,
}

#[derive(Debug, Default)]
struct State {
    /// Changes that wait for the file, by ticket, and those that are in it.
    staged: BTreeMap<u64, Change>,
    committed: HashMap<u64, Option<Arc<SessionEntry>>>,
    tickets: u64,
    slots: BTreeMap<Arc<str>, Slot>,
    /// Keys changed since the last write, with the change that did it.
    pending: HashMap<Arc<str>, u64>,
    changes: u64,
    /// The file that `slots` was read from or written to.
    known: Option<Stamp>,
    loaded: bool,
    /// Why the file cannot be used; it is set aside before it is replaced.
    damaged: Option<String>,
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

impl Index {
    pub(crate) fn new(path: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self {
            path,
            clock,
            state: Mutex::default(),
            writing: Mutex::default(),
            queued: AtomicBool::new(false),
            broken: AtomicBool::new(false),
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

    /// Changes the entry under the first of `keys`; older names of it go. A change that must be
    /// in the file first is only prepared: [`Self::commit`] makes it.
    pub(crate) fn update(
        &self,
        keys: &[&str],
        urgent: bool,
        change: impl FnOnce(&mut SessionEntry),
    ) -> Updated {
        let now = self.clock.now();
        let mut state = self.fresh();
        let staged = if urgent { state.latest(keys) } else { None };
        let is_staged = staged.is_some();
        let found = staged.or_else(|| keys.iter().find_map(|key| Some((*key, state.entry(key)?))));
        let stored_as_is = found.as_ref().is_some_and(|(key, _)| Some(key) == keys.first());
        let before = found.map(|(_, entry)| entry);
        let base = before.clone().unwrap_or_else(|| Arc::new(SessionEntry::fresh(now)));
        let mut entry = SessionEntry::clone(&base);
        change(&mut entry);
        let mut urgent = urgent;
        match &before {
            Some(before) => {
                entry.updated_at = entry.updated_at.max(before.updated_at);
                if stored_as_is && !is_staged && **before == entry {
                    return Updated::Same(Arc::clone(before));
                }
                urgent |= before.session_id != entry.session_id;
            }
            None => urgent = true,
        }
        let after = Arc::new(entry);
        let keys = keys.iter().map(|key| Arc::from(*key)).collect();
        let change = Change { keys, before, base, after: Some(Arc::clone(&after)) };
        if urgent {
            return Updated::ToCommit(state.stage(change));
        }
        change.make(&mut state);
        Updated::Made(after)
    }

    /// Prepares to forget the entries under `keys`; yields the first.
    pub(crate) fn removal(&self, keys: &[&str]) -> Option<(Arc<SessionEntry>, Ticket)> {
        let mut state = self.fresh();
        let before = keys.iter().find_map(|key| state.entry(key))?;
        let keys = keys.iter().map(|key| Arc::from(*key)).collect();
        let base = Arc::clone(&before);
        let change = Change { keys, before: Some(before), base: Arc::clone(&base), after: None };
        Some((base, state.stage(change)))
    }

    /// Makes a change that is in the file, and survives this process, when this returns. Nobody
    /// sees it before that, and nobody ever does if the file cannot be written. Blocks.
    ///
    /// Changes that wait for the file at the same time are written with one write.
    pub(crate) fn commit(
        &self,
        Ticket(ticket): Ticket,
    ) -> Result<Option<Arc<SessionEntry>>, StoreError> {
        let _writing = lock(&self.writing);
        if let Some(after) = lock(&self.state).committed.remove(&ticket) {
            return Ok(after); // Somebody else's write took our change along.
        }
        match self.write() {
            Ok(()) => Ok(lock(&self.state).committed.remove(&ticket).flatten()),
            Err(error) => {
                lock(&self.state).staged.remove(&ticket);
                Err(error)
            }
        }
    }

    /// Replaces the file if anything changed; it survives this process then. Blocks.
    pub(crate) fn save(&self) -> Result<(), StoreError> {
        let _writing = lock(&self.writing);
        if lock(&self.state).pending.is_empty() {
            return Ok(()); // Somebody else's save took our change along.
        }
        self.write()
    }

    /// Replaces the file. The caller has locked `writing`.
    fn write(&self) -> Result<(), StoreError> {
        if let Some(dir) = self.path.parent() {
            private::make_dir(dir)?;
        }
        let _guard = LockFile::take(&self.path, Kind::Index, &*self.clock)?;
        let (slots, upto, damaged, staged) = {
            let mut state = lock(&self.state);
            if state.known != stamp_of(&self.path)? {
                state.reload(&self.path)?;
            }
            let mut slots = state.slots.clone();
            let mut staged = state.staged.clone();
            for change in staged.values_mut() {
                change.rebase(change.current(&slots));
                change.apply(&mut slots);
            }
            (slots, state.changes, state.damaged.take(), staged)
        };
        if let Some(reason) = damaged {
            let kept = bounded::set_aside(&self.path)?;
            tracing::warn!(path = %self.path.display(), kept = %kept.display(), reason,
                "the session index cannot be used; it is kept aside");
        }
        let text = serde_json::to_vec_pretty(&slots)
            .map_err(|error| StoreError::io("write", &self.path, error.into()))?;
        let file = atomic::replace(&self.path, &text)?;
        let stamp = file.metadata().at("look at", &self.path).map(|data| Stamp::of(&data))?;
        let mut state = lock(&self.state);
        state.known = Some(stamp);
        state.pending.retain(|_, change| *change > upto);
        state.unsynced = Some(file);
        for (ticket, mut change) in staged {
            state.staged.remove(&ticket);
            let written = change.after.clone();
            let current = change.current(&state.slots);
            if change.is_of(current.as_ref()) {
                change.apply(&mut state.slots);
            } else {
                // It changed while the file was written: both changes go with the next write.
                change.rebase(current);
                change.make(&mut state);
            }
            state.committed.insert(ticket, change.after.or(written));
        }
        Ok(())
    }

    /// The state, read from the disk if that is not what we know.
    fn fresh(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        match stamp_of(&self.path) {
            Ok(stamp) if state.loaded && state.known == stamp => {}
            Ok(_) => match state.reload(&self.path) {
                Ok(()) if state.damaged.is_some() => self.broken.store(true, Ordering::Release),
                Ok(()) => {}
                Err(error) => tracing::error!(%error, "cannot read the session index"),
            },
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

impl Change {
    /// The entry that it changes, as it is in `slots`.
    fn current(&self, slots: &BTreeMap<Arc<str>, Slot>) -> Option<Arc<SessionEntry>> {
        self.keys.iter().find_map(|key| match slots.get(key)? {
            Slot::Entry(entry) => Some(Arc::clone(entry)),
            Slot::Foreign(_) => None,
        })
    }

    /// Whether it was made of `current`.
    fn is_of(&self, current: Option<&Arc<SessionEntry>>) -> bool {
        match (&self.before, current) {
            (Some(before), Some(current)) => Arc::ptr_eq(before, current),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Makes it a change of `current`: fields that it does not change are those of `current`.
    fn rebase(&mut self, current: Option<Arc<SessionEntry>>) {
        if self.is_of(current.as_ref()) {
            return;
        }
        if let (Some(after), Some(current)) = (&self.after, &current) {
            self.after = Some(Arc::new(current.with_changes(&self.base, after)));
        }
        self.before = current;
    }

    fn apply(&self, slots: &mut BTreeMap<Arc<str>, Slot>) {
        for key in &self.keys {
            slots.remove(key);
        }
        if let (Some(key), Some(after)) = (self.keys.first(), &self.after) {
            slots.insert(Arc::clone(key), Slot::Entry(Arc::clone(after)));
        }
    }

    /// Makes it at once; the file has it with the next write.
    fn make(&self, state: &mut State) {
        for (at, key) in self.keys.iter().enumerate() {
            match &self.after {
                Some(after) if at == 0 => state.put(key, Some(Slot::Entry(Arc::clone(after)))),
                Some(_) | None if state.entry(key).is_some() => state.put(key, None),
                Some(_) | None => {}
            }
        }
    }
}

impl State {
    fn entry(&self, key: &str) -> Option<Arc<SessionEntry>> {
        match self.slots.get(key)? {
            Slot::Entry(entry) => Some(Arc::clone(entry)),
            Slot::Foreign(_) => None,
        }
    }

    /// The entry that the latest change for `keys` makes which is not committed yet.
    fn latest<'a>(&self, keys: &[&'a str]) -> Option<(&'a str, Arc<SessionEntry>)> {
        let proper = *keys.first()?;
        let is_of = |change: &&Change| change.keys.first().is_some_and(|key| **key == *proper);
        let change = self.staged.values().rev().find(is_of)?;
        Some((proper, Arc::clone(change.after.as_ref()?)))
    }

    fn stage(&mut self, change: Change) -> Ticket {
        self.tickets += 1;
        self.staged.insert(self.tickets, change);
        Ticket(self.tickets)
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

    /// Reads the file and lays the changes over it that it does not have yet. A file that cannot
    /// be used takes nothing away that is known already.
    fn reload(&mut self, path: &Path) -> Result<(), StoreError> {
        let (mut slots, known, damaged) = read(path)?;
        if damaged.is_some() && self.loaded {
            self.changes += 1;
            let kept = self.slots.keys().map(|key| (Arc::clone(key), self.changes));
            self.pending.extend(kept.collect::<Vec<_>>());
        }
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

/// Slots, what the file is known by, and why it cannot be used.
type Read = (BTreeMap<Arc<str>, Slot>, Option<Stamp>, Option<String>);

fn read(path: &Path) -> Result<Read, StoreError> {
    let unusable = |error: StoreError| {
        if error.is_of_content() {
            Ok((BTreeMap::new(), stamp_of(path)?, Some(error.to_string())))
        } else {
            Err(error)
        }
    };
    let file = match bounded::open(path, bounded::INDEX_BYTES_MAX) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(Read::default()),
        Err(error) => return unusable(error),
    };
    let stamp = Stamp::of(&file.metadata().at("read", path)?);
    let bytes = match bounded::read_all(file, path, bounded::INDEX_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) => return unusable(error),
    };
    let Some(Value::Object(fields)) = bounded::json5(&bytes) else {
        let damaged = !bytes.trim_ascii().is_empty();
        return Ok((BTreeMap::new(), Some(stamp), damaged.then(|| "no JSON object".to_owned())));
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
