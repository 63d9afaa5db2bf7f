//! Containers as sandboxes, over the API of the engine.
//!
//! [`Backend`] is the handle. Owns which engine is spoken to and what a container is made of;
//! `pool` owns which containers are live. The settings come in resolved; the list on disk
//! is `store`'s. An engine that is absent, or settings that would open the wall, are errors:
//! nothing here ever runs on the host instead.

mod attach;
mod birth;
mod checkup;
mod client;
mod connect;
mod create;
mod engine;
mod engine_exec;
pub(crate) mod ensure;
mod error;
mod lease;
mod limits;
mod link;
mod listing;
mod machine;
mod mirror;
mod mounts;
mod own;
mod owner;
mod proof;
mod recent;
mod seed;
mod servant;
pub mod settings;
mod spares;
mod tending;
mod wall;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use store::{SandboxEntry, SandboxKind};
use tokio::sync::oneshot;

pub use checkup::Checkup;
pub use connect::Engine;
pub use engine::Options;
pub use error::Error;
pub use listing::{Listed, Stats};
pub use machine::Reach;
pub use owner::{Owner, earlier_id};
pub use recent::Ran;
pub use settings::Settings;
pub use tending::Tended;
pub use wall::{Row, Verdict};

use crate::{
    backend::{Sandbox, SandboxError},
    naming,
    pool::Pool,
};
use engine::Engine as Known;
use ensure::Ask;
use lease::Lease;
use machine::Machine;
use recent::Recent;
use spares::Spares;

/// How long an engine may take to tell how a container is reached.
const REACH_MAX: Duration = Duration::from_secs(3);

/// The containers of one engine. Clones are the same backend.
#[derive(Clone, Debug)]
pub struct Backend {
    known: Arc<Known>,
    pool: Pool,
    spares: Arc<Spares>,
    recent: Recent,
    last_prune_ms: Arc<AtomicI64>,
}

impl Backend {
    /// Makes the backend. Speaks to no engine yet.
    pub fn new(options: Options) -> Self {
        let pool = Pool::new(&options.tasks, options.stop.clone());
        let recent = Recent::new(Arc::clone(&options.clock));
        Self {
            known: Arc::new(Known::new(options)),
            pool,
            spares: Arc::default(),
            recent,
            last_prune_ms: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Gives a scope its container, as the settings want it. To be called once a turn: it
    /// also says that the container is in use.
    ///
    /// What it returns opens the container again by itself when that was lost meanwhile.
    pub async fn ensure(&self, settings: &Settings) -> Result<Arc<dyn Sandbox>, SandboxError> {
        Ok(Arc::new(self.lease(settings).await?))
    }

    /// Like [`Backend::ensure`], and says how the inside is reached.
    pub async fn open(
        &self,
        settings: &Settings,
    ) -> Result<(Arc<dyn Sandbox>, Reach), SandboxError> {
        let lease = self.lease(settings).await?;
        let reach = lease.reach();
        Ok((Arc::new(lease), reach))
    }

    /// How the container of these settings is reached, or will be once it is there. `None` when
    /// no engine answers, or none has its image.
    pub async fn reach(&self, settings: &Settings) -> Option<Reach> {
        let asked = async {
            let client = self.known.client().await?;
            match client.inspect(&self.name_of(settings)).await? {
                Some(found) => Ok(found.reach()),
                None => self.known.reach(&client, &settings.container.image).await,
            }
        };
        match tokio::time::timeout(REACH_MAX, asked).await {
            Ok(Ok(reach)) => Some(reach),
            Ok(Err(error)) => {
                tracing::debug!(%error, "not known how the sandbox is reached");
                None
            }
            Err(_) => None,
        }
    }

    /// The wall that these settings ask for, beside what was found in their container when it
    /// was made, where there is one.
    pub async fn wall(&self, settings: &Settings) -> Vec<Row> {
        let asked = ensure::asked(self.known.options.engine, settings);
        let list = &self.known.options.registry;
        let listed = list.entries(SandboxKind::Container).await.unwrap_or_default();
        let name = self.name_of(settings);
        let entry = listed.iter().find(|entry| entry.container_name == name);
        let found = entry.map(recorded_wall).unwrap_or_default();
        let found = |row: &Row| {
            found.iter().find(|it| (&it.key, &it.asked) == (&row.key, &row.asked)).cloned()
        };
        asked.into_iter().map(|row| found(&row).unwrap_or(row)).collect()
    }

    /// The container's name for these settings.
    pub fn name_of(&self, settings: &Settings) -> String {
        let owner = self.known.options.owner.in_names();
        naming::container_name(&settings.container.container_prefix, owner, &settings.scope)
    }

    async fn lease(&self, settings: &Settings) -> Result<Lease, SandboxError> {
        let settings = Arc::new(settings.clone());
        let machine = self.machine(&settings).await?;
        Ok(Lease::new(self.clone(), settings, machine))
    }

    async fn machine(&self, settings: &Arc<Settings>) -> Result<Machine, Error> {
        let name = self.name_of(settings);
        let (reply, answer) = oneshot::channel();
        let (known, spares) = (Arc::clone(&self.known), Arc::clone(&self.spares));
        let (wanted, slot) = (Arc::clone(settings), name.clone());
        let job = async move |live| {
            let (settings, name) = (&*wanted, slot.as_str());
            let ask = Ask { engine: &known, spares: &spares, settings, name };
            let outcome = ensure::run(ask, live).await;
            reply.send(outcome.result).ok();
            let mut live = outcome.live;
            if let Some(live) = live.as_mut().filter(|_| outcome.is_unlisted) {
                ask.list(live).await;
            }
            live
        };
        self.pool.submit(&name, job).await.map_err(|_| Error::Closed)?;
        let machine = answer.await.map_err(|_| Error::Closed)??;
        self.refill(settings);
        Ok(machine)
    }

    /// Lets the container of these settings go on if somebody has frozen it.
    async fn thaw(&self, settings: &Settings) {
        let thawed = async {
            let client = self.known.client().await?;
            match self.known.find_ours(&client, &self.name_of(settings)).await? {
                Some(found) => client.thaw(&found).await,
                None => Ok(false),
            }
        };
        if let Err(error) = thawed.await {
            tracing::debug!(%error, "a silent sandbox cannot be looked at");
        }
    }

    fn refill(&self, settings: &Arc<Settings>) {
        let (known, spares) = (Arc::clone(&self.known), Arc::clone(&self.spares));
        let (settings, stop) = (Arc::clone(settings), known.options.stop.clone());
        self.known.options.tasks.spawn(async move {
            // Half-made ones are removed by the next life's sweep.
            stop.run_until_cancelled(Box::pin(spares.refill(&known, &settings))).await;
        });
    }
}

/// The directories of ours that a sandbox of these settings sees, the workspace first.
pub fn planned_mounts(settings: &Settings) -> Vec<naming::HashedMount> {
    let managed = mounts::managed(settings, mounts::main_dir(settings));
    managed.iter().map(mounts::Managed::hashed).collect()
}

/// The wall of a listed container as it was proven; none of an earlier version's.
pub fn recorded_wall(entry: &SandboxEntry) -> Vec<Row> {
    let rows = entry.rest.get(wall::ENTRY).cloned().unwrap_or_default();
    serde_json::from_value(rows).unwrap_or_default()
}

/// The user's binds that such a sandbox sees, those that can be read.
pub fn planned_binds(settings: &Settings) -> Vec<naming::HashedMount> {
    let binds = settings.container.binds.iter();
    let parsed = binds.filter_map(|text| crate::security::Bind::parse(text));
    parsed
        .map(|bind| naming::HashedMount {
            writable: bind.mode.is_none_or(|mode| mode.split(',').all(|option| option != "ro")),
            source: bind.source,
            target: bind.target,
        })
        .collect()
}
