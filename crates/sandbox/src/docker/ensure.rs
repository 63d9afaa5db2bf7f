//! What a turn asks for: the live container of its scope, as its settings want it.
//!
//! Runs once at a time per container name (`pool` sees to that), so nothing here locks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use store::{SandboxEntry, SandboxKind};

use super::{
    birth::{self, Plan},
    client::Found,
    connect,
    engine::Engine,
    error::Error,
    machine::Machine,
    mounts::{self, Managed},
    owner::Whose,
    seed,
    settings::{Container, Settings},
    spares::Spares,
    wall::{self, Asked, Host, Row},
};
use crate::{
    naming::{self, Hashed, LABEL_HASH, LABEL_KEY, LABEL_MOUNTS, LABEL_SPARE},
    registry::{self, Action, Known},
    security::{self, Ground},
};

/// How seldom the list is told that a container is still in use: what is idle is told by hours.
const LIST_EVERY_MS: i64 = 10_000;

/// A container that is live in this process.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) machine: Machine,
    /// Hash of the settings that it was made by.
    pub(crate) hash: String,
    /// When the list was last told that it is in use.
    pub(crate) listed_ms: i64,
}

/// What the settings come to.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// With the user derived.
    pub(crate) container: Container,
    pub(crate) managed: Vec<Managed>,
    /// See [`mounts::exposed`].
    pub(crate) exposed: Vec<PathBuf>,
    pub(crate) hash: String,
    pub(crate) mounts_hash: String,
}

/// What came of it: the container, whether or not the asking succeeded.
pub(crate) struct Outcome {
    pub(crate) live: Option<Live>,
    pub(crate) result: Result<Machine, Error>,
    /// Whether the list is still to be told that it is in use; see [`Ask::list`].
    pub(crate) is_unlisted: bool,
}

/// Gives the scope its container.
pub(crate) async fn run(ask: Ask<'_>, live: Option<Live>) -> Outcome {
    match ask.find_live(live.as_ref()).await {
        Ok(None) => {}
        Ok(Some(machine)) => {
            let listed_ms = live.as_ref().map_or(0, |live| live.listed_ms);
            let is_unlisted = ask.engine.now_ms().saturating_sub(listed_ms) >= LIST_EVERY_MS;
            return Outcome { result: Ok(machine), live, is_unlisted };
        }
        Err(error) => return Outcome::failed(error, live),
    }
    match ask.run(live.as_ref()).await {
        Ok(live) => {
            let result = Ok(live.machine.clone());
            Outcome { result, live: Some(live), is_unlisted: false }
        }
        Err(error) => Outcome::failed(error, live),
    }
}

impl Outcome {
    /// What was live may still be: a refusal does not end a command that runs.
    fn failed(error: Error, live: Option<Live>) -> Self {
        let live = live.filter(|it| !it.machine.is_gone());
        Self { result: Err(error), live, is_unlisted: false }
    }
}

/// A scope that asks for its container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) spares: &'a Spares,
    pub(crate) settings: &'a Settings,
    /// Of the container.
    pub(crate) name: &'a str,
}

impl Ask<'_> {
    /// Says on the list that what is live is in use. Nobody waits for it, as the disk may take
    /// longer than the call; the next one that asks for this container does.
    pub(crate) async fn list(self, live: &mut Live) {
        match self.touch(&live.hash, None, &live.machine.wall).await {
            Ok(()) => live.listed_ms = self.engine.now_ms(),
            Err(error) => tracing::warn!(container = self.name, %error, "not listed as used"),
        }
    }

    /// What is live, if it is as the settings want it. A held pipe that is open says more than
    /// an inspection: the container runs.
    async fn find_live(self, live: Option<&Live>) -> Result<Option<Machine>, Error> {
        check(self.engine, self.settings).await?;
        let Some(live) = live.filter(|it| self.is_good(it)) else { return Ok(None) };
        if live.hash != wanted(self.settings, mounts::main_dir(self.settings)).hash {
            return Ok(None);
        }
        self.prepare().await?;
        Ok(Some(live.machine.clone()))
    }

    async fn run(self, live: Option<&Live>) -> Result<Live, Error> {
        let Self { engine, settings, name, .. } = self;
        let wanted = wanted(settings, mounts::main_dir(settings));
        let client = engine.client().await?;
        let entry = entry(engine, name).await?;
        let Some(mut found) = client.inspect(name).await? else {
            engine.forget(name).await?;
            return self.create(&wanted).await;
        };
        self.own(engine.whose(&client, &found).await, &found, entry.as_ref())?;
        found.is_running |= client.thaw(&found).await?;
        let listed = entry.as_ref().and_then(|it| it.config_hash.as_deref());
        let hash = found.label(LABEL_HASH).or(listed);
        let known = Known {
            is_running: found.is_running,
            hash,
            mounts: found.label(LABEL_MOUNTS),
            was_spare: found.label(LABEL_SPARE).is_some(),
            last_used_ms: entry.as_ref().map(|it| it.last_used_at_ms).filter(|&it| it > 0),
        };
        let action = registry::decide(&known, &wanted.hash, &wanted.mounts_hash, engine.now_ms());
        self.tell(action)?;
        if action != Action::Recreate {
            let hash = hash.unwrap_or_default().to_owned();
            match self.take_up(&wanted, &found, live).await {
                Ok(machine) => {
                    self.touch(&hash, Some(&found), &machine.wall).await?;
                    return Ok(Live { machine, hash, listed_ms: engine.now_ms() });
                }
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                Err(error) => tracing::info!(container = name, %error, "made anew"),
            }
        }
        engine.remove_ours(&client, &found.id).await?;
        engine.forget(name).await?;
        self.create(&wanted).await
    }

    /// Lays out the directories. What is left of former ones goes while nobody waits for it.
    async fn prepare(self) -> Result<(), Error> {
        let settings = self.settings.clone();
        let prepared = tokio::task::spawn_blocking(move || seed::prepare(&settings));
        if let Some(above) = prepared.await.map_err(|_| Error::Closed)?? {
            self.engine.options.tasks.spawn_blocking(move || seed::drain(&above));
        }
        Ok(())
    }

    /// Whether it is live, and its directory still the one that it was proven to see.
    fn is_good(self, live: &Live) -> bool {
        let place = seed::identity(mounts::main_dir(self.settings));
        live.machine.is_held() && place.is_some() && live.machine.place == place
    }

    /// Refuses, or says what is not as it should be.
    fn tell(self, action: Action) -> Result<(), Error> {
        let command = naming::recreate_command(&self.settings.scope);
        match action {
            Action::Refuse => Err(Error::MountsChanged { name: self.name.to_owned(), command }),
            Action::KeepOld => {
                tracing::info!(
                    container = self.name,
                    command,
                    "the sandbox's settings changed, but it was used a moment ago; run the \
                     command to apply them now"
                );
                Ok(())
            }
            Action::Keep | Action::Start | Action::Recreate => Ok(()),
        }
    }

    async fn take_up(
        self,
        wanted: &Wanted,
        found: &Found,
        live: Option<&Live>,
    ) -> Result<Machine, Error> {
        self.prepare().await?;
        if let Some(live) = live
            && self.is_good(live)
        {
            return Ok(live.machine.clone());
        }
        let client = self.engine.client().await?;
        birth::take_up(self.engine, &client, self.plan(wanted, &BTreeMap::new()), found).await
    }

    async fn create(self, wanted: &Wanted) -> Result<Live, Error> {
        let Self { engine, settings, name, .. } = self;
        engine.retire(&*engine.client().await?, &settings.scope.key).await?;
        let adopted = self.spares.adopt(engine, settings, name).await;
        // After the adoption, which brings the directory along.
        self.prepare().await?;
        let machine = if let Some(machine) = adopted {
            machine
        } else {
            let own = [
                (LABEL_KEY, settings.scope.key.as_str()),
                (LABEL_HASH, &wanted.hash),
                (LABEL_MOUNTS, &wanted.mounts_hash),
            ];
            birth::create(engine, self.plan(wanted, &birth::labels(engine, &own))).await?
        };
        self.touch(&wanted.hash, None, &machine.wall).await?;
        Ok(Live { machine, hash: wanted.hash.clone(), listed_ms: engine.now_ms() })
    }

    fn plan<'b>(&'b self, wanted: &'b Wanted, labels: &'b BTreeMap<String, String>) -> Plan<'b> {
        Plan {
            name: self.name,
            container: &wanted.container,
            managed: &wanted.managed,
            exposed: &wanted.exposed,
            labels,
        }
    }

    /// Refuses a container of the right name that another program, gateway or scope made.
    fn own(self, whose: Whose, found: &Found, entry: Option<&SandboxEntry>) -> Result<(), Error> {
        let foreign = |why| Err(Error::Foreign { name: self.name.to_owned(), why });
        match whose {
            Whose::Ours => {}
            Whose::OursOfOld => return foreign("an earlier version made it"),
            Whose::Others(why) => return foreign(why),
        }
        let key = found.label(LABEL_KEY).or(entry.map(|it| it.session_key.as_str()));
        if key.is_some_and(|key| key != self.settings.scope.key) {
            return foreign("it belongs to another scope");
        }
        Ok(())
    }

    /// Says on the list that the container is in use.
    async fn touch(self, hash: &str, found: Option<&Found>, wall: &[Row]) -> Result<(), Error> {
        let now = self.engine.now_ms();
        let created = found.and_then(|it| it.label(naming::LABEL_CREATED)?.parse().ok());
        let image = found.map_or(&self.settings.container.image, |it| &it.image);
        let entry = SandboxEntry {
            container_name: self.name.to_owned(),
            session_key: self.settings.scope.key.clone(),
            created_at_ms: created.unwrap_or(now),
            last_used_at_ms: now,
            image: image.clone(),
            config_hash: (!hash.is_empty()).then(|| hash.to_owned()),
            rest: [(wall::ENTRY.to_owned(), serde_json::json!(wall))].into_iter().collect(),
        };
        let written = self.engine.options.registry.upsert(SandboxKind::Container, entry).await;
        written.map_err(Error::Registry)
    }
}

/// Works the settings out for `main` as the directory at the working directory.
pub(crate) fn wanted(settings: &Settings, main: &Path) -> Wanted {
    let mut container = settings.container.clone();
    let user = container.user.take().filter(|it| !it.trim().is_empty());
    container.user = Some(user.unwrap_or_else(|| {
        let owner = seed::owner_of(main);
        format!("{}:{}", owner.uid, owner.gid)
    }));
    let managed = mounts::managed(settings, main);
    let hashed: Vec<_> = managed.iter().map(Managed::hashed).collect();
    let hash = naming::config_hash(&Hashed {
        docker: &container,
        workspace_access: settings.access,
        workspace_dir: Some(main),
        agent_workspace_dir: &settings.agent_dir,
        mounts: &hashed,
    });
    // Skills come and go; a sandbox in use sees them when it is made anew.
    let lasting = managed.iter().zip(hashed).filter(|(it, _)| !it.is_skills);
    let mounts_hash = naming::mounts_hash(&lasting.map(|(_, it)| it).collect::<Vec<_>>());
    let exposed = mounts::exposed(settings);
    Wanted { container, managed, exposed, hash, mounts_hash }
}

/// The wall that the settings ask for.
pub(crate) fn asked(engine: connect::Engine, settings: &Settings) -> Vec<Row> {
    let Wanted { container, managed, .. } = wanted(settings, mounts::main_dir(settings));
    let host = Host { engine, kernel: None, default_runtime: None, runtimes: Vec::new() };
    wall::unproven(Asked { container: &container, managed: &managed, host: &host })
}

/// Refuses what no sandbox gets. Looks at the disk, so off the async threads.
pub(crate) async fn check(engine: &Engine, settings: &Settings) -> Result<(), Error> {
    let socket = engine.client().await?.endpoint.socket();
    let (settings, homes) = (settings.clone(), engine.options.homes.clone());
    let checked = tokio::task::spawn_blocking(move || {
        let sockets: Vec<_> = socket.into_iter().collect();
        let resolve = security::resolve_on_disk;
        security::check(&settings, &Ground { homes: &homes, sockets: &sockets, resolve: &resolve })
    });
    checked.await.map_err(|_| Error::Closed)?.map_err(Error::Refused)
}

async fn entry(engine: &Engine, name: &str) -> Result<Option<SandboxEntry>, Error> {
    Ok(engine.listed().await?.into_iter().find(|it| it.container_name == name))
}

impl Engine {
    /// Takes a container off the list.
    pub(crate) async fn forget(&self, name: &str) -> Result<(), Error> {
        let removed = self.options.registry.remove(SandboxKind::Container, name).await;
        removed.map_err(Error::Registry)
    }
}
