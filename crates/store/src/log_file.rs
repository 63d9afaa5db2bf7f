//! The log file of the day: written line by line, read from its end.

use std::path::{Path, PathBuf};

use crate::StoreError;

/// Newest lines of a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    /// The file.
    pub file: String,
    /// Where to go on reading.
    pub cursor: u64,
    /// Its size.
    pub size: u64,
    /// Whole lines.
    pub lines: Vec<String>,
    /// Whether older lines were left out.
    pub truncated: bool,
    /// Whether the file shrank, or grew past what fits, since the cursor was given.
    pub reset: bool,
}

/// The log file that is written now.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
}

impl LogFile {
    /// The file lines go to now.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// Reads the newest lines of `path`, or those after `cursor`.
pub fn tail(
    path: &Path,
    cursor: Option<u64>,
    limit: usize,
    bytes_max: u64,
) -> Result<LogTail, StoreError> {
    let _ = (path, cursor, limit, bytes_max);
    Err(StoreError::Closed)
}
