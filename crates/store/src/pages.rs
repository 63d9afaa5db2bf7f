//! Conversations as people read them: pages of the branch that goes on, and the branches that were
//! left. For what a model is to see, see [`crate::Context`].
//!
//! Outlines of transcripts that were read are kept, at most [`FILES_MAX`] of them.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use domain::EntryId;

use crate::{
    SessionEntry, Sessions, StoreError, TailMessage, error::At, store::blocking,
    transcript::outline::Outline,
};

/// Transcripts whose outline is kept.
const FILES_MAX: usize = 128;
/// Branches told of one conversation, the newest.
const BRANCHES_MAX: usize = 100;
/// How far back a person's words are looked for.
const STEPS_BACK_MAX: usize = 200;

/// Which messages of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// The newest `limit`, after passing over the newest `skip`.
    Newest {
        /// How many to pass over.
        skip: usize,
        /// How many to give.
        limit: usize,
    },
    /// At most `limit` of which the named one is in the middle.
    Around {
        /// The message.
        id: EntryId,
        /// How many to give.
        limit: usize,
    },
    /// All after the `seq`th, which was called `id`.
    After {
        /// How many are known.
        seq: usize,
        /// The name of the last that is known.
        id: Option<EntryId>,
    },
}

/// Some messages of a branch.
#[derive(Debug, Default)]
pub struct Page {
    /// Oldest first.
    pub messages: Vec<TailMessage>,
    /// How many older ones the branch has.
    pub before: usize,
    /// How many messages the branch has.
    pub total: usize,
    /// The name of the branch's last message.
    pub newest: Option<EntryId>,
}

/// A way through a conversation.
#[derive(Debug)]
pub struct Branch {
    /// Its last message.
    pub leaf: EntryId,
    /// How many messages it has.
    pub messages: usize,
    /// When its last message was written, ISO 8601.
    pub written: Option<String>,
    /// The last thing that a person said in it.
    pub said: Option<TailMessage>,
    /// Whether the conversation goes on from here.
    pub is_active: bool,
}

/// A message, and what is before it.
#[derive(Debug)]
pub struct Spot {
    /// The message.
    pub message: TailMessage,
    /// The line before it; `None` when it is the first.
    pub before: Option<EntryId>,
    /// Whether it is on the branch that the conversation goes on from.
    pub is_active: bool,
}

/// What is known of transcripts.
#[derive(Debug, Default)]
pub(crate) struct Outlines(Mutex<HashMap<PathBuf, Arc<Mutex<Outline>>>>);

impl Sessions {
    /// A page of the conversation, with at most `bytes_max` bytes of messages: older ones are left
    /// out. `None` when the span cannot be had: a message that is not on the branch, or an
    /// [`Span::After`] that is no longer the beginning of it or would be cut. No transcript reads
    /// as one without messages.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file is there and cannot be read.
    pub async fn page(
        &self,
        entry: &SessionEntry,
        span: Span,
        bytes_max: usize,
    ) -> Result<Option<Page>, StoreError> {
        let empty = match &span {
            Span::Newest { .. } | Span::After { seq: 0, .. } => Some(Page::default()),
            Span::Around { .. } | Span::After { .. } => None,
        };
        let read = self.outlined(entry, move |outline, file| read(outline, file, &span, bytes_max));
        Ok(read.await?.unwrap_or(empty))
    }

    /// The message of the line `id`, on whatever branch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file is there and cannot be read.
    pub async fn spot(
        &self,
        entry: &SessionEntry,
        id: EntryId,
    ) -> Result<Option<Spot>, StoreError> {
        let found = self.outlined(entry, move |outline, file| {
            let Some(node) = outline.find(&id) else { return Ok(None) };
            let seq = outline.messages_to(Some(node)).len();
            let Some(message) = outline.message(file, node, seq)? else { return Ok(None) };
            let before = outline.parent(node).and_then(|at| outline.id(at)).cloned();
            let is_active = outline.talk().binary_search(&node).is_ok();
            Ok(Some(Spot { message, before, is_active }))
        });
        Ok(found.await?.flatten())
    }

    /// The branches of a conversation, the one that goes on first and then the newest.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the file is there and cannot be read.
    pub async fn branches(&self, entry: &SessionEntry) -> Result<Vec<Branch>, StoreError> {
        let found = self.outlined(entry, |outline, file| {
            let mut tips = outline.tips();
            tips.sort_by_key(|tip| (!tip.is_active, std::cmp::Reverse(tip.node)));
            let tips = tips.into_iter().take(BRANCHES_MAX);
            tips.filter_map(|tip| branch(outline, file, tip).transpose()).collect()
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Looks at the outline of `entry`'s transcript; `None` when there is no file.
    async fn outlined<T: Send + 'static>(
        &self,
        entry: &SessionEntry,
        look: impl FnOnce(&Outline, &File) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let Some(path) = self.transcripts(entry)?.into_iter().next() else { return Ok(None) };
        let outlines = self.outlines();
        blocking(move || {
            let outline = outlines.of(&path);
            let mut outline = outline.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(file) = outline.catch_up(&path)? else { return Ok(None) };
            look(&outline, &file).map(Some).at("read", &path)
        })
        .await
    }
}

impl Outlines {
    fn of(&self, path: &Path) -> Arc<Mutex<Outline>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= FILES_MAX && !files.contains_key(path) {
            files.clear();
        }
        Arc::clone(files.entry(path.to_owned()).or_default())
    }
}

fn read(outline: &Outline, file: &File, span: &Span, bytes_max: usize) -> io::Result<Option<Page>> {
    let talk = outline.talk();
    let Some((begin, end)) = bounds(outline, span) else { return Ok(None) };
    let mut bytes_left = bytes_max;
    let mut newest_first = Vec::new();
    let mut before = begin;
    let wanted = talk.iter().enumerate().take(end).skip(begin);
    for (at, node) in wanted.rev() {
        let Some(message) = outline.message(file, *node, at + 1)? else { continue };
        let bytes = message.message.get().len();
        if bytes > bytes_left {
            before = at + 1;
            break;
        }
        bytes_left -= bytes;
        newest_first.push(message);
    }
    if before > begin && matches!(span, Span::After { .. }) {
        return Ok(None);
    }
    newest_first.reverse();
    let newest = talk.last().and_then(|node| outline.id(*node)).cloned();
    Ok(Some(Page { messages: newest_first, before, total: talk.len(), newest }))
}

/// Which of the branch's messages are meant, as a half-open range.
fn bounds(outline: &Outline, span: &Span) -> Option<(usize, usize)> {
    let talk = outline.talk();
    let total = talk.len();
    match span {
        Span::Newest { skip, limit } => {
            let end = total.saturating_sub(*skip);
            Some((end.saturating_sub(*limit), end))
        }
        Span::Around { id, limit } => {
            let node = outline.find(id)?;
            let at = talk.binary_search(&node).ok()?;
            let begin = at.saturating_sub(limit / 2);
            let end = begin.saturating_add((*limit).max(1)).min(total);
            Some((end.saturating_sub((*limit).max(1)), end))
        }
        Span::After { seq: 0, .. } => Some((0, total)),
        Span::After { seq, id } => {
            let last = talk.get(seq - 1)?;
            (outline.id(*last) == id.as_ref()).then_some((*seq, total))
        }
    }
}

fn branch(
    outline: &Outline,
    file: &File,
    tip: crate::transcript::outline::Tip,
) -> io::Result<Option<Branch>> {
    let Some(leaf) = outline.id(tip.node).cloned() else { return Ok(None) };
    let way = outline.messages_to(Some(tip.node));
    let mut written = None;
    let mut said = None;
    for (at, node) in way.iter().enumerate().rev().take(STEPS_BACK_MAX) {
        let Some(message) = outline.message(file, *node, at + 1)? else { continue };
        if *node == tip.node {
            written.clone_from(&message.timestamp);
        }
        if message.is_by("user") {
            said = Some(message);
            break;
        }
    }
    Ok(Some(Branch { leaf, messages: tip.messages, written, said, is_active: tip.is_active }))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// A talk of `count` messages named `m1`, `m2` and so on.
    fn talk(count: usize) -> (tempfile::NamedTempFile, Outline) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for n in 1..=count {
            let message = r#"{"role":"user","content":"x"}"#;
            writeln!(file, r#"{{"type":"message","id":"m{n}","message":{message}}}"#).unwrap();
        }
        let mut outline = Outline::default();
        outline.catch_up(file.path()).unwrap();
        (file, outline)
    }

    fn seqs(page: &Page) -> Vec<usize> {
        page.messages.iter().filter_map(|it| it.place).map(|place| place.seq).collect()
    }

    #[test]
    fn a_page_lies_around_a_message_or_after_one() {
        let (file, outline) = talk(10);
        let of = |span: Span| read(&outline, file.as_file(), &span, usize::MAX).unwrap();
        let around = |id: &str| of(Span::Around { id: EntryId::new(id), limit: 4 });
        let after = |seq, id: &str| of(Span::After { seq, id: Some(EntryId::new(id)) });

        assert_eq!(seqs(&around("m5").unwrap()), [3, 4, 5, 6]);
        assert_eq!(seqs(&around("m1").unwrap()), [1, 2, 3, 4]);
        assert_eq!(seqs(&around("m10").unwrap()), [7, 8, 9, 10]);
        assert!(around("nobody").is_none());
        assert_eq!(seqs(&after(8, "m8").unwrap()), [9, 10]);
        assert!(after(10, "m10").unwrap().messages.is_empty());
        assert!(after(8, "m7").is_none());
        assert!(after(11, "m11").is_none());
    }

    #[test]
    fn what_is_too_long_loses_its_beginning_or_is_refused() {
        let (file, outline) = talk(5);
        let room = r#"{"role":"user","content":"x"}"#.len() * 2;
        let of = |span: Span| read(&outline, file.as_file(), &span, room).unwrap();

        let newest = of(Span::Newest { skip: 1, limit: 10 }).unwrap();

        assert_eq!((seqs(&newest), newest.before, newest.total), (vec![3, 4], 2, 5));
        assert!(of(Span::After { seq: 1, id: Some(EntryId::new("m1")) }).is_none());
    }

    proptest! {
        #[test]
        fn pages_join_without_gap_or_overlap(count in 0usize..40, limit in 1usize..9) {
            let (file, outline) = talk(count);
            let mut all = Vec::new();
            let mut skip = 0;
            loop {
                let span = Span::Newest { skip, limit };
                let page = read(&outline, file.as_file(), &span, usize::MAX).unwrap().unwrap();
                prop_assert!(page.messages.len() <= limit);
                skip += page.messages.len();
                all.splice(0..0, seqs(&page));
                if page.before == 0 {
                    break;
                }
            }
            prop_assert_eq!(all, (1..=count).collect::<Vec<_>>());
        }
    }
}
