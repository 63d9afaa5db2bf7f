//! Can others on this machine read secrets that lie on disk?

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

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let mut findings = Vec::new();
    for path in places(scene) {
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        let mode = meta.mode() & 0o777;
        let for_others = mode & 0o077;
        if meta.is_symlink() || for_others == 0 {
            continue;
        }
        let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
        findings.push(
            Finding::warn(
                "secrets.readable",
                format!("{} has mode {mode:o}", scene.shown(&path)),
                "it holds secrets, and other users of this machine may read it",
            )
            .fix(format!("chmod {wanted:o} '{}'", path.display()))
            .repair(Repair::Protect { path, mode: wanted }),
        );
    }
    Outcome::Looked(findings)
}

/// Files and directories with secrets in them, as we and the reference keep them.
fn places(scene: &Scene<'_>) -> Vec<PathBuf> {
    let locations = &scene.program.locations;
    let state = &locations.state_dir;
    let mut places = vec![
        state.join(".env"),
        locations.oauth_dir.clone(),
        state.join("identity/device.json"),
        state.join("identity/device-auth.json"),
        state.join("devices/paired.json"),
        state.join("exec-approvals.json"),
    ];
    places.extend((0..5).map(|number| {
        let end = if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") };
        with_end(&locations.config_path, &end)
    }));
    let agents = fs::read_dir(state.join("agents")).into_iter().flatten().flatten();
    for agent in agents.map(|it| it.path().join("agent")) {
        places.extend(["auth-profiles.json", "auth.json", "models.json"].map(|it| agent.join(it)));
    }
    places
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
