//! Whose are the files of the state directory, and who else may look into them?

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};

/// What one may do in a directory of ours: its owner all, others nothing.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const OTHERS: u32 = 0o077;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let locations = &scene.program.locations;
    let mut findings = Vec::new();
    if !locations.state_dir.exists() {
        findings.push(
            Finding::note(
                "owner.no-state",
                format!("there is no state directory at {}", scene.shown(&locations.state_dir)),
                "it is made when the gateway starts first",
            )
            .repair(Repair::MakeDir { path: locations.state_dir.clone() }),
        );
        return Outcome::Looked(findings);
    }
    let ours = rustix::process::geteuid().as_raw();
    if let Some(finding) = foreign(scene, ours) {
        findings.push(finding);
    }
    for (path, mode) in [(&locations.state_dir, DIR_MODE), (&locations.config_path, FILE_MODE)] {
        let Ok(meta) = fs::metadata(path) else { continue };
        let found = meta.mode() & 0o777;
        if found & OTHERS != 0 {
            let finding = Finding::warn(
                "owner.open-to-others",
                format!("{} has mode {found:o}", scene.shown(path)),
                "other users of this machine can read tokens and conversations",
            )
            .fix(format!("chmod {mode:o} '{}'", path.display()));
            // Only its owner may.
            findings.push(if meta.uid() == ours || ours == 0 {
                finding.repair(Repair::Protect { path: path.clone(), mode })
            } else {
                finding
            });
        }
    }
    Outcome::Looked(findings)
}

/// The first places that belong to somebody else.
fn foreign(scene: &Scene<'_>, ours: u32) -> Option<Finding> {
    let mut others: Vec<(PathBuf, u32)> = Vec::new();
    for path in places(scene) {
        if let Ok(meta) = fs::symlink_metadata(&path)
            && meta.uid() != ours
        {
            others.push((path, meta.uid()));
        }
    }
    let (first, owner) = others.first()?;
    let state_dir = &scene.program.locations.state_dir;
    let more = match others.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let title =
        format!("{} belongs to uid {owner}, and we are uid {ours}{more}", scene.shown(first));
    if ours == 0 {
        return Some(
            Finding::warn(
                "owner.we-are-root",
                title,
                "what root writes there, the owner cannot change: its gateway will fail",
            )
            .fix(format!("run this as uid {owner} (in a container: --user {owner})")),
        );
    }
    let at = if first.starts_with(state_dir) { state_dir } else { first };
    let mut fix = format!("sudo chown -R {ours} '{}'", at.display());
    if scene.in_container {
        fix = format!(
            "on the host, for the directory that is mounted at '{}': sudo chown -R {ours} <dir>",
            at.display()
        );
    }
    let finding = Finding::error("owner.foreign", title, "the gateway cannot write its state");
    Some(finding.fix(fix))
}

/// Where it matters, the directories first.
fn places(scene: &Scene<'_>) -> Vec<PathBuf> {
    let locations = &scene.program.locations;
    let mut places = vec![
        locations.state_dir.clone(),
        locations.config_path.clone(),
        locations.oauth_dir.clone(),
    ];
    places.extend(below(&locations.state_dir));
    for agent in below(&locations.state_dir.join("agents")) {
        places.extend([agent.join("agent"), agent.join("sessions")]);
        places.push(agent.join("sessions/sessions.json"));
        places.push(agent);
    }
    if let Some(config) = scene.config {
        places.extend(config.agents.list.iter().map(|agent| agent.workspace.clone()));
    }
    places
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path()).collect();
    found.sort();
    found
}
