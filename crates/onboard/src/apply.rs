//! Carries a plan out: what is set aside, the credential, the config file, the directories.
//!
//! In this order, so that a refusal by the config's rules leaves everything as it was. All of it
//! goes through `store`.

use std::path::{Path, PathBuf};

use config::{Edited, Editor, Env, Locations};
use domain::UnixMillis;
use serde_json::Value;
use store::StoreError;

use crate::{plan::Plan, setup::Reset};

/// Where a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Where files are.
    pub locations: &'a Locations,
    /// The environment.
    pub env: &'a Env,
    /// Our version, for stamps.
    pub version: &'a str,
    /// The time, for stamps.
    pub now: UnixMillis,
    /// Starter files of a new workspace: name and text.
    pub seeds: &'a [(&'a str, &'a str)],
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// The config that is now in force.
    pub edited: Edited,
    /// What became of the config file.
    pub wrote: Wrote,
    /// The workspace and the files made in it; `None` when the gateway is elsewhere.
    pub workspace: Option<(PathBuf, Vec<String>)>,
    /// The directory of conversations.
    pub sessions: Option<PathBuf>,
    /// The file with the stored credential.
    pub credentials: Option<PathBuf>,
    /// Where things went that were set aside.
    pub set_aside: Vec<PathBuf>,
}

/// What became of the config file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// It is new.
    New,
    /// It has changed.
    Changed,
    /// It said all of it already.
    Nothing,
}

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The config cannot take it. Nothing was written.
    #[error("the config file cannot take these settings")]
    Config(#[from] config::EditError),
    /// The disk would not.
    #[error(transparent)]
    Disk(#[from] StoreError),
    /// A gateway runs on the state that would be set aside. Nothing was written.
    #[error("the gateway runs (process {0}); stop it before a reset")]
    Running(u32),
}

/// The text that the config file would have, and what it loads to.
///
/// # Errors
///
/// When the config's rules refuse it.
pub fn preview(plan: &Plan, place: &Place<'_>) -> Result<Edited, ApplyError> {
    let present = match plan.reset {
        Some(_) => String::new(),
        None => config::load(place.locations, place.env).snapshot.raw.unwrap_or_default(),
    };
    let editor = Editor {
        locations: place.locations,
        env: place.env,
        version: place.version,
        now: place.now,
    };
    Ok(editor.merge_patch(&present, &plan.patch_at(place.version, place.now))?)
}

/// Carries `plan` out.
///
/// # Errors
///
/// [`ApplyError`]; what it says was not written was not.
pub fn apply(plan: &Plan, place: &Place<'_>) -> Result<Done, ApplyError> {
    let edited = preview(plan, place)?;
    let config_path = &place.locations.config_path;
    let set_aside = match plan.reset {
        Some(reset) => set_aside(reset, place)?,
        None => Vec::new(),
    };
    let wrote = if !config_path.exists() {
        Wrote::New
    } else if plan.command.is_none() && says_already(plan, place) {
        Wrote::Nothing
    } else {
        Wrote::Changed
    };
    let agent = edited.loaded.config.as_ref().and_then(|config| {
        let agents = &config.agents;
        agents.get(&agents.default).or_else(|| agents.list.first()).cloned()
    });
    let mut credentials = None;
    if let (Some((id, profile)), Some(agent)) = (&plan.profile, &agent) {
        credentials = Some(store::put_auth_profile(&agent.agent_dir, id, profile)?);
    }
    if let Some((name, secret)) = &plan.variable {
        credentials = Some(store::put_variable(&place.locations.state_dir, name, secret.expose())?);
        if let Some(agent) = &agent {
            // One of an earlier version would be taken first.
            store::drop_auth_profile(&agent.agent_dir, "openai:default")?;
        }
    }
    if wrote != Wrote::Nothing {
        store::write_config(config_path, &edited.raw)?;
    }
    let (mut workspace, mut sessions) = (None, None);
    if let Some(agent) = agent.filter(|_| plan.is_local) {
        let seeds = if agent.skip_bootstrap { &[] } else { place.seeds };
        let seeded = store::seed_workspace(&agent.workspace, seeds)?;
        workspace = Some((agent.workspace, seeded.created));
        store::make_private_dir(&agent.agent_dir)?;
        let home = place.locations.state_dir.join("agents").join(agent.id.as_str());
        let dir = home.join("sessions");
        store::make_private_dir(&dir)?;
        sessions = Some(dir);
    }
    Ok(Done { edited, wrote, workspace, sessions, credentials, set_aside })
}

/// Whether the file has every value of the plan as it is.
fn says_already(plan: &Plan, place: &Place<'_>) -> bool {
    let written = config::load(place.locations, place.env).snapshot.parsed;
    contains(&written, &plan.patch)
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        (whole, part) => whole == part,
    }
}

/// Moves away what `reset` names.
fn set_aside(reset: Reset, place: &Place<'_>) -> Result<Vec<PathBuf>, ApplyError> {
    let locations = place.locations;
    if reset != Reset::Config
        && let Some(pid) = store::lock_holder(&locations.state_dir)
    {
        return Err(ApplyError::Running(pid));
    }
    let workspace = config::load(locations, place.env)
        .config
        .and_then(|config| Some(config.agents.get(&config.agents.default)?.workspace.clone()))
        .unwrap_or_else(|| locations.workspace_default.clone());
    let mut going: Vec<&Path> = vec![&locations.config_path];
    let agents = locations.state_dir.join("agents");
    if reset != Reset::Config {
        going.extend([locations.oauth_dir.as_path(), agents.as_path()]);
    }
    if reset == Reset::Full {
        going.push(&workspace);
    }
    let trash = locations.state_dir.join("trash").join(place.now.to_iso().replace(':', "-"));
    let mut gone = Vec::new();
    for path in going {
        gone.extend(store::set_aside(path, &trash)?);
    }
    Ok(gone)
}
