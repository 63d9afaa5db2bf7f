//! The session index of one agent.

use std::sync::Arc;

use domain::SessionKey;

use crate::{SessionEntry, StoreError, Tail, Transcript};

/// The conversations of one agent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {}

/// Why a transcript is put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Its conversation was deleted.
    Deleted,
    /// Its file was rewritten.
    Bak,
}

#[expect(clippy::unused_async, reason = "contract")]
impl Sessions {
    /// The index file, for display only.
    pub fn path(&self) -> String {
        String::new()
    }

    /// The entry of `key`, also when stored under an old alias.
    pub fn get(&self, key: &SessionKey) -> Option<Arc<SessionEntry>> {
        let _ = key;
        None
    }

    /// The conversation that has `session_id`.
    pub fn find(&self, session_id: &str) -> Option<(SessionKey, Arc<SessionEntry>)> {
        let _ = session_id;
        None
    }

    /// All conversations.
    pub fn list(&self) -> Vec<(SessionKey, Arc<SessionEntry>)> {
        Vec::new()
    }

    /// Changes the entry of `key`, made with a fresh session id when absent.
    pub async fn update(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&mut SessionEntry) + Send,
    ) -> Result<Arc<SessionEntry>, StoreError> {
        let _ = key;
        drop(change);
        Err(StoreError::Closed)
    }

    /// Forgets the entry of `key`; its transcript stays.
    pub async fn remove(&self, key: &SessionKey) -> Result<Option<Arc<SessionEntry>>, StoreError> {
        let _ = key;
        Err(StoreError::Closed)
    }

    /// Opens the transcript of `entry`.
    pub async fn open(
        &self,
        key: &SessionKey,
        entry: &SessionEntry,
        cwd: &str,
    ) -> Result<Transcript, StoreError> {
        let _ = (key, entry, cwd);
        Err(StoreError::Closed)
    }

    /// The newest messages of `entry`'s transcript.
    pub async fn tail(
        &self,
        entry: &SessionEntry,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Tail, StoreError> {
        let _ = (entry, limit, bytes_max);
        Err(StoreError::Closed)
    }

    /// Renames the transcripts of `entry`; returns the new paths.
    pub async fn archive(
        &self,
        entry: &SessionEntry,
        reason: Archive,
    ) -> Result<Vec<String>, StoreError> {
        let _ = (entry, reason);
        Err(StoreError::Closed)
    }

    /// Keeps the header and the last `keep` lines; returns how many stay, and the copy.
    pub async fn truncate_lines(
        &self,
        entry: &SessionEntry,
        keep: usize,
    ) -> Result<Option<(usize, String)>, StoreError> {
        let _ = (entry, keep);
        Err(StoreError::Closed)
    }
}
