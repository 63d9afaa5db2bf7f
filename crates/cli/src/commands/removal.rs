//! What `reset` and `uninstall` take away: planned, told, agreed to, and only then done.
//!
//! Nothing outside of the state directory is ever removed; what lies elsewhere is named, with
//! the command that a person may run. A gateway that uses the directory is stopped first.

use std::{
    fs,
    path::{Path, PathBuf},
};

use store::Cleared;

use super::{gateway, sandbox};
use crate::{
    consent,
    error::{Failure, Kind},
    program::Program,
    ui, wait_for,
};

/// Something that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Removal {
    pub(super) path: PathBuf,
    /// What it is to a person.
    pub(super) what: &'static str,
}

/// All that is to go, and what stays.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) removals: Vec<Removal>,
    /// Below something that goes, but stays.
    pub(super) keep: Vec<PathBuf>,
    /// Elsewhere, so that it stays.
    pub(super) outside: Vec<Removal>,
    /// Whether a running gateway must be stopped, and sandboxes must go.
    pub(super) takes_state: bool,
}

/// How a person agrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    pub(super) yes: bool,
    pub(super) non_interactive: bool,
    pub(super) dry_run: bool,
}

impl Plan {
    /// Adds `path` where it belongs, if there is such a thing.
    pub(super) fn add(&mut self, program: &Program, path: &Path, what: &'static str) {
        if path.symlink_metadata().is_err() {
            return;
        }
        let removal = Removal { path: path.to_owned(), what };
        if path.starts_with(&program.locations.state_dir) {
            self.removals.push(removal);
        } else {
            self.outside.push(removal);
        }
    }

    /// Tells, asks and does it. Says whether it was done.
    pub(super) fn carry_out(&self, program: &Program, how: Agreement) -> Result<bool, Failure> {
        self.tell(program, how.dry_run);
        if self.removals.is_empty() {
            ui::answer("There is nothing to remove.");
            return Ok(false);
        }
        if how.dry_run {
            return Ok(false);
        }
        let running = store::lock_holder(&program.locations.state_dir)
            .filter(|_| self.takes_state)
            .map(|pid| stoppable(program, pid))
            .transpose()?;
        if !how.yes {
            if how.non_interactive || !consent::is_anybody_there() {
                return Err(Failure::new(Kind::Usage, "nobody is there to be asked; pass --yes"));
            }
            let also = if running.is_some() { "The gateway is stopped first. " } else { "" };
            if !consent::is_given(&format!("{also}This cannot be undone. Go on?"))? {
                ui::answer("Nothing was removed.");
                return Ok(false);
            }
        }
        if running.is_some() {
            gateway::stop_running(program)?;
        }
        if self.takes_state {
            remove_sandboxes(program);
        }
        self.remove(program)?;
        Ok(true)
    }

    fn tell(&self, program: &Program, dry_run: bool) {
        let mark = if dry_run { "[dry-run] " } else { "" };
        let shown = |path: &Path| program.locations.shorten(path);
        for it in &self.removals {
            ui::answer(format!("{mark}remove {} ({})", shown(&it.path), it.what));
        }
        for path in &self.keep {
            ui::answer(format!("{mark}keep {}", shown(path)));
        }
        for it in &self.outside {
            ui::answer(format!(
                "{mark}keep {} ({}): it is outside of the state directory",
                shown(&it.path),
                it.what
            ));
            ui::hint(format!("rm -r '{}'", it.path.display()));
        }
    }

    fn remove(&self, program: &Program) -> Result<(), Failure> {
        let mut failed = None;
        for it in &self.removals {
            let shown = program.locations.shorten(&it.path);
            match store::clear(&program.locations.state_dir, &it.path, &self.keep) {
                Ok(Cleared::Gone | Cleared::Absent) => ui::answer(format!("removed {shown}")),
                Ok(Cleared::Emptied) => ui::answer(format!("emptied {shown}")),
                Err(error) => {
                    ui::warn(format!("{shown} stays"));
                    failed = failed.or(Some(Failure::of(Kind::State, &error)));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Whether the process that holds the state directory is one that we see: in a container of its
/// own it is not, and its number would mean somebody else here.
fn stoppable(program: &Program, pid: u32) -> Result<u32, Failure> {
    let lock = program.locations.state_dir.join("state.lock");
    let lock = fs::canonicalize(&lock).unwrap_or(lock);
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let holds = files.filter_map(|file| fs::read_link(file.path()).ok()).any(|to| to == lock);
    if holds || !Path::new("/proc/self/fd").exists() {
        return Ok(pid);
    }
    let dir = program.locations.shorten(&program.locations.state_dir);
    Err(Failure::new(
        Kind::State,
        format!("a gateway that we cannot stop from here uses {dir} (its pid is {pid})"),
    )
    .hint("stop it first, such as by `docker compose stop openclaw-gateway`"))
}

/// Removes the containers that tools ran in: without their list nobody would find them again.
fn remove_sandboxes(program: &Program) {
    let removed = wait_for(async {
        // Lists what is not on the list; an engine that does not answer has its word below.
        sandbox::sweep(program).await.ok();
        for name in sandbox::listed_names(program).await {
            match sandbox::remove_by_name(program, &name).await {
                Ok(()) => ui::answer(format!("removed the sandbox {name}")),
                Err(failure) => {
                    ui::warn(format!("the sandbox {name} stays: {}", failure.message));
                }
            }
        }
        Ok(())
    });
    if let Err(failure) = removed {
        ui::warn(failure.message);
    }
}

/// The workspaces of all agents.
pub(super) fn workspaces(program: &Program) -> Vec<PathBuf> {
    let mut found = vec![program.locations.workspace_default.clone()];
    if let Some(config) = &program.loaded().config {
        found.extend(config.agents.list.iter().map(|agent| agent.workspace.clone()));
    }
    found.sort();
    found.dedup();
    found.retain(|path| path.exists());
    found
}
