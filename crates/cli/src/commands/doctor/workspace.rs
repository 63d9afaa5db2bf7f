//! Have the agents their workspaces, with the files that are read at each turn?

use std::{io, path::PathBuf};

use config::Agent;
use held::{Dir, Links};

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};

/// What an agent without is likely to miss.
const WANTED: [&str; 2] = ["AGENTS.md", "SOUL.md"];
/// Read into every prompt.
const READ: [&str; 6] = ["AGENTS.md", "SOUL.md", "TOOLS.md", "IDENTITY.md", "USER.md", "MEMORY.md"];

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    let mut findings = Vec::new();
    let exposed = config.agents.exposed();
    for agent in &config.agents.list {
        judge(scene, (agent, &exposed), &mut findings);
    }
    Outcome::Looked(findings)
}

fn judge(scene: &Scene<'_>, (agent, exposed): (&Agent, &[PathBuf]), findings: &mut Vec<Finding>) {
    let dir = &agent.workspace;
    let shown = scene.shown(dir);
    let held = match Dir::find(dir, exposed) {
        Ok(held) => held,
        Err(error) if error.why.kind() == io::ErrorKind::NotFound => {
            findings.push(
                Finding::note(
                    "workspace.missing",
                    format!("agent {} has no workspace yet ({shown})", agent.id),
                    "it is made with its first turn",
                )
                .fix(scene.command("setup")),
            );
            return;
        }
        Err(error) if error.why.kind() == io::ErrorKind::NotADirectory => {
            let title = format!("the workspace {shown} of agent {} is no directory", agent.id);
            findings.push(Finding::error("workspace.no-directory", title, "turns fail"));
            return;
        }
        Err(error) => {
            let title = format!("the workspace {shown} of agent {} cannot be opened", agent.id);
            findings.push(Finding::error("workspace.unopened", title, error.why.to_string()));
            return;
        }
    };
    let spot = |name: &str| held.look(name, Links::Inside).ok();
    let missing: Vec<&str> = WANTED.into_iter().filter(|name| spot(name).is_none()).collect();
    if !missing.is_empty() && !agent.skip_bootstrap {
        findings.push(
            Finding::note(
                "workspace.files",
                format!("{shown} has no {}", missing.join(" and no ")),
                "the agent has no instructions of yours",
            )
            .fix(scene.command("setup")),
        );
    }
    for name in READ {
        let path = dir.join(name);
        let Some(found) = spot(name) else { continue };
        if found.size() > u64::try_from(agent.bootstrap_chars_max).unwrap_or(u64::MAX) * 4 {
            findings.push(Finding::note(
                "workspace.long",
                format!("{} is longer than what is read of it", scene.shown(&path)),
                "the middle is left out of every prompt",
            ));
        }
    }
    let nested = dir.join("openclaw.json");
    if spot("openclaw.json").is_some() {
        findings.push(
            Finding::warn(
                "workspace.config-inside",
                format!("{} lies in the workspace", scene.shown(&nested)),
                "the agent can read it, with the secrets in it",
            )
            .fix(format!("mv '{}' somewhere else", nested.display())),
        );
    }
}
