//! The newest messages of a transcript, read from its end.

use std::{borrow::Cow, os::unix::fs::FileExt, path::Path};

use domain::EntryId;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{StoreError, bounded, error::At};

const BLOCK_BYTES: u64 = 256 * 1024;

/// The newest messages of a transcript, in file order: branches and compaction do not matter. A
/// quick look; who needs the branch reads [`crate::Page`]s.
#[derive(Debug, Default)]
pub struct Tail {
    /// Oldest first.
    pub messages: Vec<TailMessage>,
    /// Whether older messages were left out.
    pub truncated: bool,
}

/// One message as the file has it.
#[derive(Debug)]
pub struct TailMessage {
    /// Its line; absent in files of version 1.
    pub id: Option<EntryId>,
    /// When the line was written, ISO 8601.
    pub timestamp: Option<String>,
    /// The `message` field.
    pub message: Box<RawValue>,
    /// Where it stands; not known to those who only look at the end of a file.
    pub place: Option<Place>,
}

impl TailMessage {
    /// Whether the message is of this role.
    pub fn is_by(&self, role: &str) -> bool {
        #[derive(Deserialize)]
        struct Spoken<'a> {
            #[serde(borrow)]
            role: Cow<'a, str>,
        }
        serde_json::from_str::<Spoken<'_>>(self.message.get()).is_ok_and(|it| it.role == role)
    }
}

/// Where a message stands in its transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counts the messages of the branch, from 1.
    pub seq: usize,
    /// Counts the lines of the file; the header is 0.
    pub line: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

/// Reads at most `limit` messages with at most `bytes_max` bytes in all, after passing over the
/// newest `skip`.
pub(crate) fn read(
    path: &Path,
    mut skip: usize,
    limit: usize,
    bytes_max: usize,
) -> Result<Tail, StoreError> {
    let Some(file) = bounded::open(path, bounded::TRANSCRIPT_BYTES_MAX)? else {
        return Ok(Tail::default());
    };
    let mut begin = file.metadata().at("read", path)?.len();
    let mut newest_first = Vec::new();
    let mut bytes_left = bytes_max;
    // The beginning of the oldest line seen, whose own beginning is in the block before.
    let mut carried: Vec<u8> = Vec::new();
    let mut truncated = false;
    while begin > 0 && !truncated {
        let length = begin.min(BLOCK_BYTES.max(carried.len() as u64));
        begin -= length;
        let mut block = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut block, begin).at("read", path)?;
        block.append(&mut carried);
        let mut lines = block.as_slice();
        if begin > 0 {
            let Some(end) = lines.iter().position(|byte| *byte == b'\n') else {
                // A line that is too long to be one of ours hides what is before it.
                truncated = block.len() as u64 > bounded::LINE_BYTES_MAX;
                carried = block;
                continue;
            };
            let (head, whole) = lines.split_at(end);
            carried = head.to_vec();
            lines = whole;
        }
        for line in lines.rsplit(|byte| *byte == b'\n') {
            let Some(message) = message_of(line) else { continue };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let bytes = message.message.get().len();
            if newest_first.len() == limit || bytes > bytes_left {
                truncated = true;
                break;
            }
            bytes_left -= bytes;
            newest_first.push(message);
        }
    }
    newest_first.reverse();
    Ok(Tail { messages: newest_first, truncated })
}

/// The message of a line that has one.
pub(crate) fn message_of(line: &[u8]) -> Option<TailMessage> {
    if line.is_empty() {
        return None;
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    if !line.message.get().starts_with('{') || bounded::nests_too_deeply(line.message.get()) {
        return None;
    }
    Some(TailMessage {
        id: line.id.map(|id| EntryId::new(&*id)),
        timestamp: line.timestamp.and_then(|raw| serde_json::from_str(raw.get()).ok()),
        message: line.message.to_owned(),
        place: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(lines: &[String]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n") + "\n").unwrap();
        file
    }

    fn line(n: usize, text: &str) -> String {
        format!(
            r#"{{"type":"message","id":"{n:08x}","parentId":null,"timestamp":"t{n}","message":{{"role":"user","content":"{text}"}}}}"#
        )
    }

    fn ids(tail: &Tail) -> Vec<usize> {
        let id = |message: &TailMessage| message.id.clone().unwrap();
        tail.messages.iter().map(|m| usize::from_str_radix(id(m).as_str(), 16).unwrap()).collect()
    }

    #[test]
    fn lines_longer_than_a_block_come_whole_and_in_order() {
        let long = "x".repeat(700_000);
        let lines: Vec<_> =
            (0..6).map(|n| line(n, if n % 2 == 0 { &long } else { "short" })).collect();
        let file = write(&lines);

        let tail = read(file.path(), 0, 10, usize::MAX).unwrap();

        assert_eq!((ids(&tail), tail.truncated), (vec![0, 1, 2, 3, 4, 5], false));
        let expected = format!(r#"{{"role":"user","content":"{long}"}}"#);
        assert_eq!(tail.messages[4].message.get(), expected);
        assert_eq!(tail.messages[4].timestamp.as_deref(), Some("t4"));
    }

    #[test]
    fn the_limits_cut_off_the_oldest() {
        let file = write(&(0..100).map(|n| line(n, "hello")).collect::<Vec<_>>());
        let one = r#"{"role":"user","content":"hello"}"#.len();

        let by_count = read(file.path(), 0, 3, usize::MAX).unwrap();
        let by_bytes = read(file.path(), 0, 100, one * 5 + 1).unwrap();
        let all = read(file.path(), 0, 100, usize::MAX).unwrap();

        assert_eq!((ids(&by_count), by_count.truncated), (vec![97, 98, 99], true));
        assert_eq!((ids(&by_bytes), by_bytes.truncated), (vec![95, 96, 97, 98, 99], true));
        assert_eq!((all.messages.len(), all.truncated), (100, false));
    }

    #[test]
    fn older_pages_join_the_newer_ones() {
        let file = write(&(0..10).map(|n| line(n, "hello")).collect::<Vec<_>>());

        let newest = read(file.path(), 0, 4, usize::MAX).unwrap();
        let older = read(file.path(), 4, 4, usize::MAX).unwrap();
        let oldest = read(file.path(), 8, 4, usize::MAX).unwrap();

        assert_eq!((ids(&newest), newest.truncated), (vec![6, 7, 8, 9], true));
        assert_eq!((ids(&older), older.truncated), (vec![2, 3, 4, 5], true));
        assert_eq!((ids(&oldest), oldest.truncated), (vec![0, 1], false));
    }

    #[test]
    fn garbage_and_other_lines_are_passed_over() {
        let other = r#"{"type":"model_change","id":"b","parentId":null}"#.to_owned();
        let file = write(&[other, line(1, "a"), "{torn".to_owned(), line(2, "b")]);

        assert_eq!(ids(&read(file.path(), 0, 10, 1000).unwrap()), [1, 2]);
        assert!(read(Path::new("/nonexistent"), 0, 1, 1).unwrap().messages.is_empty());
    }
}
