//! Is the wall around sandboxes the one that was asked for, and is it asked for in earnest?

use config::{Agent, SandboxMode, WorkspaceAccess};
use sandbox::docker::{Engine, Listed, Verdict, recorded_wall};

use super::{
    finding::{Finding, Outcome},
    scene::{EngineFacts, Scene},
};

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    if scene.engines.is_empty() {
        return Outcome::Skipped("no agent uses a sandbox");
    }
    let mut findings: Vec<_> = mixture(scene, &config.agents.list).into_iter().collect();
    for facts in &scene.engines {
        findings.extend(runtimes(scene, facts));
        findings.extend(facts.boxes.iter().filter(|row| row.exists).map(|row| proven(scene, row)));
    }
    Outcome::Looked(findings)
}

/// Strangers who write where the owner's own session works, outside of any sandbox.
fn mixture(scene: &Scene<'_>, agents: &[Agent]) -> Option<Finding> {
    let is_mixed = |agent: &&Agent| {
        agent.sandbox == SandboxMode::NonMain
            && agent.sandbox_settings.workspace_access == WorkspaceAccess::ReadWrite
    };
    let mixed: Vec<_> = agents.iter().filter(is_mixed).map(|agent| agent.id.as_str()).collect();
    if mixed.is_empty() {
        return None;
    }
    let title = format!(
        "sandbox.mode non-main with workspaceAccess rw (agents: {}): sandboxed sessions write to \
         the workspace in which the main session works on the host",
        mixed.join(", ")
    );
    let why = "what they leave there, such as scripts or settings of tools, is run on the host \
               when the main session touches it";
    let fix = scene.command("config set agents.defaults.sandbox.mode all");
    Some(Finding::warn("walls.shared-workspace", title, why).fix(fix))
}

/// Podman's Docker API takes no runtime, so one that is not its own stops every sandbox.
fn runtimes(scene: &Scene<'_>, facts: &EngineFacts<'_>) -> Option<Finding> {
    let checkup = facts.checkup.as_ref().ok().filter(|_| facts.engine == Engine::Podman)?;
    let default = checkup.default_runtime.as_deref()?;
    let program = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let asked = facts.agents.iter().find_map(|agent| {
        let name = agent.sandbox_settings.docker.runtime.as_deref()?.trim();
        (!name.is_empty() && program(name) != program(default)).then_some(name)
    })?;
    let title = format!("sandbox.docker.runtime asks for {asked}, and Podman would use {default}");
    let why = "Podman's Docker API takes no runtime, so no sandbox of these settings is started: \
               name it in Podman's containers.conf (`runtime` below `[engine]`)";
    let fix = scene.command("config unset agents.defaults.sandbox.docker.runtime");
    Some(Finding::error("walls.runtime", title, why).fix(fix))
}

/// What was asked for and what was found in a container, side by side.
fn proven(scene: &Scene<'_>, listed: &Listed) -> Finding {
    let name = &listed.entry.container_name;
    let rows = recorded_wall(&listed.entry);
    if rows.is_empty() {
        let title = format!("nothing is known of the wall of {name}");
        let why = "an earlier version made it; its next use looks, or makes it anew";
        let recreate = format!("sandbox recreate --session {}", listed.entry.session_key);
        return Finding::note("walls.unknown", title, why).fix(scene.command(&recreate));
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let title = format!(
        "the wall of {name}: {} settings hold, {} cannot be seen from inside",
        count(Verdict::Holds),
        count(Verdict::Unseen)
    );
    let shown = rows.iter().map(|row| {
        let found = row.found.as_deref().unwrap_or("nothing");
        format!("{} {}: {found}", row.key, row.asked)
    });
    Finding::note("walls.proven", title, shown.collect::<Vec<_>>().join("; "))
}
