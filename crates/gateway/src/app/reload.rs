//! Follows the config file: what can change while we run changes, the rest asks for a restart.

use std::{sync::Arc, time::Duration};

use config::{Action, Config};
use tokio::{sync::watch, time::timeout};
use tracing::{info, warn};

use super::{Asked, Overrides};
use crate::state::Gateway;

/// Hands each new valid config on, flags on top.
pub(crate) async fn follow(
    gateway: Arc<Gateway>,
    overrides: Overrides,
    current: watch::Sender<Arc<Config>>,
) {
    let mut loaded = gateway.loaded.clone();
    let mut before = loaded.borrow_and_update().clone();
    let soft = gateway.lifecycle.soft.clone();
    loop {
        tokio::select! {
            biased;
            () = soft.cancelled() => break,
            changed = loaded.changed() => if changed.is_err() { break },
        }
        let now = loaded.borrow_and_update().clone();
        let Some(config) = &now.config else { continue };
        let mode = config.gateway.reload.mode;
        let plan = config::plan(&before.snapshot.resolved, &now.snapshot.resolved, mode);
        if plan.changed.is_empty() {
            gateway.in_force.send_replace(now.snapshot.hash.clone());
            before = now;
            continue;
        }
        info!(changed = ?plan.changed, action = ?plan.action, "config changed");
        if plan.action == Action::Restart {
            let reason = format!("config change: {}", plan.restart_because.join(", "));
            gateway.asked.send_replace(Some(Asked::Restart { reason }));
        }
        current.send_replace(Arc::new(overrides.applied(config)));
        gateway.in_force.send_replace(now.snapshot.hash.clone());
        before = now;
    }
}

/// The hash of the file that is in force, as it changes; that of `loaded` to begin with.
pub(crate) fn in_force(loaded: &watch::Receiver<Arc<config::Loaded>>) -> watch::Sender<String> {
    watch::Sender::new(loaded.borrow().snapshot.hash.clone())
}

/// Longest wait for what was written: the watcher looks by itself every 5 s.
const PATIENCE: Duration = Duration::from_secs(6);

/// Waits until the file as it is now is in force, for who has just written it. What only a
/// restart can bring is not waited for.
pub(crate) async fn settled(gateway: &Arc<Gateway>) {
    let mut in_force = gateway.in_force.subscribe();
    let reader = Arc::clone(gateway);
    let loading = tokio::task::spawn_blocking(move || config::load(&reader.locations, &reader.env));
    let Ok(written) = loading.await else { return };
    let Some(config) = &written.config else { return };
    let mode = config.gateway.reload.mode;
    let present = gateway.loaded.borrow().clone();
    let plan = config::plan(&present.snapshot.resolved, &written.snapshot.resolved, mode);
    if plan.is_refused(mode) {
        return;
    }
    let hash = written.snapshot.hash;
    if timeout(PATIENCE, in_force.wait_for(|it| *it == hash)).await.is_err() {
        warn!("what was written to the config file is not in force yet");
    }
}
