//! A temporary home with a config in it.

use std::path::PathBuf;

use config::{Env, Loaded, Locations};

/// A temporary home directory.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    pub(crate) env: Env,
}

impl Home {
    /// A home with no config and no variables.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".openclaw")).unwrap();
        let env = Env::of([].into(), dir.path(), dir.path());
        Self { dir, env }
    }

    /// Sets a variable.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
        self.env.fill(name, value);
        self
    }

    /// Writes a file of the state directory.
    pub(crate) fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    /// Writes the config.
    pub(crate) fn config(self, text: impl AsRef<[u8]>) -> Self {
        self.file("openclaw.json", text)
    }

    /// A path in the state directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(".openclaw").join(name)
    }

    /// Where things are.
    pub(crate) fn locations(&self) -> Locations {
        Locations::find(&self.env, None, false).unwrap()
    }

    /// Loads the config.
    pub(crate) fn load(&self) -> Loaded {
        config::load(&self.locations(), &self.env)
    }

    /// Loads the config, which must be invalid, and shows its problems.
    pub(crate) fn problems(&self) -> Vec<String> {
        let loaded = self.load();
        assert!(loaded.config.is_none() && !loaded.snapshot.valid);
        let home = self.dir.path().display().to_string();
        let shown = loaded.snapshot.problems.iter().map(ToString::to_string);
        shown.map(|problem| problem.replace(&home, "[home]")).collect()
    }
}
