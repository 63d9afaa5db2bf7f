//! The machine that we run on, as a sandbox that encloses nothing.
//!
//! Owns how paths and environments are put together; processes are `process`'s and files
//! `files`'. Reads no environment of its own: [`Spec`] brings it.

mod files;
mod process;
mod programs;
mod shell;
pub(crate) mod terminal;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use crate::backend::{Backend, Command, Running, Sandbox, SandboxError, Size, Spec, Stat};
use files::Target;
pub use programs::{Located, Whereabouts};

/// Size of a terminal when nobody says otherwise.
pub const TERMINAL_SIZE: Size = Size { columns: 120, rows: 30 };

/// Tells a command that we started it; a call may override neither.
const MARKERS: [(&str, &str); 2] = [("OPENCLAW_SHELL", "exec"), ("OPENCLAW_CLI", "1")];

/// What the host backend is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which files may be touched. Commands are not confined.
    pub confinement: Confinement,
}

/// Which files may be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// All that the system lets us.
    None,
    /// Those below the workspace, however the path is spelt and wherever links lead.
    Workspace,
}

/// Opens the host as a sandbox.
#[derive(Clone, Debug)]
pub struct Host {
    tasks: TaskTracker,
    config: Config,
}

impl Host {
    /// Makes the backend. Each running command has one task on `tasks`, which ends with it.
    pub fn new(tasks: TaskTracker, config: Config) -> Self {
        Self { tasks, config }
    }
}

#[async_trait]
impl Backend for Host {
    async fn open(&self, spec: &Spec) -> Result<Arc<dyn Sandbox>, SandboxError> {
        Ok(Arc::new(Machine {
            tasks: self.tasks.clone(),
            shell: shell::choose(&spec.env),
            workdir: spec.workspace.to_string_lossy().into_owned(),
            fence: match self.config.confinement {
                Confinement::None => None,
                Confinement::Workspace => Some(Arc::from(spec.workspace.as_path())),
            },
            spec: spec.clone(),
        }))
    }
}

#[derive(Debug)]
struct Machine {
    tasks: TaskTracker,
    spec: Spec,
    shell: PathBuf,
    workdir: String,
    fence: Option<Arc<Path>>,
}

impl Machine {
    fn resolve(&self, path: &str) -> PathBuf {
        match path.strip_prefix('~') {
            Some("") => self.spec.home.clone(),
            Some(rest) if rest.starts_with('/') => {
                self.spec.home.join(rest.trim_start_matches('/'))
            }
            Some(_) | None => self.spec.workspace.join(path),
        }
    }

    fn env(&self, command: &Command) -> io::Result<BTreeMap<String, String>> {
        let mut env = self.spec.env.clone();
        for (name, value) in &command.env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let text = format!("`{}` is no environment variable", name.escape_debug());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            env.insert(name.clone(), value.clone());
        }
        env.extend(MARKERS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        if command.pty.is_some() {
            env.entry("TERM".to_owned()).or_insert_with(|| "xterm-256color".to_owned());
        }
        Ok(env)
    }

    /// Runs `work` on the blocking pool: a slow disk or a network mount stalls nobody else.
    async fn on_files<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(&Target) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let target =
            Target { asked: path.to_owned(), path: self.resolve(path), fence: self.fence.clone() };
        match tokio::task::spawn_blocking(move || work(&target)).await {
            Ok(outcome) => outcome,
            Err(lost) => Err(SandboxError::File {
                verb: "reach",
                path: path.to_owned(),
                source: io::Error::other(lost),
            }),
        }
    }
}

#[async_trait]
impl Sandbox for Machine {
    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn exec(&self, command: Command) -> Result<Running, SandboxError> {
        let cwd = command
            .workdir
            .as_ref()
            .map_or_else(|| self.spec.workspace.clone(), |workdir| self.resolve(workdir));
        self.env(&command)
            .and_then(|env| {
                let plan = process::Plan { shell: &self.shell, cwd: &cwd, env, command: &command };
                process::start(&plan, &self.tasks)
            })
            .map_err(|source| SandboxError::Spawn {
                shell: self.shell.display().to_string(),
                workdir: cwd.display().to_string(),
                source,
            })
    }

    async fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, SandboxError> {
        self.on_files(path, move |target| target.read(bytes_max)).await
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        let bytes = bytes.to_vec();
        self.on_files(path, move |target| target.write(&bytes)).await
    }

    async fn remove(&self, path: &str) -> Result<(), SandboxError> {
        self.on_files(path, Target::remove).await
    }

    async fn stat(&self, path: &str) -> Result<Option<Stat>, SandboxError> {
        self.on_files(path, Target::stat).await
    }
}
