//! The state directory as a whole: its lock, its indexes, its background thread.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{AgentId, Clock};

use crate::{
    AuthProfiles, OpenError, Sessions, StoreError, Workspace,
    auth_profiles::{self, Failure},
    index::Index,
    lock_file::{Locks, lock},
    pages::Outlines,
    state_lock::{StateLock, make_dir},
    syncer::{Dirty, Syncer},
    told::Readings,
    transcript::{Surroundings, files::Files},
    workspace::PromptCache,
};

/// How to open a state directory.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The directory.
    pub state_dir: PathBuf,
    /// `session.store`: path of the index, may hold `{agentId}`; `~` is expanded.
    pub sessions_template: Option<String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// All of the state directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: OpenOptions,
    pub(crate) locks: Locks,
    pub(crate) surroundings: Surroundings,
    lock: Mutex<Option<StateLock>>,
    access: Access,
    indexes: Mutex<HashMap<PathBuf, Arc<Index>>>,
    prompt_cache: Arc<PromptCache>,
    pub(crate) readings: Arc<Readings>,
    pub(crate) outlines: Arc<Outlines>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Owner,
    Reader,
}

impl Store {
    /// Opens the state directory for this process alone, and makes it if need be.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] when another process owns it, [`OpenError::Unusable`] when its
    /// permissions keep us out.
    pub fn open(options: OpenOptions) -> Result<Self, OpenError> {
        make_dir(&options.state_dir)?;
        let lock = StateLock::take(&options.state_dir)?;
        make_dir(&options.state_dir.join("agents"))?;
        Ok(Self::new(options, Some(lock), Access::Owner))
    }

    /// Opens it for reading beside a running gateway: nothing in it is changed.
    pub fn open_unlocked(options: OpenOptions) -> Result<Self, OpenError> {
        match fs::read_dir(&options.state_dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(crate::state_lock::explain("read", &options.state_dir, error))
            }
            Ok(_) | Err(_) => Ok(Self::new(options, None, Access::Reader)),
        }
    }

    fn new(options: OpenOptions, lock: Option<StateLock>, access: Access) -> Self {
        let surroundings = Surroundings {
            clock: Arc::clone(&options.clock),
            syncer: Syncer::default(),
            closed: Arc::new(AtomicBool::new(false)),
            files: Files::default(),
        };
        Self(Arc::new(Inner {
            options,
            locks: Locks::default(),
            surroundings,
            lock: Mutex::new(lock),
            access,
            indexes: Mutex::default(),
            prompt_cache: Arc::default(),
            readings: Arc::default(),
            outlines: Arc::default(),
        }))
    }

    /// The session index of `agent`.
    pub fn sessions(&self, agent: &AgentId) -> Sessions {
        let path = self.0.index_path(agent);
        let mut indexes = lock(&self.0.indexes);
        let index = indexes.entry(path).or_insert_with_key(|path| {
            Arc::new(Index::new(path.clone(), Arc::clone(&self.0.options.clock)))
        });
        Sessions::new(Arc::clone(&self.0), Arc::clone(index), agent.clone())
    }

    /// The state directory.
    pub fn state_dir(&self) -> &Path {
        &self.0.options.state_dir
    }

    /// Agents that have a directory, in order.
    pub fn session_agents(&self) -> Vec<AgentId> {
        let Ok(found) = fs::read_dir(self.0.options.state_dir.join("agents")) else {
            return Vec::new();
        };
        let mut agents: Vec<AgentId> = found
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .map(|name| (AgentId::normalise(&name), name))
            .filter(|(agent, name)| agent.as_str() == name)
            .map(|(agent, _)| agent)
            .collect();
        agents.sort();
        agents
    }

    /// Credentials in `agent_dir`; none when there is no file.
    pub fn auth_profiles(&self, agent_dir: &Path) -> Result<AuthProfiles, StoreError> {
        auth_profiles::read(agent_dir)
    }

    /// Remembers that a profile worked: it is the provider's last good one, and its failures
    /// are forgotten.
    pub async fn record_use(&self, agent_dir: &Path, profile: &str) -> Result<(), StoreError> {
        let (dir, profile, now) = self.noted(agent_dir, profile)?;
        blocking(move || auth_profiles::record_use(&dir, &profile, now)).await
    }

    /// Remembers that a profile failed, and until when it is not to be used.
    pub async fn record_failure(
        &self,
        agent_dir: &Path,
        profile: &str,
        failure: Failure,
    ) -> Result<(), StoreError> {
        let (dir, profile, now) = self.noted(agent_dir, profile)?;
        blocking(move || auth_profiles::record_failure(&dir, &profile, failure, now)).await
    }

    fn noted(
        &self,
        agent_dir: &Path,
        profile: &str,
    ) -> Result<(PathBuf, String, domain::UnixMillis), StoreError> {
        self.0.writable()?;
        Ok((agent_dir.to_owned(), profile.to_owned(), self.0.options.clock.now()))
    }

    /// What the owner of this machine has said about commands.
    pub fn exec_approvals(&self) -> crate::ApprovalsFile {
        crate::ApprovalsFile::new(&self.0.options.state_dir)
    }

    /// What was acknowledged and is in no transcript yet: the file, and what waits in it.
    ///
    /// # Errors
    ///
    /// [`StoreError::ReadOnly`] beside a running gateway; else what the system says.
    pub fn backlog(&self) -> Result<(crate::Backlog, Vec<crate::BacklogItem>), StoreError> {
        self.0.writable()?;
        let syncer = self.0.surroundings.syncer.clone();
        crate::Backlog::open(&self.0.options.state_dir, syncer)
    }

    /// The workspace in `dir`.
    pub fn workspace(&self, dir: &Path) -> Workspace {
        Workspace::new(dir, Arc::clone(&self.0.prompt_cache))
    }

    /// Returns when everything written so far is on the disk itself.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.flush()).await
    }

    /// Flushes, stops the background thread and lets go of the directory. What is still
    /// written through older handles is refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.close()).await
    }
}

impl Inner {
    pub(crate) fn writable(&self) -> Result<(), StoreError> {
        if self.surroundings.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        match self.access {
            Access::Owner => Ok(()),
            Access::Reader => Err(StoreError::ReadOnly),
        }
    }

    /// Whether all agents have their conversations in one index.
    pub(crate) fn is_shared(&self) -> bool {
        self.options.sessions_template.as_ref().is_some_and(|path| !path.contains("{agentId}"))
    }

    pub(crate) fn agent_sessions_dir(&self, agent: &AgentId) -> PathBuf {
        self.options.state_dir.join("agents").join(agent.as_str()).join("sessions")
    }

    fn index_path(&self, agent: &AgentId) -> PathBuf {
        match &self.options.sessions_template {
            Some(template) => PathBuf::from(template.replace("{agentId}", agent.as_str())),
            None => self.agent_sessions_dir(agent).join("sessions.json"),
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        if self.access == Access::Reader {
            return Ok(());
        }
        let mut outcome = self.surroundings.syncer.flush();
        let indexes: Vec<Arc<Index>> = lock(&self.indexes).values().cloned().collect();
        for index in indexes {
            // Also those whose last write failed, which the syncer does not try again.
            let done = index.write_back();
            outcome = outcome.and(done);
        }
        outcome
    }

    fn close(&self) -> Result<(), StoreError> {
        self.surroundings.closed.store(true, Ordering::Release);
        let stopped = self.surroundings.syncer.stop();
        let outcome = stopped.and(self.flush());
        drop(lock(&self.lock).take());
        outcome
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if lock(&self.lock).is_some()
            && let Err(error) = self.close()
        {
            tracing::error!(%error, "cannot bring the last changes to the disk");
        }
    }
}

/// Runs file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => Err(StoreError::Closed),
    }
}
