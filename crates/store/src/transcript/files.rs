//! The open files of transcripts: few enough that others can be opened beside them.
//!
//! A transcript whose file was closed for another opens it again with its next line.

use std::sync::{
    Arc, Mutex, OnceLock, Weak,
    atomic::{AtomicU64, Ordering},
};

use super::Appended;
use crate::lock_file::lock;

/// The part of the system's limit on open files that is for transcripts.
const SHARE: u64 = 4;

/// Most files of transcripts that are open, whatever the system allows.
const FILES_MAX: usize = 4096;

/// The files that are open now. The one that was used longest ago is closed for another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    max: OnceLock<usize>,
    uses: AtomicU64,
    slots: Mutex<Vec<Weak<Slot>>>,
}

/// The place of one transcript's file.
#[derive(Debug, Default)]
pub(super) struct Slot {
    file: Mutex<Option<Arc<Appended>>>,
    used: AtomicU64,
}

impl Files {
    /// The file in `slot`, unless it was closed for another.
    pub(super) fn of(&self, slot: &Slot) -> Option<Arc<Appended>> {
        slot.used.store(self.0.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        lock(&slot.file).clone()
    }

    /// Puts an open file into `slot`, and closes others if there are too many.
    pub(super) fn put(&self, slot: &Arc<Slot>, file: Arc<Appended>) {
        slot.used.store(self.0.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let is_new = lock(&slot.file).replace(file).is_none();
        if !is_new {
            return;
        }
        let max = *self.0.max.get_or_init(most);
        let mut slots = lock(&self.0.slots);
        slots.push(Arc::downgrade(slot));
        if slots.len() <= max {
            return;
        }
        let mut open: Vec<Arc<Slot>> = slots.iter().filter_map(Weak::upgrade).collect();
        open.retain(|it| lock(&it.file).is_some());
        open.sort_by_key(|it| it.used.load(Ordering::Relaxed));
        // A tenth more at once, so that not every opening looks through all.
        let spare = max / 10;
        let excess = if open.len() > max { open.len() - max + spare } else { 0 };
        for old in open.drain(..excess.min(open.len().saturating_sub(1))) {
            lock(&old.file).take();
        }
        *slots = open.iter().map(Arc::downgrade).collect();
    }
}

fn most() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let share =
        limit.map_or(FILES_MAX, |limit| usize::try_from(limit / SHARE).unwrap_or(FILES_MAX));
    share.clamp(16, FILES_MAX)
}
