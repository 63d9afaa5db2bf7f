//! Do the sandboxes on the list exist, and are they made as the config wants them?

use agent::sandboxes;
use sandbox::docker::Listed;

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    if scene.engines.is_empty() {
        return Outcome::Skipped("no agent uses a sandbox");
    }
    let mut findings = Vec::new();
    findings.extend(owner(scene));
    for facts in scene.engines.iter().filter(|it| it.checkup.is_ok()) {
        for row in &facts.boxes {
            let wanted = &sandboxes::agent_of(config, &row.entry.session_key).sandbox_settings;
            findings.extend(judge(scene, row, &wanted.docker.image));
        }
        findings.extend(strays(scene, &facts.strays));
    }
    if findings.is_empty() && scene.engines.iter().all(|it| it.checkup.is_err()) {
        return Outcome::Skipped("the engine does not answer");
    }
    Outcome::Looked(findings)
}

/// Says that the state directory is a copy, or cannot be told from others.
fn owner(scene: &Scene<'_>) -> Option<Finding> {
    let state_dir = scene.shown(&scene.program.locations.state_dir);
    let owner = match &scene.owner {
        Ok(owner) => owner,
        Err(error) => {
            let title = format!("{error}, which says whose containers are ours");
            let why = "no sandbox is listed or cleared away before that can be read";
            return Some(Finding::error("sandboxes.owner", title, why));
        }
    };
    let copied = owner.copied.as_ref()?;
    let title = format!("{state_dir} is a copy of another state directory, or was moved");
    let why = "its sandboxes have names and labels of their own and are made anew; those of the \
               original are left alone";
    let filter = format!("label=openclaw.owner={}", copied.id);
    let fix = format!(
        "if the original is gone, and only then, clear its containers away: \
         docker rm -f $(docker ps -aq --filter {filter})"
    );
    Some(Finding::note("sandboxes.copied", title, why).fix(fix))
}

/// Containers that nobody knows of. A gateway that runs has its own way with them.
fn strays(scene: &Scene<'_>, names: &[String]) -> Option<Finding> {
    if names.is_empty() || scene.gateway.holder.is_some() {
        return None;
    }
    let title = match names {
        [name] => format!("the container {name} is on no list"),
        _ => format!("{} containers are on no list: {}", names.len(), names.join(", ")),
    };
    let why = "a gateway that ended badly left them; they keep their memory and their disk";
    let finding = Finding::warn("sandboxes.stray", title, why);
    Some(finding.fix(scene.command("doctor --deep --fix")).repair(Repair::Sweep))
}

fn judge(scene: &Scene<'_>, row: &Listed, image: &str) -> Option<Finding> {
    let name = &row.entry.container_name;
    if !row.exists {
        return Some(
            Finding::warn(
                "sandboxes.gone",
                format!("{name} is on the list, but its container is gone"),
                "it is shown as if it were there; the next use makes it anew",
            )
            .fix(scene.command("doctor --fix"))
            .repair(Repair::Forget { container: name.clone() }),
        );
    }
    (row.entry.image != image).then(|| {
        Finding::warn(
            "sandboxes.old-image",
            format!("{name} was made from {}, but the config asks for {image}", row.entry.image),
            "its session keeps the old tools until the container is made anew",
        )
        .fix(scene.command(&format!("sandbox recreate --session {}", row.entry.session_key)))
        .repair(Repair::RemoveBox { container: name.clone() })
    })
}
