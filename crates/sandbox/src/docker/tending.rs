//! Clearing away: on demand, by age, and what an earlier life of this gateway left.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use store::{SandboxEntry, SandboxKind};
use tokio::sync::oneshot;

use super::{
    Backend, ensure,
    error::Error,
    servant,
    settings::{Prune, Settings},
    spares,
};
use crate::{
    naming::{LABEL_CREATED, LABEL_HASH, LABEL_KEY, LABEL_OWNER, LABEL_SPARE},
    registry,
};

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
        let entries = match self.known.options.registry.entries(SandboxKind::Container).await {
            Ok(entries) => entries,
            Err(error) => {
                tended.failed.push(("the list".to_owned(), Error::Registry(error)));
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
    /// earlier servants go, and containers of ours that are not on the list are put there.
    /// Others' are never touched.
    pub async fn sweep(&self) -> Result<Tended, Error> {
        let client = self.known.client().await?;
        let mut removed = spares::sweep(&self.known, &self.spares.names()).await?;
        let owner = format!("{LABEL_OWNER}={}", self.known.options.owner);
        for (name, id) in client.with_labels(&[owner.clone(), servant::LABEL.to_owned()]).await? {
            client.remove(&id).await?;
            removed.push(name);
        }
        self.known.prune_servants(&client).await;
        let registry = &self.known.options.registry;
        let listed = registry.entries(SandboxKind::Container).await.map_err(Error::Registry)?;
        for (name, id) in client.with_labels(&[owner, LABEL_KEY.to_owned()]).await? {
            if listed.iter().any(|entry| entry.container_name == name) {
                continue;
            }
            let Some(found) = client.inspect(&id).await? else { continue };
            if found.label(LABEL_SPARE).is_some() {
                continue;
            }
            let now = self.known.now_ms();
            let entry = SandboxEntry {
                container_name: name,
                session_key: found.label(LABEL_KEY).unwrap_or_default().to_owned(),
                created_at_ms: found
                    .label(LABEL_CREATED)
                    .and_then(|it| it.parse().ok())
                    .unwrap_or(now),
                last_used_at_ms: now,
                image: found.image.clone(),
                config_hash: found.label(LABEL_HASH).map(str::to_owned),
                rest: serde_json::Map::new(),
            };
            registry.upsert(SandboxKind::Container, entry).await.map_err(Error::Registry)?;
        }
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
                let entries = known.options.registry.entries(SandboxKind::Container).await;
                let entries = entries.map_err(Error::Registry)?;
                let entry = entries.iter().find(|it| it.container_name == slot);
                if entry.is_some_and(|entry| !condition(entry)) {
                    return Ok(false);
                }
                let client = known.client().await?;
                if let Some(found) = client.inspect(&slot).await? {
                    let owner = found.label(LABEL_OWNER);
                    if owner.is_some_and(|owner| owner != known.options.owner) {
                        let why = "another gateway made it";
                        return Err(Error::Foreign { name: slot.clone(), why });
                    }
                    if found.label(crate::naming::LABEL_SANDBOX) != Some("1") {
                        let why = "it lacks our label";
                        return Err(Error::Foreign { name: slot.clone(), why });
                    }
                    client.remove(&found.id).await?;
                }
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
