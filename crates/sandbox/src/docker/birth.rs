//! How a container comes to life: made, attached to, started, proven, set up. Whatever fails
//! on the way leaves no container behind.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{
    attach,
    client::{Client, Found},
    connect,
    create::{self, First},
    engine::Engine,
    engine_exec::EngineExec,
    error::Error,
    link,
    machine::{Machine, Reach},
    mounts::{self, Managed},
    proof::{self, Claim, Verdict},
    servant::Servant,
    settings::Container,
    wall::{self, Asked, Facts, Row},
};
use crate::{
    backend::{Chunk, Command, Exit, Sandbox, Stdin},
    boxed::Attach,
    naming::{
        CREATE_EPOCH, LABEL_CREATED, LABEL_EPOCH, LABEL_MOUNT_FORMAT, LABEL_OWNER, LABEL_SANDBOX,
        MOUNT_FORMAT,
    },
};

/// Most of a setup command's output that an error shows.
const SETUP_BYTES_MAX: usize = 4 * 1024;

/// A container to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) name: &'a str,
    /// With the user already derived.
    pub(crate) container: &'a Container,
    pub(crate) managed: &'a [Managed],
    /// See [`mounts::exposed`].
    pub(crate) exposed: &'a [PathBuf],
    /// Those that tell this one from others; see [`labels`].
    pub(crate) labels: &'a BTreeMap<String, String>,
}

/// The labels of every container of ours, with `more`.
pub(crate) fn labels(engine: &Engine, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut labels = engine.options.labels.clone();
    let created = engine.now_ms().to_string();
    let fixed = [
        (LABEL_SANDBOX, "1"),
        (LABEL_CREATED, created.as_str()),
        (LABEL_OWNER, engine.options.owner.id.as_str()),
        (LABEL_MOUNT_FORMAT, MOUNT_FORMAT),
        (LABEL_EPOCH, CREATE_EPOCH),
    ];
    let all = fixed.iter().chain(more);
    labels.extend(all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    labels
}

/// Makes a container and brings it to life.
pub(crate) async fn create(engine: &Engine, plan: Plan<'_>) -> Result<Machine, Error> {
    let client = engine.client().await?;
    let servant = engine.servant(&client, &plan.container.image).await?;
    let placed = engine.placed(plan.managed)?;
    let claims = plan.claims().await?;
    let birth = Birth { engine, client: &client, plan, claims: &claims };
    let failed = match birth.attempt(&placed, servant.as_ref()).await {
        Ok(machine) => return Ok(machine),
        Err(Setback::Elsewhere(said)) => said,
        Err(Setback::NoServant(error)) => {
            // The volume may have been pruned behind our back; an empty one is no servant.
            engine.distrust_servant();
            let servant = engine.servant(&client, &plan.container.image).await?;
            let again = birth.attempt(&placed, servant.as_ref()).await;
            return again.map_err(|setback| setback.or(error));
        }
        Err(Setback::Other(error)) => return Err(error),
    };
    for own in engine.find_own(&client, plan.managed, &failed).await? {
        let placed = super::own::translate(plan.managed, &own).map_err(Error::Mount)?;
        match birth.attempt(&placed, servant.as_ref()).await {
            Ok(machine) => {
                engine.settle_own(own);
                return Ok(machine);
            }
            Err(Setback::Elsewhere(said)) => tracing::debug!(%said, "not our container"),
            Err(Setback::NoServant(error) | Setback::Other(error)) => return Err(error),
        }
    }
    Err(Error::Mount(format!(
        "docker shows the sandbox another directory than the gateway's ({failed}): bind the \
         gateway's state directory at the same path on the host and restart the gateway"
    )))
}

/// Takes hold of a container that runs, or starts it first.
pub(crate) async fn take_up(
    engine: &Engine,
    client: &Arc<Client>,
    plan: Plan<'_>,
    found: &Found,
) -> Result<Machine, Error> {
    let has_servant = found.reach() == Reach::Servant;
    if has_servant && found.is_running && engine.options.engine == connect::Engine::Podman {
        // Podman closes a container's input with its first pipe: the servant hears nobody
        // else in this life. The container's files are there in the next one.
        client.restart(&found.id).await?;
    }
    let how = Hold { has_servant, must_start: !found.is_running };
    let claims = plan.claims().await?;
    let birth = Birth { engine, client, plan, claims: &claims };
    let machine = birth.hold(&found.id, how).await?;
    match proof::prove(&*machine.sandbox, &claims).await {
        Verdict::Seen => Ok(Machine { place: birth.place(), ..machine }),
        Verdict::Unseen(claim) | Verdict::Unreadable { claim, .. } => {
            let said = format!("it no longer sees `{}`", claim.ours.display());
            Err(Error::Servant { name: plan.name.to_owned(), said })
        }
    }
}

impl Plan<'_> {
    async fn claims(&self) -> Result<Vec<Claim>, Error> {
        let binds = &self.container.binds;
        proof::claims(mounts::uncovered(self.managed, binds), binds, self.exposed).await
    }
}

enum Setback {
    /// The engine's machine has no such directory, or another one.
    Elsewhere(String),
    /// The servant did not start.
    NoServant(Error),
    Other(Error),
}

impl Setback {
    fn of_creation(error: Error) -> Self {
        if let Error::Engine { said, .. } = &error
            && said.contains("bind source path does not exist")
        {
            return Self::Elsewhere(said.clone());
        }
        Self::Other(error)
    }

    fn of_start(error: Error, has_servant: bool) -> Self {
        // What the engine says when the program in the volume is not there.
        let is_absent = |said: &String| has_servant && said.contains(create::SERVANT_FILE);
        if matches!(&error, Error::Servant { .. })
            || matches!(&error, Error::Engine { said, .. } if is_absent(said))
        {
            return Self::NoServant(error);
        }
        Self::Other(error)
    }

    fn or(self, first: Error) -> Error {
        match self {
            Self::Elsewhere(_) => first,
            Self::NoServant(error) | Self::Other(error) => error,
        }
    }
}

/// How a container is taken hold of.
#[derive(Clone, Copy)]
struct Hold {
    has_servant: bool,
    must_start: bool,
}

/// A plan on its way.
#[derive(Clone, Copy)]
struct Birth<'a> {
    engine: &'a Engine,
    client: &'a Arc<Client>,
    plan: Plan<'a>,
    claims: &'a [Claim],
}

impl Birth<'_> {
    async fn attempt(
        self,
        placed: &[Managed],
        servant: Option<&Servant>,
    ) -> Result<Machine, Setback> {
        let Self { engine, client, plan, .. } = self;
        let first = match servant {
            Some(servant) => First::Servant { volume: &servant.volume },
            None => First::Sleeper,
        };
        let body = create::body(&create::Plan {
            container: plan.container,
            managed: placed,
            labels: plan.labels.clone(),
            relabel: Engine::relabel(client),
            seccomp: seccomp(plan.container).await.map_err(Setback::Other)?,
            first,
            engine: engine.options.engine,
        });
        let body = body.map_err(Setback::Other)?;
        let id = client.create(plan.name, body).await.map_err(Setback::of_creation)?;
        match self.raise(&id, servant.is_some()).await {
            Ok(machine) => Ok(machine),
            Err(setback) => match client.remove(&id).await {
                Ok(()) => Err(setback),
                Err(second) => {
                    let first = match setback {
                        Setback::Elsewhere(said) => Error::Mount(said),
                        Setback::NoServant(error) | Setback::Other(error) => error,
                    };
                    let (name, first, second) = (plan.name.to_owned(), first.into(), second.into());
                    Err(Setback::Other(Error::Twice { name, first, second }))
                }
            },
        }
    }

    async fn raise(self, id: &str, has_servant: bool) -> Result<Machine, Setback> {
        let Self { plan, .. } = self;
        let machine = self.hold(id, Hold { has_servant, must_start: true }).await;
        let machine = machine.map_err(|error| Setback::of_start(error, has_servant))?;
        match proof::prove(&*machine.sandbox, self.claims).await {
            Verdict::Seen => {}
            Verdict::Unseen(claim) => {
                if let Some(error) = claim.swapped(plan.exposed) {
                    return Err(Setback::Other(error));
                }
                let (ours, target) = (claim.ours.display(), &claim.target);
                let said =
                    format!("a marker put into `{ours}` is not at `{target}` in the sandbox");
                return Err(Setback::Elsewhere(said));
            }
            Verdict::Unreadable { claim, said } => {
                let user = plan.container.user.as_deref().unwrap_or("the image's user");
                return Err(Setback::Other(Error::Mount(format!(
                    "the sandbox's user ({user}) and the gateway cannot both use `{}` ({said}): \
                     give the directory to that user, or set `sandbox.docker.user` to its owner",
                    claim.ours.display()
                ))));
            }
        }
        set_up(&*machine.sandbox, plan).await.map_err(Setback::Other)?;
        Ok(Machine { place: self.place(), ..machine })
    }

    /// The directory that was proven to be at the working directory.
    fn place(self) -> Option<(u64, u64)> {
        let main = &self.plan.managed.first()?.ours;
        self.claims.iter().find(|claim| claim.ours == *main).map(Claim::identity)
    }

    /// Attaches, starts if need be, and greets the servant.
    async fn hold(self, id: &str, how: Hold) -> Result<Machine, Error> {
        let Self { engine, client, plan, .. } = self;
        let docker = plan.container;
        if !how.has_servant {
            if how.must_start {
                client.start(id).await?;
            }
            let sandbox = Arc::new(EngineExec {
                client: Arc::clone(client),
                id: id.to_owned(),
                workdir: docker.workdir.clone(),
                path: docker.env.get("PATH").cloned(),
                tasks: engine.options.tasks.clone(),
            });
            let facts = sandbox.facts().await.map_err(|error| Error::Servant {
                name: plan.name.to_owned(),
                said: format!("nothing can be found out inside ({error})"),
            })?;
            let wall = self.compare(&facts)?;
            return Ok(Machine { sandbox, reach: Reach::EngineExec, way: None, place: None, wall });
        }
        // Before the start, so that nothing the servant says is lost, and because Podman
        // attaches to nothing that runs already.
        let attached = attach::attach(client, id).await?;
        if how.must_start {
            client.start(id).await?;
        }
        let before = if how.must_start { Attach::First } else { Attach::Again };
        let machine = link::open(engine, plan.name, docker, attached, before).await?;
        let wall = match &machine.way {
            // As things were at the container's start, whatever has run since.
            Some(way) => self.compare(way.link.facts())?,
            None => [].into(),
        };
        Ok(Machine { wall, ..machine })
    }

    /// Looks for the wall that was asked for; without it there is no machine.
    fn compare(self, facts: &BTreeMap<String, String>) -> Result<Arc<[Row]>, Error> {
        let Self { client, plan, .. } = self;
        let asked = Asked { container: plan.container, managed: plan.managed, host: &client.host };
        let rows = wall::compare(asked, Facts(facts));
        match wall::failures(&rows) {
            None => Ok(rows.into()),
            Some(failed) => Err(Error::Wall { name: plan.name.to_owned(), failed }),
        }
    }
}

async fn set_up(sandbox: &dyn Sandbox, plan: Plan<'_>) -> Result<(), Error> {
    let Some(line) = plan.container.setup_command.as_deref().filter(|it| !it.trim().is_empty())
    else {
        return Ok(());
    };
    let failed =
        |ended: String, said: String| Error::Setup { name: plan.name.to_owned(), ended, said };
    let command = Command {
        line: line.to_owned(),
        workdir: None,
        env: BTreeMap::new(),
        stdin: Stdin::Null,
        pty: None,
    };
    let mut running = sandbox
        .exec(command)
        .await
        .map_err(|error| failed("not started".into(), error.to_string()))?;
    let mut tail = Vec::new();
    while let Some(Chunk::Out(bytes) | Chunk::Err(bytes)) = running.output.recv().await {
        tail.extend_from_slice(&bytes);
        let over = tail.len().saturating_sub(SETUP_BYTES_MAX);
        tail.drain(..over);
    }
    let ended = match running.exit.await {
        Ok(Exit::Code(0)) => return Ok(()),
        Ok(Exit::Code(code)) => format!("status {code}"),
        Ok(Exit::Signal(signal)) => format!("signal {signal}"),
        Err(_) => "the sandbox ended".to_owned(),
    };
    Err(failed(ended, String::from_utf8_lossy(&tail).trim().to_owned()))
}

/// The text of the profile; the engine takes no path.
async fn seccomp(docker: &Container) -> Result<Option<String>, Error> {
    let path = docker.seccomp_profile.as_deref().map(str::trim).unwrap_or_default();
    if path.is_empty() || path == "builtin" {
        return Ok(None);
    }
    let invalid =
        |why: String| Error::Invalid { key: "seccompProfile", value: path.to_owned(), why };
    let bytes = tokio::fs::read(path).await.map_err(|error| invalid(error.to_string()))?;
    let profile: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    Ok(Some(profile.to_string()))
}
