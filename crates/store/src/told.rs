//! What the conversations of an agent cost and how they went: their messages without their words.
//!
//! A transcript only grows, so what was read of it once is kept, and a later look reads what came
//! since. What is kept is bounded by [`FILES_MAX`]; beyond it, everything is read anew.

use std::{
    borrow::Cow,
    collections::HashMap,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use domain::{SessionId, UnixMillis, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Sessions, StoreError, bounded, error::At, store::blocking};

/// Transcripts whose reading is kept.
const FILES_MAX: usize = 4096;

/// One message, without what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub by: Teller,
    /// Bytes of its line.
    pub bytes: u64,
}

/// Who told something.
#[derive(Clone, Debug, PartialEq)]
pub enum Teller {
    /// A person.
    User,
    /// A model.
    Assistant {
        /// Provider id.
        provider: Arc<str>,
        /// Model id.
        model: Arc<str>,
        /// What it cost; none when the line says nothing of it.
        usage: Option<Usage>,
        /// Names of the tools it called.
        calls: Vec<Arc<str>>,
        /// Whether the reply failed.
        is_error: bool,
    },
    /// A tool.
    Tool {
        /// Whether it failed.
        is_error: bool,
    },
}

/// What was read of each transcript.
#[derive(Debug, Default)]
pub(crate) struct Readings(Mutex<HashMap<PathBuf, Reading>>);

#[derive(Clone, Debug)]
struct Reading {
    inode: u64,
    /// End of the last whole line that was read.
    end: u64,
    messages: Arc<Vec<Told>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(default)]
    timestamp: Option<serde_json::Number>,
    #[serde(default, borrow)]
    provider: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default, borrow)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    is_error: bool,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    name: Option<Cow<'a, str>>,
}

impl Sessions {
    /// The messages of the conversation that has `session_id`, oldest first, without their words.
    /// No transcript reads as none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file is there and cannot be read.
    pub async fn told(&self, session_id: &SessionId) -> Result<Arc<Vec<Told>>, StoreError> {
        let entry = self.find(session_id.as_str()).map(|(_, entry)| entry);
        let paths = match &entry {
            Some(entry) => self.transcripts(entry)?,
            None => Vec::new(),
        };
        let Some(path) = paths.into_iter().next() else { return Ok(Arc::default()) };
        let readings = self.readings();
        blocking(move || readings.of(&path)).await
    }

    /// The messages of all transcripts of the agent that still have their name, also of those
    /// whose conversation was reset. What cannot be read is left out.
    pub async fn told_by_all(&self) -> Result<Vec<Arc<Vec<Told>>>, StoreError> {
        let (dir, readings) = (self.sessions_dir().to_owned(), self.readings());
        blocking(move || {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(StoreError::io("list", &dir, error)),
            };
            let mut paths: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
            paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
            paths.sort();
            Ok(paths.iter().filter_map(|path| readings.of(path).ok()).collect())
        })
        .await
    }
}

impl Readings {
    /// What the file at `path` tells, read as far as it was not. Blocks.
    fn of(&self, path: &Path) -> Result<Arc<Vec<Told>>, StoreError> {
        let Some(file) = bounded::open(path, bounded::TRANSCRIPT_BYTES_MAX)? else {
            return Ok(Arc::default());
        };
        let meta = file.metadata().at("read", path)?;
        let known = self.known(path).filter(|it| it.inode == meta.ino() && it.end <= meta.len());
        let begin = known.as_ref().map_or(0, |it| it.end);
        if let Some(known) = known.as_ref().filter(|_| begin == meta.len()) {
            return Ok(Arc::clone(&known.messages));
        }
        let length = usize::try_from(meta.len() - begin).unwrap_or(usize::MAX);
        let mut text = vec![0; length];
        file.read_exact_at(&mut text, begin).at("read", path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut messages = known.map_or_else(Vec::new, |it| it.messages.to_vec());
        let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        messages.extend(lines.filter_map(told));
        let end = begin + whole as u64;
        let reading = Reading { inode: meta.ino(), end, messages: Arc::new(messages) };
        let messages = Arc::clone(&reading.messages);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= FILES_MAX {
            files.clear();
        }
        files.insert(path.to_owned(), reading);
        Ok(messages)
    }

    fn known(&self, path: &Path) -> Option<Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

/// A message line; other lines, and broken ones, are nothing.
fn told(line: &[u8]) -> Option<Told> {
    let raw = serde_json::from_slice::<Line<'_>>(line).ok()?.message?;
    let message: Message<'_> = serde_json::from_str(raw.get()).ok()?;
    let at = message.timestamp.as_ref().and_then(millis).unwrap_or_default();
    let by = match &*message.role {
        "user" => Teller::User,
        "assistant" => Teller::Assistant {
            provider: message.provider.as_deref().unwrap_or_default().into(),
            model: message.model.as_deref().unwrap_or_default().into(),
            usage: message.usage,
            calls: message.content.map(calls).unwrap_or_default(),
            is_error: message.stop_reason.as_deref() == Some("error"),
        },
        "toolResult" => Teller::Tool { is_error: message.is_error },
        _ => return None,
    };
    Some(Told { at, by, bytes: line.len() as u64 })
}

fn millis(number: &serde_json::Number) -> Option<UnixMillis> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and dates are far from that")]
    let whole = number.as_i64().or_else(|| number.as_f64().map(|it| it as i64));
    whole.map(UnixMillis)
}

fn calls(content: &RawValue) -> Vec<Arc<str>> {
    // Most replies call nothing; looking for the word is quicker than reading the parts.
    if !content.get().contains("toolCall") {
        return Vec::new();
    }
    let parts: Vec<Part<'_>> = serde_json::from_str(content.get()).unwrap_or_default();
    let names = parts.iter().filter(|part| part.kind == "toolCall");
    names.filter_map(|part| part.name.as_deref().map(Arc::from)).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    const USER: &str =
        r#"{"type":"message","message":{"role":"user","content":"hi","timestamp":5}}"#;
    const REPLY: &str = r#"{"type":"message","message":{"role":"assistant","provider":"p","model":"m","content":[{"type":"text","text":"x"},{"type":"toolCall","name":"exec"}],"usage":{"input":3,"output":2,"totalTokens":5,"cost":{"total":0.5}},"stopReason":"toolUse","timestamp":6}}"#;

    fn reply_of(told: &Told) -> (u64, Vec<&str>) {
        match &told.by {
            Teller::Assistant { usage, calls, .. } => {
                (usage.map_or(0, |it| it.total_tokens), calls.iter().map(|it| &**it).collect())
            }
            Teller::User | Teller::Tool { .. } => panic!("{told:?}"),
        }
    }

    #[test]
    fn a_second_look_reads_only_what_came_since() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        let mut file = File::create(&path).unwrap();
        let readings = Readings::default();
        writeln!(file, "{USER}\nnonsense").unwrap();
        write!(file, "{}", &REPLY[..20]).unwrap();

        let first = readings.of(&path).unwrap();
        writeln!(file, "{}", &REPLY[20..]).unwrap();
        let second = readings.of(&path).unwrap();
        let third = readings.of(&path).unwrap();

        assert_eq!((first.len(), &first[0].by), (1, &Teller::User));
        assert_eq!(second.len(), 2);
        assert_eq!(reply_of(&second[1]), (5, vec!["exec"]));
        assert!(Arc::ptr_eq(&second, &third));
    }

    #[test]
    fn a_file_that_was_replaced_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, format!("{USER}\n{USER}\n")).unwrap();
        let readings = Readings::default();
        assert_eq!(readings.of(&path).unwrap().len(), 2);

        let other = dir.path().join("b");
        std::fs::write(&other, format!("{USER}\n{USER}\n{REPLY}\n")).unwrap();
        std::fs::rename(&other, &path).unwrap();

        assert_eq!(readings.of(&path).unwrap().len(), 3);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(readings.of(&path).unwrap().len(), 0);
    }
}
