//! `audit/audit.jsonl`: what was done through the gateway and by agents, one line each, only
//! ever added to.
//!
//! A file that has grown to [`FILE_BYTES_MAX`] becomes `audit.1.jsonl`, that one `audit.2.jsonl`
//! and so on; of the oldest, those past [`OLDER_MAX`] go. What a line says is the business of
//! whoever writes it; here a line is an object with a `sequence` that counts from 1 without end.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use domain::printable;
use serde_json::{Map, Value};

use crate::{StoreError, bounded, error::At, private, store::blocking};

/// Size at which a file is set aside.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Size past which a file is not read: it was not written by us.
const READ_BYTES_MAX: u64 = 4 * FILE_BYTES_MAX;
/// Older files that are kept.
const OLDER_MAX: u32 = 4;

/// The writer. There is one, and it is asked for one thing at a time.
#[derive(Debug)]
pub struct AuditLog {
    files: AuditFiles,
    file: File,
    bytes: u64,
    bytes_max: u64,
    next: u64,
}

/// The files, for readers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AuditFiles {
    dir: PathBuf,
}

/// Some lines, newest first.
#[derive(Debug, Default, PartialEq)]
pub struct AuditPage {
    /// The lines.
    pub records: Vec<Value>,
    /// The number below which older ones are, if there may be any.
    pub next: Option<u64>,
}

impl AuditLog {
    /// Opens the log of this state directory and goes on counting. Blocks; meant for the start.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(state_dir, FILE_BYTES_MAX)
    }

    fn open_with(state_dir: &Path, bytes_max: u64) -> Result<Self, StoreError> {
        let files = AuditFiles::new(state_dir);
        private::make_dir(&files.dir)?;
        let path = files.path(0);
        if bounded::open(&path, READ_BYTES_MAX).is_err_and(|error| error.is_of_content()) {
            let kept = bounded::set_aside(&path)?;
            tracing::warn!(path = %path.display(), kept = %kept.display(),
                "the audit log cannot be used; it is kept aside");
        }
        let last = files.read(None, 1, |_| true)?;
        let last = last.records.first().and_then(sequence_of).unwrap_or(0);
        // A line that a power cut left half written must not swallow the next one.
        let is_torn = bounded::read(&path, READ_BYTES_MAX)?
            .is_some_and(|bytes| bytes.last().is_some_and(|b| *b != b'\n'));
        let mut file = open(&path)?;
        if is_torn {
            file.write_all(b"\n").at("write", &path)?;
        }
        let bytes = file.metadata().at("read", &path)?.len();
        Ok(Self { files, file, bytes, bytes_max, next: last + 1 })
    }

    /// Where to read it.
    pub fn files(&self) -> AuditFiles {
        self.files.clone()
    }

    /// Numbers these records and adds them with one write. Blocks.
    pub fn append(&mut self, records: Vec<Map<String, Value>>) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for record in records {
            let mut numbered = Map::new();
            numbered.insert("sequence".to_owned(), self.next.into());
            numbered.extend(record);
            self.next += 1;
            let line = printable::json(Value::Object(numbered).to_string());
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        if self.bytes >= self.bytes_max {
            self.set_aside()?;
        }
        self.file.write_all(&text).at("write", &self.files.path(0))?;
        self.bytes = self.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Puts what was added so far on the disk. Blocks.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().at("sync", &self.files.path(0))
    }

    fn set_aside(&mut self) -> Result<(), StoreError> {
        for age in (0..OLDER_MAX).rev() {
            let path = self.files.path(age);
            match fs::rename(&path, self.files.path(age + 1)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).at("rename", &path);
                }
                Ok(()) | Err(_) => {}
            }
        }
        self.file = open(&self.files.path(0))?;
        self.bytes = 0;
        Ok(())
    }
}

impl AuditFiles {
    /// The files of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("audit") }
    }

    /// Gives the newest `limit` records below number `before` that are `wanted`.
    pub async fn page(
        &self,
        before: Option<u64>,
        limit: usize,
        wanted: impl Fn(&Value) -> bool + Send + 'static,
    ) -> Result<AuditPage, StoreError> {
        let files = self.clone();
        blocking(move || files.read(before, limit, wanted)).await
    }

    fn read(
        &self,
        before: Option<u64>,
        limit: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<AuditPage, StoreError> {
        let mut page = AuditPage::default();
        for age in 0..=OLDER_MAX {
            let path = self.path(age);
            let bytes = match bounded::read(&path, READ_BYTES_MAX) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) if error.is_of_content() => continue,
                Err(error) => return Err(error),
            };
            for line in bytes.rsplit(|byte| *byte == b'\n') {
                let Ok(record) = serde_json::from_slice::<Value>(line) else { continue };
                let Some(number) = sequence_of(&record) else { continue };
                if before.is_some_and(|before| number >= before) || !wanted(&record) {
                    continue;
                }
                if page.records.len() == limit {
                    page.next = page.records.last().and_then(sequence_of);
                    return Ok(page);
                }
                page.records.push(record);
            }
        }
        Ok(page)
    }

    fn path(&self, age: u32) -> PathBuf {
        match age {
            0 => self.dir.join("audit.jsonl"),
            age => self.dir.join(format!("audit.{age}.jsonl")),
        }
    }
}

fn sequence_of(record: &Value) -> Option<u64> {
    record.get("sequence")?.as_u64()
}

fn open(path: &Path) -> Result<File, StoreError> {
    private::open_or_create(path, OpenOptions::new().append(true)).at("open", path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    fn record(text: &str) -> Map<String, Value> {
        Map::from_iter([("what".to_owned(), json!(text))])
    }

    fn numbers(page: &AuditPage) -> Vec<u64> {
        page.records.iter().filter_map(sequence_of).collect()
    }

    #[tokio::test]
    async fn a_record_is_one_line_that_commands_no_terminal() {
        let home = tempfile::tempdir().unwrap();
        let mut log = AuditLog::open(home.path()).unwrap();
        let evil = "a\n{}\u{1b}]0;t\u{7}\u{9b}2J\u{2028}\u{202e}";

        log.append(vec![record(evil)]).unwrap();
        let page = log.files().page(None, 9, |_| true).await.unwrap();

        let text = fs::read_to_string(log.files().path(0)).unwrap();
        assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
        assert!(!text.chars().any(printable::is_hidden), "{text:?}");
        assert_eq!(page.records[0]["what"], evil);
    }

    #[tokio::test]
    async fn pages_go_back_to_the_first_record_and_the_count_goes_on_after_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let mut log = AuditLog::open(home.path()).unwrap();
        log.append((0..5).map(|n| record(&n.to_string())).collect()).unwrap();
        drop(log);
        let mut log = AuditLog::open(home.path()).unwrap();
        log.append(vec![record("last")]).unwrap();
        let files = log.files();

        let first = files.page(None, 4, |_| true).await.unwrap();
        let second = files.page(first.next, 4, |_| true).await.unwrap();
        let some = files.page(None, 4, |it| it["what"] == "1").await.unwrap();

        assert_eq!((numbers(&first), first.next), (vec![6, 5, 4, 3], Some(3)));
        assert_eq!((numbers(&second), second.next), (vec![2, 1], None));
        assert_eq!((numbers(&some), some.next), (vec![2], None));
    }

    #[test]
    fn files_are_private_and_old_ones_go() {
        let home = tempfile::tempdir().unwrap();
        let mut log = AuditLog::open_with(home.path(), 64).unwrap();

        for _ in 0..40 {
            log.append(vec![record("some words")]).unwrap();
        }

        let dir = home.path().join("audit");
        let kept: Vec<_> = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(kept.len(), 5);
        for path in kept {
            let facts = fs::metadata(&path).unwrap();
            assert_eq!(facts.permissions().mode() & 0o777, 0o600);
            assert!(facts.len() < 200, "{}", facts.len());
        }
        assert_eq!(numbers(&log.files().read(None, 1, |_| true).unwrap()), [40]);
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let home = tempfile::tempdir().unwrap();
        let mut log = AuditLog::open(home.path()).unwrap();
        log.append(vec![record("a")]).unwrap();
        log.file.write_all(br#"{"sequence":2,"wh"#).unwrap();

        let mut log = AuditLog::open(home.path()).unwrap();
        log.append(vec![record("b")]).unwrap();

        assert_eq!(numbers(&log.files().read(None, 9, |_| true).unwrap()), [2, 1]);
    }
}
