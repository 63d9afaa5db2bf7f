//! Why the disk would not, in conditions that a caller can act on.

use std::{io, path::Path};

/// Why the disk would not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {verb} `{path}`")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk, or a quota on it, is full. Nothing of the write remains.
    #[error("the disk is full: cannot {verb} `{path}`")]
    Full {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process holds the lock of a file and did not let go in time.
    #[error("`{path}` is locked by process {}", pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    Busy {
        /// The lock file.
        path: String,
        /// Who holds it.
        pid: Option<u32>,
    },
    /// The store was opened for reading beside a running gateway.
    #[error("the state directory is open for reading only")]
    ReadOnly,
    /// A session id or file name that cannot be a file of ours.
    #[error("`{name}` cannot name a transcript")]
    BadName {
        /// The name.
        name: String,
    },
    /// Something outside of the state directory was to be removed.
    #[error("`{path}` is outside of the state directory and stays")]
    Outside {
        /// What.
        path: String,
    },
    /// There is something else in the place of a file.
    #[error("`{path}` is not a regular file")]
    NotAFile {
        /// What.
        path: String,
    },
    /// A file is larger than it may be.
    #[error("`{path}` is larger than {bytes_max} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// Its limit.
        bytes_max: u64,
    },
    /// Something that never fails did, such as the blocking pool being gone.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// What to do about it, for a person.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Full { .. } => Some("free space on that disk, then try again"),
            Self::Busy { .. } => Some("stop the other gateway or CLI on this state directory"),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some(
                "give the file to the user that runs the gateway (chown), or start as its owner",
            ),
            Self::NotAFile { .. } | Self::TooLarge { .. } => {
                Some("move it away; what it was for starts afresh then")
            }
            Self::Io { .. }
            | Self::ReadOnly
            | Self::BadName { .. }
            | Self::Outside { .. }
            | Self::Closed => None,
        }
    }

    /// Whether it is the file itself that cannot be used, and not the system that refuses.
    pub(crate) fn is_of_content(&self) -> bool {
        matches!(self, Self::NotAFile { .. } | Self::TooLarge { .. })
    }

    pub(crate) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.display().to_string();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full { verb, path, source }
        } else {
            Self::Io { verb, path, source }
        }
    }
}

/// Gives an [`io::Error`] the file and the deed it is about.
pub(crate) trait At<T> {
    fn at(self, verb: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, verb: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::io(verb, path, source))
    }
}

/// Why a state directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process owns it.
    #[error("state directory `{path}` is in use by process {}", pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()))]
    Locked {
        /// The directory.
        path: String,
        /// The owner, when it said so.
        pid: Option<u32>,
    },
    /// We may not use it.
    #[error("cannot {verb} `{path}`: it belongs to uid {owner} and we are uid {ours}; {fix}")]
    Unusable {
        /// What was tried.
        verb: &'static str,
        /// On which file or directory.
        path: String,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        ours: u32,
        /// What a person can do.
        fix: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something else is wrong with it.
    #[error(transparent)]
    Store(#[from] StoreError),
}
