//! One engine as this process knows it: the connection, the servant's volume, and where our
//! own directories are on its machine. All are found out at first use and kept.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use domain::Clock;
use store::SandboxRegistry;
use tokio::sync::OnceCell;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    client::Client,
    connect::{self, Engine as Program},
    error::Error,
    machine::Reach,
    mounts::{Managed, Relabel},
    own::{self, OwnMount},
    owner::Owner,
    servant::{self, Servant},
    wall::Host,
};
use crate::naming;

/// What the backend is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Docker, or Podman by its Docker-compatible socket.
    pub engine: Program,
    /// The process environment: `DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG`,
    /// `CONTAINER_HOST`, `HOME`, `XDG_RUNTIME_DIR`. Nothing of it reaches a sandbox.
    pub env: BTreeMap<String, String>,
    /// Home directories whose secrets no bind may show.
    pub homes: Vec<PathBuf>,
    /// The list of sandboxes on disk.
    pub registry: SandboxRegistry,
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// The servant's program; `None` looks for `openclaw-boxd` beside our own.
    pub servant: Option<PathBuf>,
    /// Tells this state directory from others on the same engine.
    pub owner: Owner,
    /// Further labels for every container.
    pub labels: BTreeMap<String, String>,
    /// Where tasks run.
    pub tasks: TaskTracker,
    /// Ends the backend's own tasks. Containers live on.
    pub stop: CancellationToken,
}

/// The engine and what was found out about it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) options: Options,
    client: OnceCell<Arc<Client>>,
    program: OnceCell<Option<Vec<u8>>>,
    /// Replaced when the volume turns out to be gone.
    servant: Mutex<Arc<OnceCell<Servant>>>,
    /// Set once directories were proven to be elsewhere than where we see them.
    own: OnceCell<Vec<OwnMount>>,
}

impl Engine {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            client: OnceCell::new(),
            program: OnceCell::new(),
            servant: Mutex::default(),
            own: OnceCell::new(),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now().0
    }

    /// The connection; a failure is tried again next time.
    pub(crate) async fn client(&self) -> Result<Arc<Client>, Error> {
        let connected = self.client.get_or_try_init(|| async {
            let endpoint = connect::endpoint(self.options.engine, &self.options.env).await?;
            let docker = connect::connect(&endpoint).await?;
            let about = docker.info().await.map_err(|error| endpoint.unreachable(&error))?;
            let security = about.security_options.unwrap_or_default();
            let has_labels = security.iter().any(|it| it.contains("selinux"));
            let program = |(name, it): (String, bollard::models::Runtime)| Some((name, it.path?));
            let host = Host {
                engine: self.options.engine,
                kernel: about.kernel_version,
                default_runtime: about.default_runtime,
                runtimes: about.runtimes.into_iter().flatten().filter_map(program).collect(),
            };
            tracing::debug!(endpoint = %endpoint.url, from = %endpoint.from, "docker answers");
            Ok(Arc::new(Client { docker, endpoint, has_labels, host }))
        });
        connected.await.cloned()
    }

    async fn program(&self) -> Option<&[u8]> {
        let found = || servant::find(self.options.servant.as_ref());
        self.program.get_or_init(found).await.as_deref()
    }

    /// How containers of an image are reached.
    pub(crate) async fn reach(&self, client: &Client, image: &str) -> Result<Reach, Error> {
        let arch = client.image_arch(image).await?;
        let is_served = self.program().await.is_some() && servant::runs_on(&arch);
        Ok(if is_served { Reach::Servant } else { Reach::EngineExec })
    }

    /// The servant for an image; `None` where it cannot run.
    pub(crate) async fn servant(
        &self,
        client: &Client,
        image: &str,
    ) -> Result<Option<Servant>, Error> {
        let reach = self.reach(client, image).await?;
        let Some(program) = self.program().await.filter(|_| reach == Reach::Servant) else {
            return Ok(None);
        };
        let cell = Arc::clone(&self.servant.lock().unwrap_or_else(PoisonError::into_inner));
        let mut labels = self.options.labels.clone();
        labels.insert(naming::LABEL_OWNER.to_owned(), self.options.owner.id.clone());
        labels.insert(naming::LABEL_CREATED.to_owned(), self.now_ms().to_string());
        let filled = cell.get_or_try_init(|| servant::fill(client, program, image, labels)).await?;
        Ok(Some(filled.clone()))
    }

    /// Removes what earlier servants have left. A failure is only logged: it costs disk alone.
    pub(crate) async fn prune_servants(&self, client: &Client) {
        let current = self.program().await.map(servant::volume_of);
        match servant::prune(client, current.as_deref(), self.now_ms()).await {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => tracing::info!(?removed, "volumes of earlier servants removed"),
            Err(error) => tracing::warn!(%error, "volumes of earlier servants stay"),
        }
    }

    /// Has the servant's volume looked at again at its next use.
    pub(crate) fn distrust_servant(&self) {
        *self.servant.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// The mounts with the sources that the engine's machine knows, as far as found out.
    pub(crate) fn placed(&self, managed: &[Managed]) -> Result<Vec<Managed>, Error> {
        match self.own.get() {
            None => Ok(managed.to_vec()),
            Some(own) => own::translate(managed, own).map_err(Error::Mount),
        }
    }

    /// Looks for the container that we may run in ourselves, after a mount from where we see
    /// a directory has failed. `said` is how it failed.
    pub(crate) async fn find_own(
        &self,
        client: &Client,
        managed: &[Managed],
        said: &str,
    ) -> Result<Vec<Vec<OwnMount>>, Error> {
        let mut found = Vec::new();
        let mut why = None;
        if self.own.get().is_none() {
            for id in own::candidates().await {
                let mounts = own::mounts_of(client, &id).await;
                if mounts.is_empty() {
                    continue;
                }
                match own::translate(managed, &mounts) {
                    Ok(_) => found.push(mounts),
                    Err(text) => why = why.or(Some(text)),
                }
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let dir = managed.first().map(|it| it.ours.display().to_string()).unwrap_or_default();
        Err(Error::Mount(why.unwrap_or_else(|| {
            format!(
                "docker does not see the gateway's directory `{dir}` ({said}): if the gateway \
                 runs in a container or on another machine than docker, bind that directory at \
                 the same path on both (`-v {dir}:{dir}`) and restart the gateway"
            )
        })))
    }

    /// Remembers where we are, once proven.
    pub(crate) fn settle_own(&self, own: Vec<OwnMount>) {
        self.own.set(own).ok();
    }

    pub(crate) fn relabel(client: &Client) -> Relabel {
        if client.has_labels { Relabel::Yes } else { Relabel::No }
    }
}
