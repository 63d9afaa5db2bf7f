//! Can we write where we must: state, config, conversations, workspaces?

use std::{collections::BTreeSet, fs, io, os::unix::fs::MetadataExt, path::PathBuf};

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};

/// What the owner of a directory must be allowed.
const OWNERS: u32 = 0o700;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let mut findings = Vec::new();
    for (path, use_of_it) in places(scene) {
        if !path.is_dir() {
            continue;
        }
        if let Err(error) = store::try_writing(&path) {
            findings.push(unwritable(scene, &path, use_of_it, &error));
        }
    }
    Outcome::Looked(findings)
}

fn places(scene: &Scene<'_>) -> Vec<(PathBuf, &'static str)> {
    let locations = &scene.program.locations;
    let mut places = vec![
        (locations.state_dir.clone(), "state"),
        (locations.config_dir().to_owned(), "the config"),
        (locations.state_dir.join("agents"), "agents"),
        (locations.oauth_dir.clone(), "credentials"),
        (locations.state_dir.join("sandbox"), "the list of sandboxes"),
    ];
    for agent in scene.config.into_iter().flat_map(|config| &config.agents.list) {
        let sessions = locations.state_dir.join("agents").join(agent.id.as_str()).join("sessions");
        places.push((sessions, "conversations"));
        places.push((agent.workspace.clone(), "a workspace"));
    }
    let mut seen = BTreeSet::new();
    places.retain(|(path, _)| seen.insert(path.clone()));
    places
}

fn unwritable(scene: &Scene<'_>, path: &PathBuf, what: &str, error: &io::Error) -> Finding {
    let ours = rustix::process::geteuid().as_raw();
    let meta = fs::metadata(path).ok();
    let owner = meta.as_ref().map_or(ours, MetadataExt::uid);
    let mode = meta.map_or(OWNERS, |meta| meta.mode() & 0o777);
    let (shown, dir) = (scene.shown(path), path.display());
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let (title, fix) = if error.kind() == io::ErrorKind::ReadOnlyFilesystem {
        (format!("{shown} is mounted read-only"), format!("mount '{dir}' writable (drop `:ro`)"))
    } else if is_full {
        (format!("the disk of {shown} is full"), format!("df -h '{dir}'"))
    } else if owner != ours {
        let title = format!("{shown} belongs to uid {owner}, and we are uid {ours}");
        let fix = if scene.in_container {
            format!(
                "on the host: sudo chown -R {ours} <the directory mounted at '{dir}'>, or start \
                 the container with --user {owner}"
            )
        } else {
            format!("sudo chown -R {ours} '{dir}'")
        };
        (title, fix)
    } else {
        let title = format!("{shown} cannot be written: {error}");
        (title, format!("chmod -R u+rwX '{dir}'"))
    };
    let finding =
        Finding::error("writable.refused", title, format!("{what} cannot be stored there"))
            .fix(fix);
    if owner == ours && mode & OWNERS != OWNERS {
        return finding.repair(Repair::Protect { path: path.clone(), mode: mode | OWNERS });
    }
    finding
}
