//! The state directory as a whole.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::{AgentId, Clock};

use crate::{AuthProfiles, OpenError, Sessions, StoreError, Workspace};

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
pub struct Store {}

#[expect(clippy::unused_async, reason = "contract")]
impl Store {
    /// Opens the state directory for this process alone.
    pub fn open(options: OpenOptions) -> Result<Self, OpenError> {
        drop(options);
        Ok(Self {})
    }

    /// Opens it for reading beside a running gateway.
    pub fn open_unlocked(options: OpenOptions) -> Result<Self, OpenError> {
        drop(options);
        Ok(Self {})
    }

    /// The session index of `agent`.
    pub fn sessions(&self, agent: &AgentId) -> Sessions {
        let _ = agent;
        Sessions {}
    }

    /// Agents that have a directory.
    pub fn session_agents(&self) -> Vec<AgentId> {
        Vec::new()
    }

    /// Credentials in `agent_dir`; none when there is no file.
    pub fn auth_profiles(&self, agent_dir: &Path) -> Result<AuthProfiles, StoreError> {
        let _ = agent_dir;
        Ok(AuthProfiles::default())
    }

    /// The workspace in `dir`.
    pub fn workspace(&self, dir: &Path) -> Workspace {
        Workspace::new(dir)
    }

    /// Returns when everything written so far is on the disk itself.
    pub async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Flushes, stops the background thread and lets go of the directory.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
