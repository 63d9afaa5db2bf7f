//! How well the conversations of an agent are kept: for `doctor`. Changes nothing by itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{Sessions, StoreError, bounded, lock_file, transcript::line::Lines};

/// Transcripts beyond this are not read through; their first lines would say nothing.
const READ_BYTES_MAX: u64 = 32 << 20;

/// Something about the files of an agent's conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The index is no JSON object, or cannot be read at all.
    Index {
        /// The file.
        path: PathBuf,
        /// Why.
        said: String,
    },
    /// A lock that somebody left, or holds.
    Lock {
        /// The file.
        path: PathBuf,
        /// Who made it.
        pid: Option<u32>,
        /// Whether its maker is gone.
        is_stale: bool,
    },
    /// A transcript that cannot be opened.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        said: String,
    },
    /// A transcript with lines that make no sense, the last one aside: that may be half a line.
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many.
        lines: usize,
    },
    /// A conversation whose transcript is gone.
    Missing {
        /// Its key.
        key: String,
    },
    /// A transcript of no conversation.
    Orphan {
        /// The file.
        path: PathBuf,
        /// How large.
        bytes: u64,
    },
}

impl Sessions {
    /// Looks through the files of these conversations.
    pub fn survey(&self) -> Vec<Flaw> {
        let index = PathBuf::from(self.path());
        let mut flaws: Vec<Flaw> = index_flaw(&index).into_iter().collect();
        let mut known: BTreeSet<PathBuf> = BTreeSet::new();
        for (key, entry) in self.list() {
            let found = self.transcripts(&entry).unwrap_or_default();
            // A conversation in which nothing was said yet has no file, and no tokens either.
            if found.is_empty() && entry.total_tokens.is_some_and(|tokens| tokens > 0) {
                flaws.push(Flaw::Missing { key: key.to_string() });
            }
            known.extend(found);
        }
        let Some(dir) = index.parent() else { return flaws };
        let mut files: Vec<PathBuf> =
            fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path()).collect();
        files.sort();
        for path in files {
            let has_end = |end: &str| path.extension().is_some_and(|it| it == end);
            if has_end("lock") {
                flaws.extend(lock_file::claimant(&path).map(|(pid, is_stale)| Flaw::Lock {
                    path: path.clone(),
                    pid,
                    is_stale,
                }));
            } else if has_end("jsonl") {
                let is_known = known.contains(&path);
                flaws.extend(transcript_flaw(&path, is_known));
            }
        }
        flaws
    }
}

fn index_flaw(path: &Path) -> Option<Flaw> {
    let flaw = |said: String| Some(Flaw::Index { path: path.to_owned(), said });
    match bounded::read(path, bounded::INDEX_BYTES_MAX) {
        Ok(None) => None,
        Ok(Some(bytes)) if bytes.is_empty() => None,
        Ok(Some(bytes)) => match bounded::json5(&bytes) {
            Some(value) if value.is_object() => None,
            Some(_) | None => flaw("it is no JSON object".to_owned()),
        },
        Err(StoreError::Io { source, .. }) => flaw(source.to_string()),
        Err(error) => flaw(error.to_string()),
    }
}

fn transcript_flaw(path: &Path, is_known: bool) -> Option<Flaw> {
    let bytes = fs::metadata(path).map_or(0, |meta| meta.len());
    if !is_known {
        return Some(Flaw::Orphan { path: path.to_owned(), bytes });
    }
    if bytes > READ_BYTES_MAX {
        return None;
    }
    match fs::read(path) {
        Ok(text) => {
            let lines = Lines::parse(&text);
            let bad = lines.bad - usize::from(lines.torn_at.is_some());
            (bad > 0).then(|| Flaw::Damaged { path: path.to_owned(), lines: bad })
        }
        Err(error) => Some(Flaw::Unreadable { path: path.to_owned(), said: error.to_string() }),
    }
}

/// Removes a lock whose maker is gone. One that is held, or is none, is left alone.
///
/// # Errors
///
/// What the system says.
pub fn break_stale_lock(path: &Path) -> Result<(), StoreError> {
    match lock_file::claimant(path) {
        Some((_, true)) => {
            fs::remove_file(path).map_err(|error| StoreError::io("remove", path, error))
        }
        Some((_, false)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, SystemClock};

    use super::*;
    use crate::{OpenOptions, Store};

    fn sessions(dir: &Path) -> Sessions {
        let store = Store::open_unlocked(OpenOptions {
            state_dir: dir.to_owned(),
            sessions_template: None,
            clock: SystemClock::shared(),
        })
        .unwrap();
        store.sessions(&AgentId::main())
    }

    #[test]
    fn locks_orphans_and_broken_lines_are_found_and_only_dead_locks_are_broken() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("agents/main/sessions");
        fs::create_dir_all(&dir).unwrap();
        let header = r#"{"type":"session","version":3,"id":"a","timestamp":"","cwd":"/"}"#;
        fs::write(dir.join("a.jsonl"), format!("{header}\nno json\nno json\n")).unwrap();
        fs::write(dir.join("b.jsonl"), format!("{header}\n")).unwrap();
        fs::write(
            dir.join("sessions.json"),
            r#"{"agent:main:main":{"sessionId":"a","updatedAt":1},
                "agent:main:x":{"sessionId":"gone","updatedAt":1,"totalTokens":5}}"#,
        )
        .unwrap();
        let dead = dir.join("a.jsonl.lock");
        let held = dir.join("b.jsonl.lock");
        fs::write(&dead, r#"{"pid":999999999}"#).unwrap();
        fs::write(&held, r#"{"pid":1}"#).unwrap();

        let flaws = sessions(home.path()).survey();
        break_stale_lock(&dead).unwrap();
        break_stale_lock(&held).unwrap();

        assert_eq!(
            flaws,
            [
                Flaw::Missing { key: "agent:main:x".to_owned() },
                Flaw::Damaged { path: dir.join("a.jsonl"), lines: 2 },
                Flaw::Lock { path: dead.clone(), pid: Some(999_999_999), is_stale: true },
                Flaw::Orphan { path: dir.join("b.jsonl"), bytes: header.len() as u64 + 1 },
                Flaw::Lock { path: held.clone(), pid: Some(1), is_stale: false },
            ]
        );
        assert_eq!((dead.exists(), held.exists()), (false, true));
    }

    #[test]
    fn an_index_that_is_no_json_is_told() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("agents/main/sessions");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("sessions.json"), "{ half").unwrap();

        let flaws = sessions(home.path()).survey();

        assert!(matches!(&flaws[..], [Flaw::Index { .. }]), "{flaws:?}");
    }
}
