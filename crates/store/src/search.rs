//! Finds words in what was said.

use std::{fs, io, path::Path, sync::Arc};

use domain::{EntryId, Message, SessionKey};

use crate::{
    SessionEntry, Sessions, StoreError, TailMessage,
    store::blocking,
    transcript::{line::Lines, tail::message_of},
};

/// Most bytes of transcripts that one search reads.
const BYTES_MAX: u64 = 256 << 20;
/// Hits that are kept of one conversation, the best.
const HITS_PER_TALK_MAX: usize = 100;

/// A message that has the words.
#[derive(Debug)]
pub struct Hit {
    /// Its conversation.
    pub key: SessionKey,
    /// The conversation's session.
    pub entry: Arc<SessionEntry>,
    /// The message's line.
    pub id: EntryId,
    /// The message.
    pub line: TailMessage,
    /// What it says.
    pub text: String,
    /// How well it fits; more is better.
    pub score: f64,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// In no particular order.
    pub hits: Vec<Hit>,
    /// Whether not everything was looked through.
    pub truncated: bool,
}

/// The words that are looked for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a query. A message has to have all of them, wherever and however written.
    pub fn of(query: &str) -> Self {
        let mut words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        words.dedup();
        Self(words)
    }

    /// How often a text has the words, weighed against its length; `None` when it lacks one.
    pub fn score(&self, text: &str) -> Option<f64> {
        let text = text.to_lowercase();
        let mut score = 0.0;
        for word in &self.0 {
            let count = text.matches(word.as_str()).take(20).count();
            if count == 0 {
                return None;
            }
            score += f64::from(u32::try_from(count).unwrap_or(u32::MAX)).sqrt();
        }
        let words = text.split_whitespace().take(1000).count();
        let length = f64::from(u32::try_from(words).unwrap_or(u32::MAX));
        (!self.0.is_empty()).then(|| score / (1.0 + length / 200.0))
    }

    /// Where the first of the words begins in a text, in characters.
    pub fn first_in(&self, text: &str) -> usize {
        let lower = text.to_lowercase();
        let at = self.0.iter().filter_map(|word| lower.find(word.as_str())).min().unwrap_or(0);
        lower.get(..at).map_or(0, |head| head.chars().count())
    }
}

impl Sessions {
    /// Looks for `words` in the branches that the `talks` go on from, in the order given, until
    /// enough was read. What cannot be read has none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] when the store closes meanwhile.
    pub async fn search(
        &self,
        talks: Vec<(SessionKey, Arc<SessionEntry>)>,
        words: Words,
    ) -> Result<Found, StoreError> {
        let sessions = self.clone();
        blocking(move || {
            let mut found = Found::default();
            let mut bytes_left = BYTES_MAX;
            for (key, entry) in talks {
                let Some(path) = sessions.transcripts(&entry)?.into_iter().next() else { continue };
                let Ok(bytes) = read(&path, bytes_left) else {
                    found.truncated = true;
                    continue;
                };
                bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
                let mut hits: Vec<Hit> = said(&bytes)
                    .filter_map(|(id, line, text)| {
                        let score = words.score(&text)?;
                        let (key, entry) = (key.clone(), Arc::clone(&entry));
                        Some(Hit { key, entry, id, line, text, score })
                    })
                    .collect();
                hits.sort_by(|a, b| b.score.total_cmp(&a.score));
                found.truncated |= hits.len() > HITS_PER_TALK_MAX;
                hits.truncate(HITS_PER_TALK_MAX);
                found.hits.append(&mut hits);
            }
            Ok(found)
        })
        .await
    }
}

/// Reads a file of at most `bytes_max` bytes.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > bytes_max {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    fs::read(path)
}

/// What people and models said on the branch that goes on.
fn said(bytes: &[u8]) -> impl Iterator<Item = (EntryId, TailMessage, String)> {
    let lines = Lines::parse(bytes);
    let way = lines.path();
    way.into_iter().filter_map(move |at| {
        let line = lines.entries.get(at)?;
        let id = EntryId::new(line.fields.id()?);
        let message = message_of(line.raw)?;
        let text = match serde_json::from_str(message.message.get()).ok()? {
            Message::User(user) => user.content.joined_text(),
            Message::Assistant(assistant) => assistant.content.joined_text(),
            Message::ToolResult(_) | Message::BashExecution(_) => return None,
        };
        Some((id, message, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_there_and_more_of_them_in_less_text_is_better() {
        let words = Words::of("Blue  whale blue");

        assert_eq!(words.score("a blue car"), None);
        let short = words.score("The BLUE whale is blue.").unwrap();
        let long = words.score(&format!("blue whale {}", "x ".repeat(300))).unwrap();
        assert!(short > long, "{short} {long}");
        assert_eq!(Words::of("  ").score("anything"), None);
        assert_eq!(Words::of("übel").first_in("Das Übel kommt"), 4);
    }

    #[test]
    fn only_the_branch_that_goes_on_is_looked_at() {
        let line = |id: &str, parent: &str, text: &str| {
            let message = format!(r#"{{"role":"user","content":"{text}","timestamp":1}}"#);
            format!(
                r#"{{"type":"message","id":"{id}","parentId":{parent},"message":{message}}}{}"#,
                "\n"
            )
        };
        let text = line("a", "null", "one")
            + &line("b", "\"a\"", "left")
            + &line("c", "\"a\"", "kept")
            + "{\"type\":\"message\",\"id\":\"d\",\"parentId\":\"c\",\"message\":{\"role\":\"toolResult\"}}\n";

        let said: Vec<String> = said(text.as_bytes()).map(|(_, _, text)| text).collect();

        assert_eq!(said, ["one", "kept"]);
    }
}
