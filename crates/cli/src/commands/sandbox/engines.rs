//! The list of sandboxes and the engines that run them, without a gateway.

use std::sync::Arc;

use agent::sandboxes::{self, Engines, Ground, Listed};
use config::SandboxMode;
use sandbox::docker::Error;
use store::{OwnerFile, SandboxKind, SandboxOwner, SandboxRegistry, StoreError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    error::{Failure, Kind},
    program::Program,
};

/// All sandboxes of a kind, with what the engines say of them.
pub(super) async fn list(program: &Program, kind: SandboxKind) -> Result<Vec<Listed>, Failure> {
    let config = program.config()?;
    let engines = open(program)?;
    if kind == SandboxKind::Container {
        return sandboxes::list(config, &engines).await.map_err(|error| unreadable(&error));
    }
    let entries = registry(program).entries(kind).await.map_err(|error| unreadable(&error))?;
    let mut rows = Vec::new();
    for entry in entries {
        let mut running = false;
        for (_, backend) in &*engines {
            running |= backend.stats(&entry.container_name).await.is_ok_and(|it| it.is_some());
        }
        let mut row = Listed::of(config, entry, running);
        let agent = sandboxes::agent_of(config, &row.entry.session_key);
        row.image_match = row.entry.image == agent.sandbox_settings.browser.image;
        row.config_label_match = row.image_match;
        rows.push(row);
    }
    Ok(rows)
}

/// Removes a sandbox and its entry.
pub(super) async fn remove(
    program: &Program,
    kind: SandboxKind,
    row: &Listed,
) -> Result<(), Failure> {
    let failed = |error: Error| Failure::of(Kind::Failed, &error);
    let engines = open(program)?;
    sandboxes::remove(program.config()?, &engines, row).await.map_err(failed)?;
    if kind == SandboxKind::Browser {
        let removed = registry(program).remove(kind, &row.entry.container_name).await;
        removed.map_err(|error| unreadable(&error))?;
    }
    Ok(())
}

fn registry(program: &Program) -> SandboxRegistry {
    SandboxRegistry::new(&program.locations.state_dir)
}

fn unreadable(error: &dyn std::error::Error) -> Failure {
    Failure::while_doing(Kind::State, "cannot read the list of sandboxes", error)
}

/// The names of all sandboxes on the lists; none when they cannot be read.
pub(crate) async fn listed_names(program: &Program) -> Vec<String> {
    let mut names = Vec::new();
    for kind in [SandboxKind::Container, SandboxKind::Browser] {
        let entries = registry(program).entries(kind).await.unwrap_or_default();
        names.extend(entries.into_iter().map(|entry| entry.container_name));
    }
    names
}

/// Removes the sandbox of that name and its entry; one that is on no list is gone already.
pub(crate) async fn remove_by_name(program: &Program, name: &str) -> Result<(), Failure> {
    for kind in [SandboxKind::Container, SandboxKind::Browser] {
        let rows = list(program, kind).await?;
        if let Some(row) = rows.iter().find(|row| row.entry.container_name == name) {
            return remove(program, kind, row).await;
        }
    }
    Ok(())
}

/// Puts right what a gateway that is gone left: what it kept ready goes, and sandboxes that are
/// on no list are put there.
pub(crate) async fn sweep(program: &Program) -> Result<(), Failure> {
    let config = program.config()?;
    let in_use = |engine| {
        let boxed = config.agents.list.iter().filter(|it| it.sandbox != SandboxMode::Off);
        boxed.map(sandboxes::engine).any(|it| it == engine)
    };
    for (engine, backend) in &*open(program)? {
        if in_use(*engine) {
            backend.sweep().await.map_err(|error| Failure::of(Kind::Failed, &error))?;
        }
    }
    Ok(())
}

/// All engines there may be. Speaks to none of them yet.
///
/// A state directory that has no id yet, or was copied, is given none: that is for who makes
/// containers, and there are none of ours before.
pub(crate) fn open(program: &Program) -> Result<Arc<Engines>, Failure> {
    let owner = owner(program).map_err(|error| Failure::of(Kind::State, &error))?;
    Ok(open_as(program, owner))
}

/// Who the state directory is to engines.
pub(crate) fn owner(program: &Program) -> Result<SandboxOwner, StoreError> {
    OwnerFile::new(&program.locations.state_dir).look(program.clock.now())
}

/// The same as [`open`], for who knows that already.
pub(crate) fn open_as(program: &Program, owner: SandboxOwner) -> Arc<Engines> {
    let ground = Ground {
        env: program.env().vars().clone(),
        home: program.locations.home.clone(),
        state_dir: program.locations.state_dir.clone(),
        clock: Arc::clone(&program.clock),
        owner,
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    };
    sandboxes::engines(&ground)
}
