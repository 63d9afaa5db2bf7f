//! Clearing away: on demand, by age, and what an earlier life of this gateway left.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use store::SandboxEntry;
use tokio::sync::oneshot;

use super::{
    Backend, ensure,
    error::Error,
    settings::{Prune, Settings},
    spares,
};
use crate::registry;

/// How seldom sandboxes are pruned.
pub(crate) const PRUNE_EVERY: Duration = Duration::from_mins(5);
/// How long a spare waits for a session.
const SPARE_MS_MAX: i64 = 6 * 3_600_000;

/// What a round of clearing did.
#[derive(Debug, Default)]
pub struct Tended {
    /// Containers that were removed.
    pub removed: Vec<String>,
    /// Containers that were not, and why. They stay on the list for the next round.
    pub failed: Vec<(String, Error)>,
}

impl Backend {
    /// Removes a container and its entry. What runs in it dies. One that is gone is no error.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        self.remove_if(name, |_| true).await.map(drop)
    }

    /// Removes the sandboxes that are idle or old by the rules of their own agents. A failure
    /// is part of the answer.
    pub async fn prune<R>(&self, rules: R) -> Tended
    where
        R: Fn(&SandboxEntry) -> Prune + Send,
    {
        let now = self.known.now_ms();
        self.last_prune_ms.store(now, Ordering::Relaxed);
        let mut tended = Tended::default();
        let entries = match self.known.listed().await {
            Ok(entries) => entries,
            Err(error) => {
                tended.failed.push(("the list".to_owned(), error));
                return tended;
            }
        };
        for entry in entries {
            let rule = rules(&entry);
            if !registry::is_prunable(&entry, rule, now) {
                continue;
            }
            let name = entry.container_name;
            // A turn may have come for it since.
            let still = move |entry: &SandboxEntry| registry::is_prunable(entry, rule, now);
            match self.remove_if(&name, still).await {
                Ok(true) => tended.removed.push(name),
                Ok(false) => {}
                Err(error @ Error::Foreign { .. }) => {
                    tracing::info!(container = %name, %error, "taken off the list");
                    let forgotten = self.known.forget(&name).await;
                    tended.failed.extend(forgotten.err().map(|error| (name, error)));
                }
                Err(error) => {
                    tracing::warn!(container = %name, %error, "sandbox not pruned");
                    tended.failed.push((name, error));
                }
            }
        }
        tended.removed.extend(self.spares.prune(&self.known, now - SPARE_MS_MAX).await);
        if let Ok(client) = self.known.client().await {
            self.known.prune_servants(&client).await;
        }
        tended
    }

    /// Like [`Backend::prune`], at most every five minutes.
    pub async fn prune_if_due<R>(&self, rules: R) -> Option<Tended>
    where
        R: Fn(&SandboxEntry) -> Prune + Send,
    {
        let every = i64::try_from(PRUNE_EVERY.as_millis()).unwrap_or(i64::MAX);
        let last = self.last_prune_ms.load(Ordering::Relaxed);
        if self.known.now_ms().saturating_sub(last) < every {
            return None;
        }
        Some(self.prune(rules).await)
    }

    /// Prunes now and then until the backend is stopped, so that an idle gateway does, too.
    pub fn prune_for_ever<R>(&self, rules: R) -> impl Future<Output = ()> + Send + 'static
    where
        R: Fn(&SandboxEntry) -> Prune + Send + Sync + 'static,
    {
        let backend = self.clone();
        async move {
            let stop = backend.known.options.stop.clone();
            let rounds = async {
                loop {
                    tokio::time::sleep(PRUNE_EVERY).await;
                    backend.prune_if_due(&rules).await;
                }
            };
            stop.run_until_cancelled(rounds).await;
        }
    }

    /// Does ahead of the first turn what can be done: connects, checks these settings, fills the
    /// servant's volume and starts the spares.
    pub async fn warm(&self, settings: &Settings) -> Result<(), Error> {
        ensure::check(&self.known, settings).await?;
        let client = self.known.client().await?;
        self.known.servant(&client, &settings.container.image).await?;
        self.refill(&Arc::new(settings.clone()));
        Ok(())
    }

    /// Puts right what an earlier life of this gateway left: its spares and the volumes of
    /// earlier servants go, containers of ours that are not on the list are put there, and those
    /// of others are taken off it. Others' containers are never touched.
    pub async fn sweep(&self) -> Result<Tended, Error> {
        let client = self.known.client().await?;
        let mut removed = spares::sweep(&self.known, &self.spares.names()).await?;
        for (name, found) in self.known.fillers(&client).await? {
            client.remove(&found.id).await?;
            removed.push(name);
        }
        self.known.prune_servants(&client).await;
        self.known.reconcile(&client).await?;
        Ok(Tended { removed, failed: Vec::new() })
    }

    /// Names of the spares that are ready for a session.
    pub fn spares(&self) -> Vec<String> {
        self.spares.names()
    }

    /// Removes the spares; the sandboxes of sessions live on for the next gateway.
    pub async fn close(&self) {
        self.spares.close(&self.known).await;
    }

    async fn remove_if<C>(&self, name: &str, condition: C) -> Result<bool, Error>
    where
        C: FnOnce(&SandboxEntry) -> bool + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let (known, slot) = (Arc::clone(&self.known), name.to_owned());
        let job = async move |live| {
            let removed = async {
                let entries = known.listed().await?;
                let entry = entries.iter().find(|it| it.container_name == slot);
                if entry.is_some_and(|entry| !condition(entry)) {
                    return Ok(false);
                }
                let client = known.client().await?;
                known.remove_ours(&client, &slot).await?;
                known.forget(&slot).await?;
                Ok(true)
            }
            .await;
            let live = if matches!(removed, Ok(true)) { None } else { live };
            reply.send(removed).ok();
            live
        };
        self.pool.submit(name, job).await.map_err(|_| Error::Closed)?;
        let is_removed = answer.await.map_err(|_| Error::Closed)??;
        if is_removed {
            self.recent.forget(name);
        }
        Ok(is_removed)
    }
}
