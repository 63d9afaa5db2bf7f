//! The backends against real processes and real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod boxed;
mod files;
mod processes;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use sandbox::{
    Backend, Host, Sandbox, Spec,
    host::{Config, Confinement},
};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// The host as a sandbox, with a workspace and a home that vanish with it.
struct Place {
    dir: TempDir,
    tasks: TaskTracker,
    sandbox: Arc<dyn Sandbox>,
}

impl Place {
    async fn open(confinement: Confinement) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (workspace, home) = (dir.path().join("workspace"), dir.path().join("home"));
        for path in [&workspace, &home] {
            tokio::fs::create_dir(path).await.unwrap();
        }
        let env = [("PATH", "/usr/bin:/bin"), ("SHELL", "/bin/sh"), ("COLOUR", "base")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let spec = Spec { workspace, home, env: BTreeMap::from(env) };
        let tasks = TaskTracker::new();
        let host = Host::new(tasks.clone(), Config { confinement });
        let sandbox = host.open(&spec).await.unwrap();
        Self { dir, tasks, sandbox }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }
}
