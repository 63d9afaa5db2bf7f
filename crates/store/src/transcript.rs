//! One conversation's file, open for appending.
//!
//! Lines are only ever added at the end, with one write, under the transcript's lock. A line
//! that `append` has returned survives the death of this process at once, and a power cut
//! 100 ms later. A write that fails leaves no half line behind.

pub(crate) mod context;
pub(crate) mod files;
pub(crate) mod line;
pub(crate) mod outline;
pub(crate) mod repair;
pub(crate) mod tail;

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{
    Clock, EntryId, Message, SessionId,
    transcript::{Body, Entry},
};

use serde::Serialize;

use self::{
    context::Context,
    files::{Files, Slot},
    line::Lines,
};
use crate::{
    StoreError, atomic, bounded,
    error::At,
    lock_file::{Share, lock},
    private,
    syncer::{Dirty, Syncer},
};

/// What the note is called that a conversation goes on from an earlier line.
const BRANCH_NOTE: &str = "openclaw:branch";

/// An open conversation. One owner appends.
#[derive(Debug)]
pub struct Transcript {
    id: SessionId,
    path: PathBuf,
    cwd: String,
    context: Context,
    /// Empty until the first line is written, and while others need the room.
    slot: Arc<Slot>,
    /// Which file it is; `None` until there is one.
    known: Option<FileId>,
    /// Lines of the running turn that were lost with their file. They go before the next.
    lost: Vec<Body>,
    /// Where the file ends, as far as we know.
    end: u64,
    leaf: Option<EntryId>,
    /// Ids in the file, those that look like ours.
    ids: HashSet<u32>,
    share: Share,
    surroundings: Surroundings,
}

/// What a transcript needs from the store.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) syncer: Syncer,
    pub(crate) closed: Arc<AtomicBool>,
    pub(crate) files: Files,
}

/// What tells one file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

/// A line that names the items of the queue it came from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    #[serde(flatten)]
    entry: &'a Entry,
    queued_ids: &'a [String],
}

#[derive(Debug)]
struct Appended {
    file: File,
    path: PathBuf,
    queued: AtomicBool,
    /// Whether the file's name may not be on the disk yet.
    is_new: AtomicBool,
}

impl Transcript {
    /// What the model is to see.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The session id.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Adds lines at the end, with one write, and to the context.
    ///
    /// # Errors
    ///
    /// [`StoreError`], with [`StoreError::Full`] for a full disk: then none of the lines is
    /// in the file, and the next append is not harmed.
    pub async fn append(&mut self, bodies: Vec<Body>) -> Result<Vec<EntryId>, StoreError> {
        self.append_taken(bodies, &[]).await
    }

    /// The same, where the last line is what these items of the queue say: the line names them.
    #[expect(clippy::unused_async, reason = "callers must not count on it never waiting")]
    pub async fn append_taken(
        &mut self,
        bodies: Vec<Body>,
        taken: &[String],
    ) -> Result<Vec<EntryId>, StoreError> {
        if self.surroundings.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let gate = Arc::clone(&self.share.gate);
        let _appending = lock(&gate.appending);
        let file = self.file_at_its_end()?;
        let count = bodies.len();
        let bodies: Vec<Body> = self.lost.iter().cloned().chain(bodies).collect();
        let now = self.surroundings.clock.now();
        let timestamp = now.to_iso();
        let mut text = match self.end {
            0 => repair::header_line(&self.id, &self.cwd, now),
            _ => Vec::new(),
        };
        let mut parent_id = self.leaf.clone();
        let mut entries = Vec::with_capacity(bodies.len());
        let last = bodies.len() - 1;
        for (at, body) in bodies.into_iter().enumerate() {
            let id = self.free_id()?;
            let entry = Entry { id: id.clone(), parent_id, timestamp: timestamp.clone(), body };
            let written = if at == last && !taken.is_empty() {
                serde_json::to_writer(&mut text, &Named { entry: &entry, queued_ids: taken })
            } else {
                serde_json::to_writer(&mut text, &entry)
            };
            written.map_err(|error| StoreError::io("write", &self.path, error.into()))?;
            text.push(b'\n');
            parent_id = Some(id);
            entries.push(entry);
        }
        file.append(&text, self.end)?;
        self.end += text.len() as u64;
        self.leaf = parent_id;
        self.lost.clear();
        if !file.queued.swap(true, Ordering::AcqRel) {
            self.surroundings.syncer.mark(file);
        }
        let mut is_current = true;
        let mut ids = Vec::with_capacity(entries.len());
        for Entry { id, body, .. } in entries {
            is_current &= self.context.add(&id, body, now);
            ids.push(id);
        }
        if !is_current {
            self.read()?;
        }
        Ok(ids.split_off(ids.len() - count))
    }

    /// Goes on from the line `leaf`, or from the beginning. What came after it stays in the file,
    /// on a branch that is left: the line that says so hangs on `leaf`, so that every program
    /// that follows parents finds the way.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing has changed then.
    pub async fn go_on_from(&mut self, leaf: Option<EntryId>) -> Result<(), StoreError> {
        let gate = Arc::clone(&self.share.gate);
        {
            let _appending = lock(&gate.appending);
            self.file_at_its_end()?;
        }
        let left = std::mem::replace(&mut self.leaf, leaf);
        let data = left.as_ref().map(|left| serde_json::json!({ "left": left }));
        let note = Body::Custom { custom_type: BRANCH_NOTE.to_owned(), data };
        if let Err(error) = self.append(vec![note]).await {
            self.leaf = left;
            return Err(error);
        }
        let _appending = lock(&gate.appending);
        self.read()
    }

    /// Opens the file at `path`, in order and read. Blocks.
    pub(crate) fn open(
        id: SessionId,
        path: PathBuf,
        cwd: &str,
        share: Share,
        surroundings: Surroundings,
    ) -> Result<Self, StoreError> {
        let mut transcript = Self {
            id,
            path,
            cwd: cwd.to_owned(),
            context: Context::default(),
            slot: Arc::default(),
            known: None,
            lost: Vec::new(),
            end: 0,
            leaf: None,
            ids: HashSet::new(),
            share,
            surroundings,
        };
        let gate = Arc::clone(&transcript.share.gate);
        let _appending = lock(&gate.appending);
        if transcript.path.exists() {
            transcript.read()?;
        }
        Ok(transcript)
    }

    /// Reads the file anew, repaired if need be.
    fn read(&mut self) -> Result<(), StoreError> {
        let found = bounded::read(&self.path, bounded::TRANSCRIPT_BYTES_MAX)?.unwrap_or_default();
        let now = self.surroundings.clock.now();
        let repaired = repair::repair(&self.path, &found, &self.id, &self.cwd, now)?;
        let bytes = repaired.unwrap_or(found);
        let lines = Lines::parse(&bytes);
        self.context = Context::of(&lines);
        self.leaf = lines.entries.iter().rev().find_map(|line| line.fields.id()).map(EntryId::new);
        let ids = lines.entries.iter().filter_map(|line| line.fields.id());
        self.ids = ids.filter_map(|id| u32::from_str_radix(id, 16).ok()).collect();
        self.end = bytes.len() as u64;
        self.open_file().map(drop)
    }

    fn open_file(&mut self) -> Result<Arc<Appended>, StoreError> {
        let file = Appended::open(&self.path)?;
        self.known = Some(FileId::of(&file.file.metadata().at("look at", &self.path)?));
        self.surroundings.files.put(&self.slot, Arc::clone(&file));
        Ok(file)
    }

    /// Whether the file was deleted or moved away since its last line.
    pub fn is_gone(&self) -> bool {
        self.known.is_some() && matches!(self.named(), Ok(None))
    }

    /// The file that has our name now.
    fn named(&self) -> Result<Option<Metadata>, StoreError> {
        match fs::metadata(&self.path) {
            Ok(about) => Ok(Some(about)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("look at", &self.path),
        }
    }

    /// The open file, with our picture of it up to date: an old gateway, or another owner in
    /// this process (`chat.inject`), may have added lines or put another file in its place.
    fn file_at_its_end(&mut self) -> Result<Arc<Appended>, StoreError> {
        match (self.named()?, self.known) {
            (Some(named), Some(known))
                if FileId::of(&named) == known && named.len() == self.end => {}
            (Some(_), _) => self.read()?,
            (None, Some(_)) => {
                self.begin_anew();
                return self.open_file();
            }
            (None, None) => return self.open_file(),
        }
        match self.surroundings.files.of(&self.slot) {
            Some(file) => Ok(file),
            None => self.open_file(),
        }
    }

    /// Begins a new file, as ours was deleted or moved away. What was said before the running
    /// turn went with it; the turn itself is written again.
    fn begin_anew(&mut self) {
        tracing::warn!(path = %self.path.display(),
            "the transcript was deleted or moved away; it begins anew");
        let context = std::mem::take(&mut self.context);
        self.lost.clear();
        if let Some((provider, model_id)) = context.model {
            self.lost.push(Body::ModelChange { provider, model_id });
        }
        if let Some(thinking_level) = context.thinking {
            self.lost.push(Body::ThinkingLevelChange { thinking_level });
        }
        let is_user = |message: &Arc<Message>| matches!(**message, Message::User(_));
        let begin = context.messages.iter().rposition(is_user).unwrap_or_default();
        let turn = context.messages.iter().skip(begin);
        self.lost.extend(turn.map(|it| Body::Message { message: Message::clone(it) }));
        (self.known, self.end, self.leaf) = (None, 0, None);
        self.ids.clear();
    }

    fn free_id(&mut self) -> Result<EntryId, StoreError> {
        loop {
            let id = getrandom::u32().map_err(|error| {
                StoreError::io("name a line of", &self.path, io::Error::other(error.to_string()))
            })?;
            if self.ids.insert(id) {
                return Ok(EntryId::new(format!("{id:08x}")));
            }
        }
    }
}

impl FileId {
    fn of(about: &Metadata) -> Self {
        Self { device: about.dev(), inode: about.ino() }
    }
}

impl Appended {
    fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        private::make_parent(path)?;
        let file =
            private::open_or_create(path, fs::OpenOptions::new().append(true)).at("open", path)?;
        let is_new = AtomicBool::new(file.metadata().at("look at", path)?.len() == 0);
        let queued = AtomicBool::new(false);
        Ok(Arc::new(Self { file, path: path.to_owned(), queued, is_new }))
    }

    /// Writes all of `text` behind `end`, or nothing.
    fn append(&self, text: &[u8], end: u64) -> Result<(), StoreError> {
        (&self.file).write_all(text).map_err(|error| {
            if let Err(worse) = self.file.set_len(end) {
                // The half line is then dropped by the next reader as any torn line is, and
                // `file_at_its_end` makes that the next append.
                tracing::error!(path = %self.path.display(), error = %worse, "cannot undo a half write");
            }
            StoreError::io("write", &self.path, error)
        })
    }
}

impl Dirty for Appended {
    fn write_back(&self) -> Result<(), StoreError> {
        self.queued.store(false, Ordering::Release);
        self.file.sync_data().at("sync", &self.path)?;
        if self.is_new.swap(false, Ordering::AcqRel) {
            atomic::sync_dir_of(&self.path);
        }
        Ok(())
    }
}
