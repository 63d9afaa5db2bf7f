//! The seam between tools and the machine they run on.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Opens sandboxes and clears away those of a former life.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Opens the sandbox that `spec` describes; the same spec gives the same sandbox.
    async fn open(&self, spec: &Spec) -> Result<Arc<dyn Sandbox>, SandboxError>;
}

/// A machine for the tools of one scope.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// Directory that relative paths start from, as the sandbox sees it.
    fn workdir(&self) -> &str;

    /// Starts `command`. Dropping [`Running`] before its exit kills the whole process group.
    async fn exec(&self, command: Command) -> Result<Running, SandboxError>;

    /// Reads a whole file of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// [`SandboxError::NotFound`], [`SandboxError::TooLarge`], or what the machine says.
    async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SandboxError>;

    /// Writes a whole file, making its parent directories, by temporary file and rename.
    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SandboxError>;

    /// Removes a file.
    async fn remove(&self, path: &str) -> Result<(), SandboxError>;

    /// Says what is at `path`; `None` when nothing is.
    async fn stat(&self, path: &str) -> Result<Option<Stat>, SandboxError>;
}

/// Which sandbox to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Working directory on the host.
    pub workspace: PathBuf,
    /// Home directory that `~` stands for.
    pub home: PathBuf,
    /// Environment that commands start with.
    pub env: BTreeMap<String, String>,
}

/// A command to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Shell command line.
    pub line: String,
    /// Working directory; `None` is the sandbox's own.
    pub workdir: Option<String>,
    /// Added to the sandbox's environment.
    pub env: BTreeMap<String, String>,
    /// What its standard input is.
    pub stdin: Stdin,
    /// A pseudo-terminal of this size instead of pipes.
    pub pty: Option<Size>,
}

/// What a command's standard input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// A pipe that [`Running::stdin`] writes to.
    Piped,
}

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A started command.
///
/// The backend's own task feeds `output` and then `exit`. `output` is bounded: when nobody
/// reads, the process blocks on its pipe, which is what a slow terminal does to it too.
#[derive(Debug)]
pub struct Running {
    /// Process id as the host sees it, if there is one.
    pub pid: Option<u32>,
    /// What it writes; ends after the last byte, or 250 ms after exit when a grandchild
    /// holds the pipe open.
    pub output: mpsc::Receiver<Chunk>,
    /// How it ended; sent once all output was handed over.
    pub exit: oneshot::Receiver<Exit>,
    /// Bytes for its standard input; dropping it closes the pipe. `None` with [`Stdin::Null`].
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// Kills the whole process group when dropped.
    pub killer: Killer,
}

/// Kills a process group, at the latest when dropped.
#[derive(Debug)]
pub struct Killer(Option<oneshot::Sender<()>>);

impl Killer {
    /// Wraps the signal that the backend's task waits for; a dropped sender kills as well.
    pub fn new(signal: oneshot::Sender<()>) -> Self {
        Self(Some(signal))
    }

    /// Kills the group now. The exit still arrives by [`Running::exit`].
    pub fn kill(&mut self) {
        self.0 = None;
    }
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// From standard output, or from a terminal.
    Out(Bytes),
    /// From standard error.
    Err(Bytes),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What sort of thing.
    pub kind: FileKind,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What sort of thing is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// Why a sandbox could not be opened, or could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Nothing is there.
    #[error("no such file: `{path}`")]
    NotFound {
        /// As asked.
        path: String,
    },
    /// The file is larger than the caller accepts.
    #[error("`{path}` has {bytes} bytes, more than {bytes_max}")]
    TooLarge {
        /// As asked.
        path: String,
        /// Its size.
        bytes: u64,
        /// The caller's limit.
        bytes_max: u64,
    },
    /// The path leads out of the place that may be touched.
    #[error("path `{path}` leaves the workspace")]
    Escape {
        /// As asked.
        path: String,
    },
    /// The command could not be started.
    #[error("cannot start `{shell}` in `{workdir}`")]
    Spawn {
        /// The shell.
        shell: String,
        /// The working directory.
        workdir: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The container cannot be had. Its text says what to do.
    #[error(transparent)]
    Docker(#[from] crate::docker::Error),
    /// A file operation failed.
    #[error("cannot {verb} `{path}`")]
    File {
        /// `read`, `write`, `remove` or `look at`.
        verb: &'static str,
        /// As asked.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// How long output may trail behind the exit when a grandchild holds the pipe.
pub const TRAILING_OUTPUT: Duration = Duration::from_millis(250);
