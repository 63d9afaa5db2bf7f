//! Why a link ended, and why a call over it failed.

use std::{io, sync::Arc, time::Duration};

use boxd::{Failure, FrameError};

use crate::backend::SandboxError;

/// Why a link cannot be used, or not any more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The servant did not answer.
    #[error("the sandbox's servant did not answer within {} s", within.as_secs())]
    Silent {
        /// How long it had.
        within: Duration,
    },
    /// The servant is of another version.
    #[error("the sandbox's servant speaks version {theirs}, not {}", boxd::VERSION)]
    Version {
        /// What it speaks.
        theirs: u16,
    },
    /// It sent what is no frame or no message.
    #[error("the sandbox's servant sent {0}")]
    Frame(#[from] FrameError),
    /// It said what it must not say now.
    #[error("the sandbox's servant broke the rules: {rule}")]
    Rule {
        /// What it did.
        rule: &'static str,
    },
    /// The stream ended.
    #[error("the sandbox's servant is gone")]
    Closed,
    /// The stream broke.
    #[error("the stream to the sandbox's servant broke")]
    Broken(#[source] Arc<io::Error>),
    /// Processes of a command did not die.
    #[error("{count} processes in the sandbox could not be killed")]
    Survivors {
        /// How many.
        count: u32,
    },
    /// The sandbox does not see the files that it should.
    #[error("`{path}` in the sandbox is not the file that was put there")]
    Marker {
        /// As the sandbox sees it.
        path: String,
    },
    /// We ended it.
    #[error("the link to the sandbox was closed")]
    Stopped,
}

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The link is dead.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The servant says no.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The request does not fit into a frame.
    #[error("the request is too long")]
    TooLong,
}

impl CallError {
    /// The same as an error of the system.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Link(error) => io::Error::other(error),
            Self::Failed(failure) => of_failure(failure),
            Self::TooLong => io::Error::from(io::ErrorKind::ArgumentListTooLong),
        }
    }

    /// The same as an error about a file.
    pub(super) fn about(self, verb: &'static str, path: &str, bytes_max: u64) -> SandboxError {
        let path = path.to_owned();
        match self {
            Self::Failed(Failure::NotFound) => SandboxError::NotFound { path },
            Self::Failed(Failure::TooLarge { bytes }) => {
                SandboxError::TooLarge { path, bytes, bytes_max }
            }
            Self::Link(_) | Self::Failed(_) | Self::TooLong => {
                SandboxError::File { verb, path, source: self.into_io() }
            }
        }
    }
}

fn of_failure(failure: Failure) -> io::Error {
    match failure {
        Failure::NotFound | Failure::NoWorkdir => io::Error::new(io::ErrorKind::NotFound, failure),
        Failure::Denied => io::Error::new(io::ErrorKind::PermissionDenied, failure),
        Failure::ReadOnly => io::Error::new(io::ErrorKind::ReadOnlyFilesystem, failure),
        Failure::NoSpace => io::Error::new(io::ErrorKind::StorageFull, failure),
        Failure::NotAFile | Failure::Invalid | Failure::Stale => {
            io::Error::new(io::ErrorKind::InvalidInput, failure)
        }
        Failure::TooLarge { .. } => io::Error::new(io::ErrorKind::FileTooLarge, failure),
        // The failure itself stays inside: a lease looks for it.
        Failure::Altered => io::Error::other(failure),
        Failure::Other { errno } => io::Error::from_raw_os_error(errno),
    }
}
