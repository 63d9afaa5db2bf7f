//! Which machine a permitted call runs on: the host, or the session's sandbox.
//!
//! Decides nothing: whether a session has a sandbox is `policy`'s to say, and so is whether a
//! call may leave it, which the permit carries. A sandbox that cannot be had is a failed call,
//! never a run on the host.
//!
//! A conversation whose last turn used its sandbox will likely use it again, so the next turn has
//! it looked at and opened while the model is asked, off the path of the first call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::Effect;
use policy::Permit;
use sandbox::{Sandbox, SandboxError, docker::settings::Seed};
use tokio::sync::OnceCell;

use crate::{brief::Brief, io::Io, prompt, sandboxes};

/// The machines of one turn; each is opened at its first use.
#[derive(Default)]
pub(crate) struct Machines {
    host: OnceCell<Arc<dyn Sandbox>>,
    boxed: OnceCell<Arc<dyn Sandbox>>,
    /// Whether a call went into the sandbox.
    is_boxed_used: AtomicBool,
}

/// The machine of one call.
pub(crate) struct Machine {
    pub(crate) sandbox: Arc<dyn Sandbox>,
    pub(crate) is_boxed: bool,
}

impl Machines {
    /// Whether a call went into the session's sandbox.
    pub(crate) fn has_entered(&self) -> bool {
        self.is_boxed_used.load(Ordering::Relaxed)
    }

    /// Opens the session's sandbox, if it has one, before a call needs it.
    pub(crate) async fn open_ahead(&self, brief: &Brief, io: &Io) {
        if brief.boxed.is_some()
            && let Err(error) = self.boxed.get_or_try_init(|| enter(brief, io)).await
        {
            // The call that needs it tries again, and tells the model.
            tracing::debug!(error = &error as &dyn std::error::Error, "not opened ahead");
        }
    }

    /// Gives a permitted call its machine.
    pub(crate) async fn of(
        &self,
        effect: &Effect,
        permit: &Permit,
        brief: &Brief,
        io: &Io,
    ) -> Result<Machine, SandboxError> {
        let acts = match effect {
            Effect::Read { .. } | Effect::Write { .. } | Effect::Run { .. } => true,
            // These touch no file and start no process: the handle is not used.
            Effect::Supervise { .. }
            | Effect::Observe
            | Effect::Configure
            | Effect::Send { .. }
            | Effect::Spawn { .. } => false,
        };
        // A node brings its own machine, so the session's need not be opened.
        let acts = acts && !permit.is_for_node();
        let is_boxed = brief.boxed.is_some() && !permit.leaves_sandbox();
        let sandbox = if is_boxed && acts {
            self.is_boxed_used.store(true, Ordering::Relaxed);
            self.boxed.get_or_try_init(|| enter(brief, io)).await?
        } else {
            self.host.get_or_try_init(|| host(brief, io)).await?
        };
        Ok(Machine { sandbox: Arc::clone(sandbox), is_boxed })
    }
}

async fn host(brief: &Brief, io: &Io) -> Result<Arc<dyn Sandbox>, SandboxError> {
    let spec = sandbox::Spec {
        workspace: brief.agent().workspace.clone(),
        home: brief.place.home.clone(),
        env: brief.skills.with_env(&brief.place.env),
    };
    io.backend.open(&spec).await
}

async fn enter(brief: &Brief, io: &Io) -> Result<Arc<dyn Sandbox>, SandboxError> {
    let agent = brief.agent();
    let settings = sandboxes::settings(&brief.config, agent, &brief.session, seed(brief, io));
    let settings = sandboxes::with_skills(settings, brief.skills.copies(), &io.place.state_dir);
    let backend = sandboxes::backend_of(&io.sandboxes, agent);
    let Some(backend) = backend else {
        return Err(SandboxError::Docker(sandbox::docker::Error::Closed));
    };
    let (config, program) = (Arc::clone(&brief.config), sandboxes::engine(agent));
    backend.prune_if_due(move |entry| sandboxes::prune(&config, program, entry)).await;
    backend.ensure(&settings).await
}

/// Starter files of a sandbox's own workspace: the agent's, or ours where it has none.
fn seed(brief: &Brief, io: &Io) -> Seed {
    let agent = brief.agent();
    let names: Vec<&str> = prompt::SEEDS.iter().map(|(name, _)| *name).collect();
    let found = io.workspace(&brief.config, agent).prompt_files(&names, usize::MAX);
    let files = found.into_iter().filter_map(|file| match file.content {
        store::PromptContent::Found(text) => Some((file.name, text)),
        store::PromptContent::Missing | store::PromptContent::Empty => {
            let (_, text) = prompt::SEEDS.iter().find(|(name, _)| *name == file.name)?;
            // The first-meeting file belongs to the agent's own workspace alone.
            let ours = !agent.skip_bootstrap && file.name != "BOOTSTRAP.md";
            ours.then(|| (file.name, (*text).to_owned()))
        }
    });
    Seed { files: files.collect(), ..Seed::default() }
}
