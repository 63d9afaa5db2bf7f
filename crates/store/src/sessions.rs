//! The conversations of one agent: which there are, and the way to their transcripts.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use domain::{AgentId, SessionKey};

use crate::{
    SessionEntry, StoreError, Tail, Transcript, atomic, bounded,
    error::At,
    index::{Index, Ticket, Updated, file_time, is_file_stem},
    lock_file::lock,
    pages::Outlines,
    private,
    store::{Inner, blocking},
    told::Readings,
    transcript::{line::Lines, tail},
};

/// The conversations of one agent. Cheap to clone; reads are answered from memory.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Arc<Inner>,
    index: Arc<Index>,
    agent: AgentId,
}

/// Why a transcript is put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Its conversation was deleted.
    Deleted,
    /// Its file was rewritten.
    Bak,
}

impl Sessions {
    pub(crate) fn new(store: Arc<Inner>, index: Arc<Index>, agent: AgentId) -> Self {
        Self { store, index, agent }
    }

    /// The index file, for display only.
    pub fn path(&self) -> String {
        self.index.path.display().to_string()
    }

    /// The entry of `key`, also when stored under an old alias.
    pub fn get(&self, key: &SessionKey) -> Option<Arc<SessionEntry>> {
        let entry = self.index.get(&self.names(key));
        self.mend();
        entry
    }

    /// The conversation that has `session_id`.
    pub fn find(&self, session_id: &str) -> Option<(SessionKey, Arc<SessionEntry>)> {
        self.list().into_iter().find(|(_, entry)| entry.session_id.as_str() == session_id)
    }

    /// All conversations of the agent, under their canonical keys.
    pub fn list(&self) -> Vec<(SessionKey, Arc<SessionEntry>)> {
        let stored = self.index.list();
        self.mend();
        let (canonical, aliases): (Vec<_>, Vec<_>) = stored
            .into_iter()
            .map(|(name, entry)| (self.key_of(&name), name, entry))
            .filter(|(key, ..)| key.agent().is_none_or(|agent| agent == self.agent))
            .partition(|(key, name, _)| key.as_str() == &**name);
        let mut known: HashSet<SessionKey> =
            canonical.iter().map(|(key, ..)| key.clone()).collect();
        canonical
            .into_iter()
            .chain(aliases.into_iter().filter(|(key, ..)| known.insert(key.clone())))
            .map(|(key, _, entry)| (key, entry))
            .collect()
    }

    /// Changes the entry of `key`, made with a fresh session id when absent.
    ///
    /// The change is in the file when this returns. Readers do not see it before that, and after
    /// an error they never do. `updated_at` never moves backwards.
    pub async fn update(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&mut SessionEntry) + Send,
    ) -> Result<Arc<SessionEntry>, StoreError> {
        self.store.writable()?;
        let updated = self.index.update(&self.names(key), true, change);
        self.settle(updated).await
    }

    /// The same for what a turn notes beside its transcript: readers see it at once, and the file
    /// has it within 100 ms, unless the session id is new.
    pub async fn note(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&mut SessionEntry) + Send,
    ) -> Result<Arc<SessionEntry>, StoreError> {
        self.store.writable()?;
        let updated = self.index.update(&self.names(key), false, change);
        self.settle(updated).await
    }

    /// Forgets the entry of `key`; its transcript stays.
    pub async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<SessionEntry>>, StoreError> {
        self.store.writable()?;
        let Some((removed, ticket)) = self.index.removal(&self.names(key)) else {
            return Ok(None);
        };
        self.commit(ticket).await?;
        Ok(Some(removed))
    }

    /// Opens the transcript of `entry`, repaired if need be; a new one gets its file with
    /// its first line, and `cwd` in its header.
    ///
    /// Waits up to ten seconds for another program that holds the transcript.
    pub async fn open(
        &self,
        key: &SessionKey,
        entry: &SessionEntry,
        cwd: &str,
    ) -> Result<Transcript, StoreError> {
        self.store.writable()?;
        let path = self.transcript_path(entry)?;
        tracing::debug!(%key, session = %entry.session_id, "opening transcript");
        let (store, id, cwd) = (Arc::clone(&self.store), entry.session_id.clone(), cwd.to_owned());
        blocking(move || {
            private::make_parent(&path)?;
            let share = store.locks.share(&path, &*store.options.clock)?;
            Transcript::open(id, path, &cwd, share, store.surroundings.clone())
        })
        .await
    }

    /// The newest messages of `entry`'s transcript in file order, at most `limit` of them
    /// with at most `bytes_max` bytes in all. No transcript reads as none.
    pub async fn tail(
        &self,
        entry: &SessionEntry,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Tail, StoreError> {
        self.tail_before(entry, 0, limit, bytes_max).await
    }

    /// The same for what comes before the newest `skip` messages.
    pub async fn tail_before(
        &self,
        entry: &SessionEntry,
        skip: usize,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Tail, StoreError> {
        let path = self.transcript_path(entry)?;
        blocking(move || tail::read(&path, skip, limit, bytes_max)).await
    }

    /// Renames the transcripts of `entry`; returns the new paths.
    pub async fn archive(
        &self,
        entry: &SessionEntry,
        reason: Archive,
    ) -> Result<Vec<String>, StoreError> {
        self.store.writable()?;
        let transcripts = self.transcripts(entry)?;
        let end = format!("{}.{}", reason.word(), file_time(self.store.options.clock.now()));
        blocking(move || {
            let mut archived = Vec::new();
            for path in transcripts {
                let aside = free_name(&path, &end);
                match fs::rename(&path, &aside) {
                    Ok(()) => archived.push(aside.display().to_string()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(StoreError::io("rename", &path, error)),
                }
            }
            Ok(archived)
        })
        .await
    }

    /// Keeps the header and the last `keep` lines of the transcript; the whole stays beside
    /// it. Returns how many lines are left and where the whole is, or `None` when there was
    /// nothing to drop.
    pub async fn truncate_lines(
        &self,
        entry: &SessionEntry,
        keep: usize,
    ) -> Result<Option<(usize, String)>, StoreError> {
        self.store.writable()?;
        let path = self.transcript_path(entry)?;
        let store = Arc::clone(&self.store);
        blocking(move || {
            let share = store.locks.share(&path, &*store.options.clock)?;
            let _appending = lock(&share.gate.appending);
            let Some(bytes) = bounded::read(&path, bounded::TRANSCRIPT_BYTES_MAX)? else {
                return Ok(None);
            };
            let lines = Lines::parse(&bytes);
            let Some(dropped @ 1..) = lines.entries.len().checked_sub(keep) else {
                return Ok(None);
            };
            let kept = lines.entries.iter().skip(dropped).map(|line| line.raw);
            let mut text = Vec::with_capacity(bytes.len());
            for line in lines.header.into_iter().chain(kept) {
                text.extend_from_slice(line);
                text.push(b'\n');
            }
            let end = format!("{}.{}", Archive::Bak.word(), file_time(store.options.clock.now()));
            let aside = free_name(&path, &end);
            fs::hard_link(&path, &aside)
                .or_else(|_| fs::copy(&path, &aside).map(drop))
                .at("copy", &path)?;
            atomic::write(&path, &text)?;
            Ok(Some((keep, aside.display().to_string())))
        })
        .await
    }

    /// Has an index file that turned out to be unusable replaced soon.
    fn mend(&self) {
        if self.index.broken.swap(false, Ordering::AcqRel) && self.store.writable().is_ok() {
            self.mark();
        }
    }

    fn mark(&self) {
        if !self.index.queued.swap(true, Ordering::AcqRel) {
            self.store.surroundings.syncer.mark(self.index.clone());
        }
    }

    async fn settle(&self, updated: Updated) -> Result<Arc<SessionEntry>, StoreError> {
        match updated {
            Updated::Same(entry) => Ok(entry),
            Updated::Made(entry) => {
                self.mark();
                Ok(entry)
            }
            Updated::ToCommit(ticket) => self.commit(ticket).await?.ok_or(StoreError::Closed),
        }
    }

    async fn commit(&self, ticket: Ticket) -> Result<Option<Arc<SessionEntry>>, StoreError> {
        let index = Arc::clone(&self.index);
        let committed = blocking(move || index.commit(ticket)).await;
        // Also after a failure: what else waits is tried once more when the disk may have room.
        self.mark();
        committed
    }

    /// The names `key` may be stored under, the proper one first.
    fn names<'a>(&self, key: &'a SessionKey) -> Vec<&'a str> {
        let mut names = vec![key.as_str()];
        let owns_bare_keys = !self.store.is_shared() || self.agent == AgentId::main();
        let is_own = key.agent().is_some_and(|agent| agent == self.agent);
        if owns_bare_keys && is_own && !matches!(key.rest(), "global" | "unknown") {
            names.push(key.rest());
        }
        names
    }

    fn key_of(&self, name: &str) -> SessionKey {
        if name.starts_with("agent:") {
            return SessionKey::stored(name);
        }
        let owner = if self.store.is_shared() { AgentId::main() } else { self.agent.clone() };
        SessionKey::canonical(name, &owner, "main")
    }

    /// The transcript that exists, else the one to make.
    fn transcript_path(&self, entry: &SessionEntry) -> Result<PathBuf, StoreError> {
        let found = self.transcripts(entry)?.into_iter().next();
        Ok(found.unwrap_or_else(|| self.sessions_dir().join(file_name(entry))))
    }

    /// The transcripts that exist, best first.
    pub(crate) fn transcripts(&self, entry: &SessionEntry) -> Result<Vec<PathBuf>, StoreError> {
        if !is_file_stem(&entry.session_id) {
            return Err(StoreError::BadName { name: entry.session_id.to_string() });
        }
        let dirs = [
            self.sessions_dir().to_owned(),
            self.store.agent_sessions_dir(&self.agent),
            self.store.options.state_dir.join("sessions"),
        ];
        let named = entry.session_file.as_ref().map(|file| self.sessions_dir().join(file));
        let mut found: Vec<PathBuf> = Vec::new();
        for path in named.into_iter().chain(dirs.map(|dir| dir.join(file_name(entry)))) {
            let is_transcript = path.extension().is_some_and(|end| end == "jsonl");
            if is_transcript && path.is_file() && !found.contains(&path) {
                found.push(path);
            }
        }
        Ok(found)
    }

    pub(crate) fn readings(&self) -> Arc<Readings> {
        Arc::clone(&self.store.readings)
    }

    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        self.store.writable()
    }

    pub(crate) fn now(&self) -> domain::UnixMillis {
        self.store.options.clock.now()
    }

    pub(crate) fn outlines(&self) -> Arc<Outlines> {
        Arc::clone(&self.store.outlines)
    }

    pub(crate) fn sessions_dir(&self) -> &Path {
        self.index.path.parent().unwrap_or_else(|| Path::new("."))
    }
}

fn file_name(entry: &SessionEntry) -> String {
    format!("{}.jsonl", entry.session_id)
}

impl Archive {
    fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Bak => "bak",
        }
    }
}

/// `<path>.<end>`, or that with a number when it is taken.
fn free_name(path: &Path, end: &str) -> PathBuf {
    let named = |end: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(end);
        PathBuf::from(name)
    };
    let mut free = named(end.to_owned());
    for number in 2.. {
        if !free.exists() {
            break;
        }
        free = named(format!("{end}-{number}"));
    }
    free
}
