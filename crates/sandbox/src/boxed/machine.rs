//! A sandbox behind a link, as tools see it.
//!
//! Owns how paths, command lines and environments are put together. Paths are the sandbox's
//! own: what it can see may be touched, for the sandbox is the wall.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use boxd::Failure;
use bytes::Bytes;

use super::{
    error::CallError,
    link::{Link, Process, Start},
    profile::{self, Profile},
};
use crate::backend::{Command, FileKind, Running, Sandbox, SandboxError, Stat};

/// The shell of every sandbox.
const SHELL: &str = "/bin/sh";

/// A login shell's profile may set `PATH` anew, so ours goes in front of whatever it sets. The
/// value stays out of the script's text.
const PREPEND_PATH: &str =
    "export PATH=\"$OPENCLAW_PREPEND_PATH:$PATH\"; unset OPENCLAW_PREPEND_PATH; ";

/// Homes whose profiles are remembered. When full, all are forgotten.
const PROFILES_MAX: usize = 16;

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
    /// What login shells make of the environment, by home directory.
    profiles: Arc<Mutex<BTreeMap<String, Login>>>,
}

impl BoxedSandbox {
    /// Makes a sandbox of a link. Clones of the link may go on being used.
    pub fn new(link: Link, config: Config) -> Self {
        Self { link, config, profiles: Arc::default() }
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

    /// The environment that every command starts with, without `PATH` and `HOME`.
    fn base(&self) -> BTreeMap<String, String> {
        let mut env = self.config.env.clone();
        env.remove("PATH");
        env.remove("HOME");
        env.insert("OPENCLAW_SHELL".to_owned(), "exec".to_owned());
        env
    }

    /// Puts a command together: in a plain shell if it is known what a login shell would add,
    /// and else in a login shell.
    fn start(&self, command: &Command, place: &Place, profile: Option<&Profile>) -> Start {
        let mut env = self.base();
        env.extend(profile.map(|profile| profile.variables.clone()).unwrap_or_default());
        let usual_path = env.remove("PATH");
        env.extend(command.env.clone());
        env.insert("HOME".to_owned(), place.home.clone());
        env.insert("OPENCLAW_SHELL".to_owned(), "exec".to_owned());
        if command.pty.is_some() {
            env.entry("TERM".to_owned()).or_insert_with(|| "xterm-256color".to_owned());
        }
        let first = env.remove("PATH").or_else(|| self.config.env.get("PATH").cloned());
        let first = first.filter(|path| !path.is_empty());
        let mut line = command.line.clone();
        match (first, usual_path) {
            (Some(first), Some(usual)) => {
                env.insert("PATH".to_owned(), format!("{first}:{usual}"));
            }
            (None, Some(usual)) => {
                env.insert("PATH".to_owned(), usual);
            }
            (Some(first), None) => {
                env.insert("OPENCLAW_PREPEND_PATH".to_owned(), first);
                line.insert_str(0, PREPEND_PATH);
            }
            (None, None) => {}
        }
        let how = if profile.is_some() { "-c" } else { "-lc" };
        Start {
            argv: vec![SHELL.to_owned(), how.to_owned(), line],
            env,
            workdir: place.workdir.clone(),
            stdin: command.stdin,
            pty: command.pty,
            keeps_leftovers: self.config.keeps_leftovers,
        }
    }

    /// What is known about login shells with this home.
    fn known(&self, home: &str) -> Option<Login> {
        let profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        profiles.get(home).cloned()
    }

    /// Asks a login shell with this home, and remembers the answer.
    async fn ask(&self, place: &Place) -> Result<Login, CallError> {
        let Place { home, workdir } = place;
        let answer = match profile::ask(&self.link, &self.base(), home, workdir).await? {
            Some(profile) => Login::Known(Arc::new(profile)),
            None => Login::Opaque,
        };
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if profiles.len() >= PROFILES_MAX {
            profiles.clear();
        }
        profiles.insert(home.clone(), answer.clone());
        Ok(answer)
    }

    async fn run(&self, command: &Command, place: &Place) -> Result<Process, CallError> {
        let known = match self.known(&place.home) {
            Some(known) => known,
            None => self.ask(place).await?,
        };
        let Login::Known(profile) = known else {
            return self.link.exec(&self.start(command, place, None)).await;
        };
        let start = self.start(command, place, Some(&profile));
        match self.link.exec_if(&start, &profile.stamps).await {
            Err(CallError::Failed(Failure::Stale)) => {
                // The new answer is for the commands to come: this one reads for itself.
                self.ask(place).await?;
                self.link.exec(&self.start(command, place, None)).await
            }
            outcome => outcome,
        }
    }
}

/// What is known about a login shell.
#[derive(Clone, Debug)]
enum Login {
    /// What its profiles do to an environment.
    Known(Arc<Profile>),
    /// It was asked in vain, so each command has to run in one.
    Opaque,
}

/// Where a command runs.
struct Place {
    workdir: String,
    home: String,
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
        let home = command.env.get("HOME").or_else(|| self.config.env.get("HOME"));
        let place = Place { home: home.unwrap_or(&workdir).clone(), workdir };
        match self.run(&command, &place).await {
            Ok(process) => Ok(process.running),
            Err(error) => Err(SandboxError::Spawn {
                shell: SHELL.to_owned(),
                workdir: place.workdir,
                source: error.into_io(),
            }),
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
