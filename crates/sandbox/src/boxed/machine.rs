//! A sandbox behind a link, as tools see it.
//!
//! Owns how paths, command lines and environments are put together. Paths are the sandbox's
//! own: what it can see may be touched, for the sandbox is the wall.

use std::{collections::BTreeMap, io};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    error::CallError,
    link::{Link, Start},
};
use crate::backend::{Command, FileKind, Running, Sandbox, SandboxError, Stat};

/// The shell of every sandbox.
const SHELL: &str = "/bin/sh";

/// A login shell's profile may set `PATH` anew, so ours goes in front of whatever it sets. The
/// value stays out of the script's text.
const PREPEND_PATH: &str =
    "export PATH=\"$OPENCLAW_PREPEND_PATH:$PATH\"; unset OPENCLAW_PREPEND_PATH; ";

/// How commands run in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Directory that relative paths start from.
    pub workdir: String,
    /// Environment that commands start with. A `PATH` here goes in front of the image's own.
    pub env: BTreeMap<String, String>,
    /// Whether what a command left in the background lives on when it ends by itself.
    pub keeps_leftovers: bool,
}

/// A sandbox behind a link.
#[derive(Clone, Debug)]
pub struct BoxedSandbox {
    link: Link,
    config: Config,
}

impl BoxedSandbox {
    /// Makes a sandbox of a link. Clones of the link may go on being used.
    pub fn new(link: Link, config: Config) -> Self {
        Self { link, config }
    }

    /// The link.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The path as the sandbox knows it.
    fn resolve(&self, path: &str) -> String {
        let home = self.config.env.get("HOME").unwrap_or(&self.config.workdir);
        let (start, rest) = match path.strip_prefix('~') {
            Some("") => return home.clone(),
            Some(rest) if rest.starts_with('/') => (home, rest.trim_start_matches('/')),
            Some(_) | None if path.starts_with('/') => return path.to_owned(),
            Some(_) | None => (&self.config.workdir, path),
        };
        match rest {
            "" => start.clone(),
            _ => format!("{}/{rest}", start.trim_end_matches('/')),
        }
    }

    fn start(&self, command: &Command, workdir: String) -> Start {
        let mut env = self.config.env.clone();
        env.extend(command.env.clone());
        env.entry("HOME".to_owned()).or_insert_with(|| workdir.clone());
        env.insert("OPENCLAW_SHELL".to_owned(), "exec".to_owned());
        if command.pty.is_some() {
            env.entry("TERM".to_owned()).or_insert_with(|| "xterm-256color".to_owned());
        }
        let path = env.remove("PATH").filter(|path| !path.is_empty());
        let line = match path {
            Some(path) => {
                env.insert("OPENCLAW_PREPEND_PATH".to_owned(), path);
                format!("{PREPEND_PATH}{}", command.line)
            }
            None => command.line.clone(),
        };
        Start {
            argv: vec![SHELL.to_owned(), "-lc".to_owned(), line],
            env,
            workdir,
            stdin: command.stdin,
            pty: command.pty,
            keeps_leftovers: self.config.keeps_leftovers,
        }
    }
}

#[async_trait]
impl Sandbox for BoxedSandbox {
    fn workdir(&self) -> &str {
        &self.config.workdir
    }

    async fn exec(&self, command: Command) -> Result<Running, SandboxError> {
        let workdir = match &command.workdir {
            Some(workdir) => self.resolve(workdir),
            None => self.config.workdir.clone(),
        };
        let start = self.start(&command, workdir);
        match self.link.exec(&start).await {
            Ok(process) => Ok(process.running),
            Err(error) => {
                let source: io::Error = error.into_io();
                let workdir = start.workdir;
                Err(SandboxError::Spawn { shell: SHELL.to_owned(), workdir, source })
            }
        }
    }

    async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SandboxError> {
        let read = self.link.read(&self.resolve(path), bytes_max).await;
        read.map_err(|error| error.about("read", path, bytes_max))
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        let written = self.link.write(&self.resolve(path), Bytes::copy_from_slice(bytes)).await;
        written.map_err(|error| error.about("write", path, bytes.len() as u64))
    }

    async fn remove(&self, path: &str) -> Result<(), SandboxError> {
        let removed = self.link.remove(&self.resolve(path)).await;
        removed.map_err(|error: CallError| error.about("remove", path, 0))
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, SandboxError> {
        let stat = self.link.stat(&self.resolve(path)).await;
        let stat = stat.map_err(|error| error.about("look at", path, 0))?;
        Ok(stat.map(|stat| Stat {
            kind: match stat.kind {
                boxd::Kind::File => FileKind::File,
                boxd::Kind::Directory => FileKind::Directory,
                boxd::Kind::Link | boxd::Kind::Other => FileKind::Other,
            },
            bytes: stat.bytes,
        }))
    }
}
