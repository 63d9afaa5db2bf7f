//! `queue/backlog.jsonl`: what was acknowledged and is in no transcript yet.
//!
//! A message that waits for its turn, or a note that waits for the next message, is added with
//! one write before it is acknowledged, so that it survives the death of this process at once
//! and a power cut 100 ms later. It is marked as done after it is in the transcript, whose line
//! names it: an item that is in both is not taken up twice.
//!
//! ```text
//! {"put":{"id":"run-1","session":"agent:main:main","kind":"message","body":{…}}}
//! {"done":["run-1"]}
//! ```
//!
//! The file is emptied when nothing waits, and rewritten when most of it is done with.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::SessionKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    SessionEntry, Sessions, StoreError, atomic, bounded,
    error::At,
    lock_file::lock,
    private,
    store::blocking,
    syncer::{Dirty, Syncer},
};

/// Most bytes that wait. One more message is refused.
const BYTES_MAX: u64 = 64 << 20;

/// Bytes of finished items above which the file is rewritten, if they are most of it.
const FINISHED_BYTES_MAX: u64 = 1 << 20;

/// The field of a transcript's line that names the items it came from.
pub(crate) const TAKEN: &str = "queuedIds";

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacklogItem {
    /// Its id: of a message, that of its turn.
    pub id: String,
    /// The conversation that it waits for.
    pub session: SessionKey,
    /// What it is; the writer's word.
    pub kind: String,
    /// The rest; the writer's form.
    pub body: Value,
}

/// The file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backlog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    syncer: Syncer,
    queued: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Absent until the first item waits.
    file: Option<Arc<File>>,
    /// Where the file ends.
    end: u64,
    /// Where the lines of waiting items are.
    waiting: HashMap<String, Span>,
    /// Bytes of those lines.
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    begin: u64,
    bytes: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Put(BacklogItem),
    Done(Vec<String>),
}

impl Backlog {
    /// Opens the file of this state directory; yields what waits, oldest first. A line that a
    /// power cut left half written is dropped; a file that cannot be used is set aside. Blocks.
    pub(crate) fn open(
        state_dir: &Path,
        syncer: Syncer,
    ) -> Result<(Self, Vec<BacklogItem>), StoreError> {
        let path = state_dir.join("queue/backlog.jsonl");
        let bytes = match bounded::read(&path, 4 * BYTES_MAX) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if error.is_of_content() => {
                let kept = bounded::set_aside(&path)?;
                tracing::warn!(kept = %kept.display(), %error,
                    "the queue's file cannot be used; it is kept aside");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let items = parse(&bytes);
        let inner = Inner { path, syncer, queued: AtomicBool::new(false), state: Mutex::default() };
        let backlog = Self(Arc::new(inner));
        if !bytes.is_empty() {
            backlog.0.rewrite(&mut lock(&backlog.0.state), &items)?;
        }
        Ok((backlog, items))
    }

    /// Adds an item. It survives this process when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] for a full disk and [`StoreError::TooLarge`] when too much waits;
    /// nothing of the item is in the file then.
    pub fn put(&self, item: &BacklogItem) -> Result<(), StoreError> {
        let mut state = lock(&self.0.state);
        let mut text = serde_json::to_vec(&Line::Put(item.clone()))
            .map_err(|error| StoreError::io("write", &self.0.path, error.into()))?;
        text.push(b'\n');
        let bytes = text.len() as u64;
        if state.bytes + bytes > BYTES_MAX {
            let path = self.0.path.display().to_string();
            return Err(StoreError::TooLarge { path, bytes_max: BYTES_MAX });
        }
        let begin = state.end;
        self.0.append(&mut state, &text)?;
        if let Some(before) = state.waiting.insert(item.id.clone(), Span { begin, bytes }) {
            state.bytes -= before.bytes;
        }
        state.bytes += bytes;
        drop(state);
        self.0.mark();
        Ok(())
    }

    /// Those of `ids` that wait.
    pub fn waiting<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let state = lock(&self.0.state);
        if state.waiting.is_empty() {
            return Vec::new();
        }
        ids.into_iter().filter(|id| state.waiting.contains_key(*id)).map(str::to_owned).collect()
    }

    /// Marks items as done with; others are passed over.
    ///
    /// # Errors
    ///
    /// What the system says; they are taken up again at the next start then, unless their
    /// transcript names them.
    pub fn done<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
        let ids = self.waiting(ids);
        if ids.is_empty() {
            return Ok(());
        }
        let mut state = lock(&self.0.state);
        for id in &ids {
            if let Some(span) = state.waiting.remove(id) {
                state.bytes -= span.bytes;
            }
        }
        let outcome = self.0.finish(&mut state, &ids);
        drop(state);
        self.0.mark();
        outcome
    }
}

impl Inner {
    fn mark(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.syncer.mark(self.clone());
        }
    }

    fn file(&self, state: &mut State) -> Result<Arc<File>, StoreError> {
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        private::make_parent(&self.path)?;
        let mut options = fs::OpenOptions::new();
        let file = private::open_or_create(&self.path, options.read(true).append(true))
            .at("open", &self.path)?;
        atomic::sync_dir_of(&self.path);
        let file = Arc::new(file);
        state.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Writes all of `text` behind the end, or nothing.
    fn append(&self, state: &mut State, text: &[u8]) -> Result<(), StoreError> {
        let file = self.file(state)?;
        (&*file).write_all(text).map_err(|error| {
            if let Err(worse) = file.set_len(state.end) {
                tracing::error!(path = %self.path.display(), error = %worse, "cannot undo a half write");
            }
            StoreError::io("write", &self.path, error)
        })?;
        state.end += text.len() as u64;
        Ok(())
    }

    fn finish(&self, state: &mut State, ids: &[String]) -> Result<(), StoreError> {
        if state.waiting.is_empty() {
            let file = self.file(state)?;
            file.set_len(0).at("truncate", &self.path)?;
            state.end = 0;
            return Ok(());
        }
        let finished = state.end - state.bytes;
        if finished > FINISHED_BYTES_MAX && finished > state.bytes {
            let items = self.read_waiting(state)?;
            return self.rewrite(state, &items);
        }
        let mut text = serde_json::to_vec(&Line::Done(ids.to_vec()))
            .map_err(|error| StoreError::io("write", &self.path, error.into()))?;
        text.push(b'\n');
        self.append(state, &text)
    }

    fn read_waiting(&self, state: &mut State) -> Result<Vec<BacklogItem>, StoreError> {
        let file = self.file(state)?;
        let mut spans: Vec<Span> = state.waiting.values().copied().collect();
        spans.sort_by_key(|span| span.begin);
        let mut items = Vec::new();
        for span in spans {
            let mut line = vec![0; usize::try_from(span.bytes).unwrap_or_default()];
            file.read_exact_at(&mut line, span.begin).at("read", &self.path)?;
            if let Ok(Line::Put(item)) = serde_json::from_slice(&line) {
                items.push(item);
            }
        }
        Ok(items)
    }

    /// Replaces the file by one that has `items` only.
    fn rewrite(&self, state: &mut State, items: &[BacklogItem]) -> Result<(), StoreError> {
        let mut text = Vec::new();
        let mut waiting = HashMap::new();
        for item in items {
            let begin = text.len() as u64;
            serde_json::to_writer(&mut text, &Line::Put(item.clone()))
                .map_err(|error| StoreError::io("write", &self.path, error.into()))?;
            text.push(b'\n');
            let bytes = text.len() as u64 - begin;
            waiting.insert(item.id.clone(), Span { begin, bytes });
        }
        atomic::write(&self.path, &text)?;
        let end = text.len() as u64;
        *state = State { file: None, end, bytes: end, waiting };
        Ok(())
    }
}

impl Dirty for Inner {
    fn write_back(&self) -> Result<(), StoreError> {
        self.queued.store(false, Ordering::Release);
        let file = lock(&self.state).file.clone();
        file.map_or(Ok(()), |file| file.sync_data().at("sync", &self.path))
    }
}

/// What waits according to the lines; those that are no lines of ours are passed over.
fn parse(bytes: &[u8]) -> Vec<BacklogItem> {
    let mut items: Vec<BacklogItem> = Vec::new();
    let mut done: HashSet<String> = HashSet::new();
    // From the end, so that an item which was done and put again waits.
    for line in bytes.rsplit(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Line::Put(item)) => {
                if done.insert(item.id.clone()) {
                    items.push(item);
                }
            }
            Ok(Line::Done(ids)) => done.extend(ids),
            Err(error) => tracing::warn!(%error, "a line of the queue's file is damaged, left out"),
        }
    }
    items.reverse();
    items
}

impl Sessions {
    /// The items of the queue that the transcript of `entry` names.
    pub async fn taken(&self, entry: &SessionEntry) -> Result<HashSet<String>, StoreError> {
        let Some(path) = self.transcripts(entry)?.into_iter().next() else {
            return Ok(HashSet::new());
        };
        blocking(move || {
            let bytes = bounded::read(&path, bounded::TRANSCRIPT_BYTES_MAX)?.unwrap_or_default();
            let field = format!("\"{TAKEN}\":");
            let mut taken = HashSet::new();
            for line in bytes.split(|byte| *byte == b'\n') {
                let line = std::str::from_utf8(line).unwrap_or_default();
                let has_field = line.contains(&field);
                if let Some(Taken { queued_ids }) =
                    has_field.then(|| serde_json::from_str(line).ok()).flatten()
                {
                    taken.extend(queued_ids);
                }
            }
            Ok(taken)
        })
        .await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    #[serde(default)]
    queued_ids: Vec<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn item(id: &str) -> BacklogItem {
        BacklogItem {
            id: id.to_owned(),
            session: SessionKey::stored("agent:main:main"),
            kind: "message".to_owned(),
            body: json!({ "text": id.repeat(20) }),
        }
    }

    fn open(dir: &Path) -> (Backlog, Vec<String>) {
        let (backlog, items) = Backlog::open(dir, Syncer::default()).unwrap();
        (backlog, items.into_iter().map(|item| item.id).collect())
    }

    #[test]
    fn a_half_line_and_damage_take_nothing_else_along() {
        let dir = tempfile::tempdir().unwrap();
        let (backlog, _) = open(dir.path());
        backlog.put(&item("a")).unwrap();
        backlog.put(&item("b")).unwrap();
        let path = dir.path().join("queue/backlog.jsonl");
        let mut text = fs::read(&path).unwrap();
        text.splice(0..0, b"[[[[\n".iter().copied());
        text.extend_from_slice(b"{\"done\":[\"a");
        fs::write(&path, &text).unwrap();

        assert_eq!(open(dir.path()).1, ["a", "b"]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("queue/backlog.jsonl")).unwrap();

        let (backlog, waiting) = open(dir.path());
        backlog.put(&item("a")).unwrap();

        assert!(waiting.is_empty());
        assert_eq!(open(dir.path()).1, ["a"]);
        assert_eq!(fs::read_dir(dir.path().join("queue")).unwrap().count(), 2);
    }

    #[test]
    fn the_file_is_empty_when_nothing_waits_and_shrinks_when_most_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let (backlog, _) = open(dir.path());
        let path = dir.path().join("queue/backlog.jsonl");
        backlog.put(&item("stays")).unwrap();
        for n in 0..40_000 {
            backlog.put(&item(&format!("n{n}"))).unwrap();
            backlog.done([&*format!("n{n}")]).unwrap();
        }

        assert!(fs::metadata(&path).unwrap().len() < 2 * FINISHED_BYTES_MAX);
        let (backlog, waiting) = open(dir.path());
        assert_eq!(waiting, ["stays"]);
        backlog.done(["stays"]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    }

    proptest! {
        #[test]
        fn what_waits_is_what_was_put_and_not_done(
            steps in prop::collection::vec((any::<bool>(), 0..6_u8), 0..40),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let (backlog, _) = open(dir.path());
            let mut model: Vec<String> = Vec::new();
            for (is_put, id) in steps {
                let id = format!("i{id}");
                model.retain(|it| *it != id);
                if is_put {
                    backlog.put(&item(&id)).unwrap();
                    model.push(id);
                } else {
                    backlog.done([&*id]).unwrap();
                }
            }

            prop_assert_eq!(open(dir.path()).1, model);
        }
    }
}
