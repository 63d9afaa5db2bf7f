//! The log file of the day: written line by line, read from its end.
//!
//! What a line says is the business of whoever logs.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use domain::{Clock, UnixMillis};

use crate::{StoreError, error::At, lock_file::lock, private};

/// Where logs go when nothing else is configured.
pub const LOG_DIR: &str = "/tmp/openclaw";

/// The log file that is written now: a configured one, or one a day in [`LOG_DIR`].
///
/// Clones write to the same file. A write that fails is reported to the writer only.
#[derive(Clone, Debug)]
pub struct LogFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None`: a new file each day in `dir`.
    fixed: Option<PathBuf>,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    current: Mutex<Option<(PathBuf, File)>>,
}

/// Newest lines of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// The file.
    pub file: String,
    /// Where to go on reading, in bytes.
    pub cursor: u64,
    /// Its size, in bytes.
    pub size: u64,
    /// Whole lines.
    pub lines: Vec<String>,
    /// Whether older lines were left out.
    pub truncated: bool,
    /// Whether reading did not go on where the cursor was, as the file shrank or grew too far.
    pub reset: bool,
}

impl LogFile {
    /// Opens the configured file, or that of today.
    pub fn open(configured: Option<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_in(Path::new(LOG_DIR), configured, clock)
    }

    /// The file lines go to now.
    pub fn path(&self) -> PathBuf {
        self.0.path()
    }

    /// Adds one line (without its line break), with one write.
    pub fn write_line(&self, line: &str) -> Result<(), StoreError> {
        let mut text = Vec::with_capacity(line.len() + 1);
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        self.append(&text)
    }

    fn open_in(
        dir: &Path,
        fixed: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let inner = Inner { fixed, dir: dir.to_owned(), clock, current: Mutex::default() };
        let log = Self(Arc::new(inner));
        log.append(b"")?;
        Ok(log)
    }

    fn append(&self, text: &[u8]) -> Result<(), StoreError> {
        let path = self.0.path();
        let mut current = lock(&self.0.current);
        if current.as_ref().is_none_or(|(open, _)| *open != path) {
            *current = Some((path.clone(), open_for_append(&path)?));
        }
        let Some((_, file)) = current.as_mut() else { return Ok(()) };
        file.write_all(text).at("write", &path)
    }
}

/// For log writers that take any [`Write`]: each write is appended as it is.
impl Write for LogFile {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.append(text).map_err(io::Error::other)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Inner {
    fn path(&self) -> PathBuf {
        self.fixed.clone().unwrap_or_else(|| dated(&self.dir, self.clock.now()))
    }
}

/// The log file to read: the configured one, or today's, or the newest there is.
pub fn log_path(configured: Option<&Path>, now: UnixMillis) -> PathBuf {
    if let Some(path) = configured {
        return path.to_owned();
    }
    let dir = Path::new(LOG_DIR);
    let today = dated(dir, now);
    if today.exists() {
        return today;
    }
    newest(dir).unwrap_or(today)
}

/// Reads the newest lines of `path`, or those after `cursor`: at most `limit` lines from at
/// most `bytes_max` bytes. A missing file reads as an empty one.
pub fn tail_log(
    path: &Path,
    cursor: Option<u64>,
    limit: usize,
    bytes_max: u64,
) -> Result<LogTail, StoreError> {
    let file = path.display().to_string();
    let mut log = match File::open(path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reset = cursor.is_some_and(|cursor| cursor > 0);
            return Ok(LogTail {
                file,
                cursor: 0,
                size: 0,
                lines: vec![],
                truncated: false,
                reset,
            });
        }
        Err(error) => return Err(StoreError::io("read", path, error)),
    };
    let size = log.metadata().at("read", path)?.len();
    let earliest = size.saturating_sub(bytes_max);
    let reset = cursor.is_some_and(|cursor| cursor > size || cursor < earliest);
    let start = cursor.filter(|_| !reset).unwrap_or(earliest);
    let mut truncated = start > 0 && (cursor.is_none() || reset);
    // One byte earlier tells whether a line begins at `start`.
    let from = start.saturating_sub(1);
    log.seek(SeekFrom::Start(from)).at("read", path)?;
    let mut bytes = Vec::new();
    log.take(size - from).read_to_end(&mut bytes).at("read", path)?;
    let begin = match bytes.first() {
        Some(b'\n') if start > 0 => 1,
        Some(_) if start > 0 => {
            bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1)
        }
        Some(_) | None => 0,
    };
    // A line that is still being written is left for the next reading.
    let end = bytes.iter().rposition(|b| *b == b'\n').map_or(begin, |at| at + 1).max(begin);
    let whole = bytes.get(begin..end).unwrap_or_default();
    let mut lines: Vec<String> = whole
        .split(|b| *b == b'\n')
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    lines.pop();
    if lines.len() > limit {
        truncated = true;
        lines.drain(..lines.len() - limit);
    }
    Ok(LogTail { file, cursor: from + end as u64, size, lines, truncated, reset })
}

fn dated(dir: &Path, now: UnixMillis) -> PathBuf {
    let today = now.timestamp().to_zoned(jiff::tz::TimeZone::system()).date();
    dir.join(format!("openclaw-{today}.log"))
}

fn newest(dir: &Path) -> Option<PathBuf> {
    let is_log = |name: &str| {
        name.strip_prefix("openclaw-").is_some_and(|rest| rest.strip_suffix(".log").is_some())
    };
    // The date in the name sorts as time does.
    fs::read_dir(dir)
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(is_log))
        .map(|entry| entry.path())
        .max()
}

fn open_for_append(path: &Path) -> Result<File, StoreError> {
    if let Some(dir) = path.parent() {
        private::make_dir(dir)?;
    }
    // In a directory that others may write, a link could lead anywhere.
    let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    private::open_or_create(path, fs::OpenOptions::new().append(true).custom_flags(nofollow))
        .at("open", path)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> UnixMillis {
            UnixMillis(self.0.load(Ordering::Relaxed))
        }
    }

    fn lines(tail: &LogTail) -> Vec<&str> {
        tail.lines.iter().map(String::as_str).collect()
    }

    #[test]
    fn the_next_day_has_its_own_file() {
        let home = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_795_361_070_337)));
        let log = LogFile::open_in(home.path(), None, clock.clone()).unwrap();
        let first = log.path();

        log.write_line("one").unwrap();
        clock.0.fetch_add(24 * 3_600_000, Ordering::Relaxed);
        log.write_line("two").unwrap();

        assert_ne!(log.path(), first);
        assert_eq!(fs::read_to_string(first).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "two\n");
        assert_eq!(newest(home.path()), Some(log.path()));
    }

    #[test]
    fn a_tail_goes_on_at_its_cursor_and_gives_whole_lines_only() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.log");
        fs::write(&path, "a\nbb\nhal").unwrap();

        let first = tail_log(&path, None, 10, 1000).unwrap();
        fs::write(&path, "a\nbb\nhalf\nmore\n").unwrap();
        let second = tail_log(&path, Some(first.cursor), 10, 1000).unwrap();

        assert_eq!((lines(&first), first.cursor, first.size), (vec!["a", "bb"], 5, 8));
        assert_eq!(
            (lines(&second), second.cursor, second.reset),
            (vec!["half", "more"], 15, false)
        );
    }

    #[test]
    fn limits_cut_the_oldest_and_a_shrunken_file_resets() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x.log");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();

        let few = tail_log(&path, None, 1, 1000).unwrap();
        let small = tail_log(&path, None, 10, 8).unwrap();
        let shrunk = tail_log(&path, Some(500), 10, 1000).unwrap();
        let missing = tail_log(&home.path().join("none"), None, 10, 1000).unwrap();

        assert_eq!((lines(&few), few.truncated), (vec!["three"], true));
        assert_eq!((lines(&small), small.truncated), (vec!["three"], true));
        assert_eq!((lines(&shrunk).len(), shrunk.reset, shrunk.truncated), (3, true, false));
        assert_eq!((missing.lines.len(), missing.size), (0, 0));
    }
}
