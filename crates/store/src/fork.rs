//! A conversation that begins with what was said in another.

use domain::{EntryId, SessionId, transcript::Header};

use crate::{
    SessionEntry, Sessions, StoreError, atomic, bounded, private, store::blocking,
    transcript::line::Lines,
};

impl Sessions {
    /// Copies the lines of `source` up to `last` into a new transcript for the session `id`; the
    /// header names the file they came from. Says whether there was anything to copy.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; there is no new file then.
    pub async fn fork(
        &self,
        source: &SessionEntry,
        last: Option<EntryId>,
        (id, cwd): (&SessionId, &str),
    ) -> Result<bool, StoreError> {
        self.writable()?;
        let Some(from) = self.transcripts(source)?.into_iter().next() else { return Ok(false) };
        let Some(last) = last else { return Ok(false) };
        let into = self.sessions_dir().join(format!("{id}.jsonl"));
        let header = Header {
            version: domain::transcript::VERSION,
            id: id.clone(),
            timestamp: self.now().to_iso(),
            cwd: cwd.to_owned(),
            parent_session: Some(from.display().to_string()),
        };
        blocking(move || {
            let bytes = bounded::read(&from, bounded::TRANSCRIPT_BYTES_MAX)?.unwrap_or_default();
            let lines = Lines::parse(&bytes);
            let is_last = |at: &usize| {
                lines.entries.get(*at).is_some_and(|it| it.fields.id() == Some(last.as_str()))
            };
            let Some(last) = (0..lines.entries.len()).rev().find(is_last) else {
                return Ok(false);
            };
            let mut text = serde_json::to_vec(&header)
                .map_err(|error| StoreError::io("write", &into, error.into()))?;
            text.push(b'\n');
            for at in lines.path_to(Some(last)) {
                if let Some(line) = lines.entries.get(at) {
                    text.extend_from_slice(line.raw);
                    text.push(b'\n');
                }
            }
            private::make_parent(&into)?;
            atomic::write(&into, &text)?;
            Ok(true)
        })
        .await
    }
}
