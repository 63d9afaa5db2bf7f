//! Watches the config and its includes, and hands out each new valid state.
//!
//! One task owns the current state. Directories are watched, since editors replace files, and
//! the files are looked at every few seconds as well, since some mounts tell of no changes.
//! An invalid edit is a warning; the state before it stays in force.

use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info, info_span, warn};

use super::plan;
use crate::{
    env::Env,
    load::{Loaded, load},
    locations::Locations,
    resolved::{Reload, ReloadMode},
};

/// How often the files are looked at when nothing tells of changes.
const POLL: Duration = Duration::from_secs(5);

/// How often a file may change again before it is read anyway.
const SETTLE_ROUNDS_MAX: u32 = 20;

/// Keeps the config current while the gateway runs.
#[derive(Debug)]
pub struct Reloader;

impl Reloader {
    /// Starts to watch. `env` is the environment without the `env` block of the config.
    ///
    /// The receiver sees `first` at once and then every valid state that `gateway.reload.mode`
    /// lets through; [`plan()`] says what a change asks for. The task ends when `stop` fires or the
    /// last receiver is gone.
    pub fn start(
        first: Arc<Loaded>,
        locations: Locations,
        env: Env,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> watch::Receiver<Arc<Loaded>> {
        let (current, receiver) = watch::channel(first);
        // One nudge is as good as many: when one waits, the next is dropped.
        let (nudge, nudges) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
            let _ = nudge.try_send(());
        });
        let watcher = watcher
            .inspect_err(|error| warn!(%error, "config changes are found by polling only"))
            .ok();
        let mut task =
            Task { locations, env, current, watcher, dirs: BTreeSet::new(), seen: vec![] };
        task.follow();
        task.seen = task.look();
        tasks.spawn(task.run(nudges, stop).instrument(info_span!("config")));
        receiver
    }
}

/// Which file it is, when it was last changed and how long it is; `None` when there is none.
///
/// The file's identity is part of it: a file or link that is put in its place may be as old and
/// as long.
type Sight = (PathBuf, Option<(SystemTime, u64, u64, u64)>);

struct Task {
    locations: Locations,
    env: Env,
    current: watch::Sender<Arc<Loaded>>,
    watcher: Option<RecommendedWatcher>,
    dirs: BTreeSet<PathBuf>,
    seen: Vec<Sight>,
}

impl Task {
    async fn run(mut self, mut nudges: mpsc::Receiver<()>, stop: CancellationToken) {
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.current.closed() => break,
                Some(()) = nudges.recv() => {}
                _ = poll.tick() => {}
            }
            if self.look() == self.seen {
                continue;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.reload() => {}
            }
        }
    }

    /// The files that matter: the config and what it includes.
    fn files(&self) -> Vec<PathBuf> {
        let included = self.current.borrow().snapshot.included.clone();
        std::iter::once(self.locations.config_path.clone()).chain(included).collect()
    }

    fn look(&self) -> Vec<Sight> {
        let sight = |path: PathBuf| {
            let meta = std::fs::metadata(&path).ok();
            let seen = meta
                .and_then(|meta| Some((meta.modified().ok()?, meta.len(), meta.dev(), meta.ino())));
            (path, seen)
        };
        self.files().into_iter().map(sight).collect()
    }

    /// Watches the directories of all files that are not watched yet; of a link, those of both
    /// its ends.
    fn follow(&mut self) {
        let files = self.files();
        let ends: Vec<PathBuf> =
            files.iter().filter_map(|file| std::fs::canonicalize(file).ok()).collect();
        for file in files.into_iter().chain(ends) {
            let Some(dir) = file.parent().map(PathBuf::from) else { continue };
            if let Some(watcher) = &mut self.watcher
                && !self.dirs.contains(&dir)
                && watcher.watch(&dir, RecursiveMode::NonRecursive).is_ok()
            {
                self.dirs.insert(dir);
            }
        }
    }

    /// Waits until the files are still, reads them, and publishes what may be.
    async fn reload(&mut self) {
        let debounce = self.settings().debounce;
        for _ in 0..SETTLE_ROUNDS_MAX {
            let before = self.look();
            sleep(debounce).await;
            if self.look() == before {
                break;
            }
        }
        self.seen = self.look();
        let (locations, env) = (self.locations.clone(), self.env.clone());
        let loading = tokio::task::spawn_blocking(move || load(&locations, &env));
        match loading.await {
            Ok(loaded) => self.take(loaded),
            Err(error) => warn!(%error, "config could not be loaded"),
        }
    }

    fn settings(&self) -> Reload {
        let default = Reload { mode: ReloadMode::Hybrid, debounce: Duration::from_millis(300) };
        self.current
            .borrow()
            .config
            .as_ref()
            .map_or(default, |config| config.gateway.reload.clone())
    }

    fn take(&mut self, loaded: Loaded) {
        if !loaded.snapshot.exists {
            warn!("config file is gone; the old config stays in force");
            return;
        }
        let Some(config) = loaded.config.clone() else {
            let count = loaded.snapshot.problems.len();
            let first = loaded.snapshot.problems.first().map(ToString::to_string);
            let first = first.unwrap_or_default();
            warn!(count, first, "config is invalid; the old config stays in force");
            return;
        };
        let mode = config.gateway.reload.mode;
        let plan = plan(&self.current.borrow().snapshot.resolved, &loaded.snapshot.resolved, mode);
        if plan.is_refused(mode) {
            let changed = plan.changed.join(", ");
            warn!(changed, "config changed, but takes effect only after a restart");
            return;
        }
        info!(changed = plan.changed.join(", "), "config reloaded");
        self.current.send_replace(Arc::new(loaded));
        self.follow();
        self.seen = self.look();
    }
}
