//! Started containers that wait for a session to come.
//!
//! A spare is bound to a directory of its own beside those of the sessions. To adopt it, that
//! directory takes the session's name (a bind follows it) and the container, too; labels
//! cannot change, so the list on disk carries the key. Once adopted it is never a spare again.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use held::Dir;

use super::{
    birth,
    engine::Engine,
    ensure,
    error::Error,
    machine::Machine,
    mounts::{self, Managed},
    seed,
    settings::{Access, Settings, Sharing},
};
use crate::naming::{self, Hashed, LABEL_SPARE};

/// Entries of a spare's directory that are removed at once.
const SPARE_ENTRIES_MAX: usize = 5_000;
/// Most spares of all kinds together.
const SPARES_MAX: usize = 8;

/// The spares of this process.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ready: HashMap<String, Vec<Spare>>,
    /// How many of each kind are being made.
    making: HashMap<String, usize>,
    is_closed: bool,
}

struct Spare {
    name: String,
    /// Its directory; `None` when it works in the agent's workspace.
    dir: Option<PathBuf>,
    machine: Machine,
    made_ms: i64,
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spare").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether new sessions of this kind come at all: other scopes have one sandbox each, for good.
fn wants_spares(settings: &Settings) -> bool {
    settings.spares > 0 && settings.scope.sharing == Sharing::Session
}

/// What a spare can become: the settings without the session.
fn kind(settings: &Settings) -> String {
    let root = settings.sandbox_dir.parent().unwrap_or(Path::new("/"));
    let wanted = ensure::wanted(settings, settings_main(settings, root));
    let hashed: Vec<_> = wanted.managed.iter().map(Managed::hashed).collect();
    naming::config_hash(&Hashed {
        docker: &wanted.container,
        workspace_access: settings.access,
        workspace_dir: None,
        agent_workspace_dir: &settings.agent_dir,
        mounts: &hashed,
    })
}

fn settings_main<'a>(settings: &'a Settings, own: &'a Path) -> &'a Path {
    match settings.access {
        Access::None | Access::Ro => own,
        Access::Rw => &settings.agent_dir,
    }
}

impl Spares {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes a spare the container of this scope. `None` when there is none, or when it would
    /// not do: the caller then makes a container as usual.
    pub(crate) async fn adopt(
        &self,
        engine: &Engine,
        settings: &Settings,
        name: &str,
    ) -> Option<Machine> {
        if !wants_spares(settings) {
            return None;
        }
        let kind = kind(settings);
        loop {
            let spare = self.with(|state| state.ready.get_mut(&kind)?.pop())?;
            if !spare.machine.is_gone() {
                match become_of(engine, &spare, settings, name).await {
                    Ok(()) => return Some(spare.machine),
                    Err(error) => {
                        tracing::info!(spare = %spare.name, %error, "spare not adopted");
                    }
                }
            }
            discard(engine, &spare).await;
        }
    }

    /// Makes as many spares as the settings want and are missing.
    pub(crate) async fn refill(&self, engine: &Engine, settings: &Settings) {
        if !wants_spares(settings) {
            return;
        }
        let kind = kind(settings);
        // Those of settings that nobody has any more must not keep new ones out.
        if let Some(oldest) = self.with(|state| state.evict(&kind)) {
            discard(engine, &oldest).await;
        }
        while self.with(|state| state.claim(&kind, settings.spares)) {
            let made = make(engine, settings, &kind).await;
            let unwanted = self.with(|state| {
                state.release(&kind);
                match made {
                    Ok(spare) if state.is_closed => Some(Ok(spare)),
                    Ok(spare) => {
                        state.ready.entry(kind.clone()).or_default().push(spare);
                        None
                    }
                    Err(error) => Some(Err(error)),
                }
            });
            match unwanted {
                None => {}
                Some(Ok(spare)) => return discard(engine, &spare).await,
                Some(Err(error)) => {
                    tracing::warn!(%error, "no spare sandbox");
                    return;
                }
            }
        }
    }

    /// Names of those that are ready.
    pub(crate) fn names(&self) -> Vec<String> {
        self.with(|state| state.ready.values().flatten().map(|it| it.name.clone()).collect())
    }

    /// Removes those that nobody came for since `before_ms`.
    pub(crate) async fn prune(&self, engine: &Engine, before_ms: i64) -> Vec<String> {
        let old: Vec<_> = self.with(|state| {
            let lists = state.ready.values_mut();
            lists.flat_map(|list| list.extract_if(.., |it| it.made_ms < before_ms)).collect()
        });
        for spare in &old {
            discard(engine, spare).await;
        }
        old.into_iter().map(|it| it.name).collect()
    }

    /// Removes them all, and those that are being made.
    pub(crate) async fn close(&self, engine: &Engine) {
        let all = self.with(|state| {
            state.is_closed = true;
            std::mem::take(&mut state.ready)
        });
        for spare in all.values().flatten() {
            discard(engine, spare).await;
        }
    }
}

impl State {
    fn count(&self) -> usize {
        self.ready.values().map(Vec::len).sum::<usize>() + self.making.values().sum::<usize>()
    }

    /// Takes out the oldest of another kind when there is no room for one more.
    fn evict(&mut self, kind: &str) -> Option<Spare> {
        if self.count() < SPARES_MAX {
            return None;
        }
        let others = self.ready.iter().filter(|(other, list)| *other != kind && !list.is_empty());
        let (oldest, _) = others.min_by_key(|(_, list)| list[0].made_ms)?;
        let oldest = oldest.clone();
        Some(self.ready.get_mut(&oldest)?.remove(0))
    }

    fn claim(&mut self, kind: &str, wanted: u32) -> bool {
        let of_kind = self.ready.get(kind).map_or(0, Vec::len)
            + self.making.get(kind).copied().unwrap_or_default();
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        if self.is_closed || of_kind >= wanted || self.count() >= SPARES_MAX {
            return false;
        }
        *self.making.entry(kind.to_owned()).or_default() += 1;
        true
    }

    fn release(&mut self, kind: &str) {
        if let Some(count) = self.making.get_mut(kind) {
            *count = count.saturating_sub(1);
        }
    }
}

async fn make(engine: &Engine, settings: &Settings, kind: &str) -> Result<Spare, Error> {
    let mut seed = [0; 6];
    getrandom::fill(&mut seed).map_err(|_| Error::Closed)?;
    let id = hex::encode(seed);
    let (prefix, owner) = (&settings.container.container_prefix, engine.options.owner.in_names());
    let name = format!("{prefix}{owner}-spare-{id}");
    let dir = match settings.access {
        Access::Rw => None,
        Access::None | Access::Ro => {
            let root = settings.sandbox_dir.parent().unwrap_or(Path::new("/"));
            Some(root.join(format!(".spare-{id}")))
        }
    };
    if let Some(dir) = &dir {
        let user = settings.container.user.as_deref().and_then(seed::user_of);
        let owner = user.filter(|_| rustix::process::geteuid().is_root());
        seed::make_dir(dir, owner, &mounts::exposed(settings))?;
    } else {
        seed::guard(settings)?;
    }
    let main = dir.as_deref().unwrap_or(mounts::main_dir(settings));
    let wanted = ensure::wanted(settings, main);
    let labels = birth::labels(engine, &[(LABEL_SPARE, kind)]);
    let plan = birth::Plan {
        name: &name,
        container: &wanted.container,
        managed: &wanted.managed,
        exposed: &wanted.exposed,
        labels: &labels,
    };
    match birth::create(engine, plan).await {
        Ok(machine) => Ok(Spare { name, dir, machine, made_ms: engine.now_ms() }),
        Err(error) => {
            clear_dir(dir.as_deref()).await;
            Err(error)
        }
    }
}

/// Gives the spare the session's names.
async fn become_of(
    engine: &Engine,
    spare: &Spare,
    settings: &Settings,
    name: &str,
) -> Result<(), Error> {
    if let Some(dir) = &spare.dir {
        moved(dir, &settings.sandbox_dir).map_err(|source| Error::Directory {
            path: settings.sandbox_dir.display().to_string(),
            source,
        })?;
    }
    let client = engine.client().await?;
    let Some(found) = engine.find_ours(&client, &spare.name).await? else {
        let (name, said) = (spare.name.clone(), "it is gone".to_owned());
        return Err(Error::Servant { name, said });
    };
    client.rename(&found.id, name).await
}

/// Gives a directory its name. It takes the place of nothing, or of an empty directory; else
/// this fails, as it must.
fn moved(dir: &Path, to: &Path) -> io::Result<()> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
    let above = Dir::open(to.parent().unwrap_or(Path::new("/")))?;
    above.move_over(name(dir), &above, name(to))
}

async fn discard(engine: &Engine, spare: &Spare) {
    let removed = async {
        let client = engine.client().await?;
        engine.remove_ours(&client, &spare.name).await
    };
    let removed = removed.await;
    if let Err(error) = removed {
        tracing::warn!(spare = %spare.name, %error, "spare not removed");
    }
    clear_dir(spare.dir.as_deref()).await;
}

/// Removes a directory that no session ever had.
async fn clear_dir(dir: Option<&Path>) {
    let Some(dir) = dir.map(ToOwned::to_owned) else { return };
    let cleared = tokio::task::spawn_blocking(move || {
        let above = Dir::open(dir.parent().unwrap_or(Path::new("/")))?;
        above.take_away(dir.file_name().unwrap_or_default(), &above, SPARE_ENTRIES_MAX)
    });
    if let Ok(Err(error)) = cleared.await {
        tracing::warn!(%error, "spare's directory not removed");
    }
}

/// Removes the spares that an earlier life of this gateway left.
pub(crate) async fn sweep(engine: &Engine, ready: &[String]) -> Result<Vec<String>, Error> {
    let client = engine.client().await?;
    let listed = engine.listed().await?;
    let mut removed = Vec::new();
    for (name, found) in engine.all_ours(&client, LABEL_SPARE).await? {
        // An adopted one carries the label for good, but has a name on the list.
        let is_adopted = listed.iter().any(|entry| entry.container_name == name);
        if is_adopted || ready.contains(&name) {
            continue;
        }
        client.remove(&found.id).await?;
        removed.push(name);
    }
    Ok(removed)
}
