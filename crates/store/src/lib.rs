//! Every byte on disk. The crates above see handles and plain data, never paths of our own
//! files and never open files.

#![warn(missing_docs)]

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
        source: std::io::Error,
    },
}

/// All of the state directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}
