//! Follows the config file: what can change while we run changes, the rest asks for a restart.

use std::sync::Arc;

use config::{Action, Config};
use tokio::sync::watch;
use tracing::info;

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
            before = now;
            continue;
        }
        info!(changed = ?plan.changed, action = ?plan.action, "config changed");
        if plan.action == Action::Restart {
            let reason = format!("config change: {}", plan.restart_because.join(", "));
            gateway.asked.send_replace(Some(Asked::Restart { reason }));
        }
        current.send_replace(Arc::new(overrides.applied(config)));
        before = now;
    }
}
