//! The outline of a transcript: where its lines are and what hangs on what, without their words.
//!
//! A transcript only grows, so an outline is brought up to date by reading what came since. A file
//! that was replaced or cut is read anew.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use domain::EntryId;

use super::{
    line::{read_fields, read_header},
    tail::{Place, TailMessage, message_of},
};
use crate::{StoreError, bounded, error::At};

/// What is known of one file.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    inode: u64,
    /// End of the last whole line that was read.
    end: u64,
    /// Whole lines so far, be they what they may.
    lines: usize,
    nodes: Vec<Node>,
    by_id: HashMap<EntryId, usize>,
    /// Messages from the root to the last line, along its branch.
    talk: Vec<usize>,
}

/// One line after the header.
#[derive(Debug)]
struct Node {
    begin: u64,
    bytes: usize,
    line: usize,
    id: Option<EntryId>,
    /// Always an earlier one.
    parent: Option<usize>,
    is_message: bool,
}

/// A way through the tree that ends with a message which nothing follows, or with the one that
/// the conversation goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// Its last message.
    pub(crate) node: usize,
    /// How many messages there are on the way.
    pub(crate) messages: usize,
    /// Whether the conversation goes on from here.
    pub(crate) is_active: bool,
}

impl Outline {
    /// Reads what came since the last look. Blocks. `None` when there is no file.
    pub(crate) fn catch_up(&mut self, path: &Path) -> Result<Option<File>, StoreError> {
        let Some(file) = bounded::open(path, bounded::TRANSCRIPT_BYTES_MAX)? else {
            return Ok(None);
        };
        let meta = file.metadata().at("read", path)?;
        if self.inode != meta.ino() || !self.still_ends_here(&file, meta.len()) {
            *self = Self { inode: meta.ino(), ..Self::default() };
        }
        if self.end == meta.len() {
            return Ok(Some(file));
        }
        let length = usize::try_from(meta.len() - self.end).unwrap_or(usize::MAX);
        let mut text = vec![0; length];
        file.read_exact_at(&mut text, self.end).at("read", path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in text.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            self.take(line);
        }
        self.talk = self.messages_to(self.nodes.len().checked_sub(1));
        Ok(Some(file))
    }

    /// The messages of the branch that the conversation goes on from, oldest first.
    pub(crate) fn talk(&self) -> &[usize] {
        &self.talk
    }

    /// The line with this id.
    pub(crate) fn find(&self, id: &EntryId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The id of a line.
    pub(crate) fn id(&self, node: usize) -> Option<&EntryId> {
        self.nodes.get(node)?.id.as_ref()
    }

    /// The line before a line.
    pub(crate) fn parent(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.parent
    }

    /// Positions of the messages from the root to `node`.
    pub(crate) fn messages_to(&self, node: Option<usize>) -> Vec<usize> {
        let mut way: Vec<usize> = self.way_to(node);
        way.retain(|at| self.nodes.get(*at).is_some_and(|node| node.is_message));
        way
    }

    /// Positions of all lines from the root to `node`.
    pub(crate) fn way_to(&self, node: Option<usize>) -> Vec<usize> {
        let mut way: Vec<usize> = std::iter::successors(node, |at| self.parent(*at)).collect();
        way.reverse();
        way
    }

    /// Bytes of a line, without its line break. Blocks.
    pub(crate) fn read(&self, file: &File, node: usize) -> io::Result<Vec<u8>> {
        let Some(node) = self.nodes.get(node) else { return Ok(Vec::new()) };
        let mut line = vec![0; node.bytes];
        file.read_exact_at(&mut line, node.begin)?;
        Ok(line)
    }

    /// The message of a line, as the `seq`th of its branch. Blocks.
    pub(crate) fn message(
        &self,
        file: &File,
        node: usize,
        seq: usize,
    ) -> io::Result<Option<TailMessage>> {
        let line = self.nodes.get(node).map_or(0, |node| node.line);
        let message = message_of(&self.read(file, node)?);
        Ok(message.map(|message| TailMessage { place: Some(Place { seq, line }), ..message }))
    }

    /// All ways through the tree, in the order in which they end.
    pub(crate) fn tips(&self) -> Vec<Tip> {
        // For each line: its last message, be it itself, and how many messages lead there.
        let mut last: Vec<(Option<usize>, usize)> = Vec::with_capacity(self.nodes.len());
        let mut is_followed = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let before = node.parent.and_then(|parent| last.get(parent)).copied();
            let (message, count) = before.unwrap_or((None, 0));
            if node.is_message {
                if let Some(followed) = message.and_then(|it| is_followed.get_mut(it)) {
                    *followed = true;
                }
                last.push((Some(at), count + 1));
            } else {
                last.push((message, count));
            }
        }
        let active = self.talk.last().copied();
        let counted = self.nodes.iter().zip(&last).zip(&is_followed).enumerate();
        counted
            .filter(|(at, ((node, _), is_followed))| {
                node.is_message && (!**is_followed || active == Some(*at))
            })
            .map(|(node, ((_, (_, messages)), _))| Tip {
                node,
                messages: *messages,
                is_active: active == Some(node),
            })
            .collect()
    }

    fn take(&mut self, line: &[u8]) {
        let (begin, number) = (self.end, self.lines);
        self.end += line.len() as u64;
        self.lines += 1;
        let raw = line.strip_suffix(b"\n").unwrap_or(line);
        if number == 0 && read_header(raw).is_some() {
            return;
        }
        let Some(fields) = read_fields(raw) else { return };
        let previous = self.nodes.len().checked_sub(1);
        let parent = fields.parent(previous, |id| self.by_id.get(&EntryId::new(id)).copied());
        let id = fields.id().map(EntryId::new);
        if let Some(id) = id.clone() {
            self.by_id.insert(id, self.nodes.len());
        }
        let is_message = fields.message.is_some_and(|message| message.get().starts_with('{'));
        self.nodes.push(Node { begin, bytes: raw.len(), line: number, id, parent, is_message });
    }

    /// Whether what was read is still the beginning of the file.
    fn still_ends_here(&self, file: &File, length: u64) -> bool {
        let Some(before) = self.end.checked_sub(1) else { return true };
        let mut last = [0];
        length >= self.end && file.read_exact_at(&mut last, before).is_ok() && last == *b"\n"
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn line(id: &str, parent: &str, is_message: bool) -> String {
        let parent = if parent.is_empty() { "null".to_owned() } else { format!("\"{parent}\"") };
        let rest = if is_message {
            r#""type":"message","message":{"role":"user","content":"x"}"#
        } else {
            r#""type":"custom","customType":"branch""#
        };
        format!("{{\"id\":\"{id}\",\"parentId\":{parent},{rest}}}\n")
    }

    fn ids(outline: &Outline, nodes: &[usize]) -> Vec<String> {
        nodes.iter().filter_map(|node| outline.id(*node)).map(ToString::to_string).collect()
    }

    #[test]
    fn branches_are_told_apart_and_growth_is_followed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let header = r#"{"type":"session","version":3,"id":"s"}"#;
        write!(file, "{header}\n{}{}", line("a", "", true), line("b", "a", true)).unwrap();
        write!(file, "{}{{torn", line("c", "b", true)).unwrap();
        let mut outline = Outline::default();

        outline.catch_up(file.path()).unwrap();
        let before = ids(&outline, outline.talk());
        writeln!(file).unwrap();
        write!(file, "{}{}", line("m", "a", false), line("d", "m", true)).unwrap();
        outline.catch_up(file.path()).unwrap();

        assert_eq!(before, ["a", "b", "c"]);
        assert_eq!(ids(&outline, outline.talk()), ["a", "d"]);
        let tips: Vec<_> = outline.tips().iter().map(|it| (it.messages, it.is_active)).collect();
        assert_eq!(tips, [(3, false), (2, true)]);
    }

    #[test]
    fn a_conversation_that_goes_on_from_the_middle_has_a_tip_there() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}{}", line("a", "", true), line("b", "a", true)).unwrap();
        write!(file, "{}", line("m", "a", false)).unwrap();
        let mut outline = Outline::default();

        let open = outline.catch_up(file.path()).unwrap().unwrap();

        let tips: Vec<_> = outline.tips().iter().map(|it| (it.node, it.is_active)).collect();
        assert_eq!(tips, [(0, true), (1, false)]);
        let message = outline.message(&open, 1, 2).unwrap().unwrap();
        assert_eq!(message.place, Some(Place { seq: 2, line: 1 }));
    }

    #[test]
    fn a_file_that_was_replaced_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jsonl");
        std::fs::write(&path, line("a", "", true) + &line("b", "a", true)).unwrap();
        let mut outline = Outline::default();
        outline.catch_up(&path).unwrap();

        let other = dir.path().join("b");
        std::fs::write(&other, line("c", "", true)).unwrap();
        std::fs::rename(&other, &path).unwrap();
        outline.catch_up(&path).unwrap();

        assert_eq!(ids(&outline, outline.talk()), ["c"]);
        std::fs::remove_file(&path).unwrap();
        assert!(outline.catch_up(&path).unwrap().is_none());
    }
}
