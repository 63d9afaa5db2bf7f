//! Does the container engine answer, has it the images, and does it see our directories?

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use config::Agent;
use sandbox::docker::{Engine, Error as EngineError, settings::DEFAULT_IMAGE};

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::{EngineFacts, Scene},
};

const NOT_NEEDED: &str = "no agent uses a sandbox";

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    if scene.config.is_none() {
        return Outcome::Skipped("the config is invalid");
    }
    if scene.engines.is_empty() {
        return Outcome::Skipped(NOT_NEEDED);
    }
    let mut findings = Vec::new();
    for facts in &scene.engines {
        match &facts.checkup {
            Ok(_) => findings.extend(facts.unseen.iter().map(|(agent, why)| {
                Finding::error(
                    "engine.cannot-mount",
                    format!("the sandbox of {} cannot see its directory: {why}", agent.id),
                    "the engine mounts from the host, and this path is only in our container",
                )
                .fix("mount the state directory from the host, at the same path if you can")
            })),
            Err(error) => findings.push(down(scene, facts, error)),
        }
    }
    Outcome::Looked(findings)
}

pub(super) fn look_at_images(scene: &Scene<'_>) -> Outcome {
    if scene.engines.is_empty() {
        return Outcome::Skipped(NOT_NEEDED);
    }
    if scene.engines.iter().all(|it| it.checkup.is_err()) {
        return Outcome::Skipped("the engine does not answer");
    }
    let mut findings = Vec::new();
    for facts in &scene.engines {
        for image in facts.images.iter().filter(|(_, has_it)| !**has_it).map(|(image, _)| *image) {
            let command = bringing(facts.engine, image);
            let title = format!("the image {image} is missing");
            let why = "sandboxed tools fail: nothing is pulled, and nothing is put in its place";
            let finding = Finding::error("images.missing", title, why).fix(command.join(" "));
            // Our scripts are only there in a clone of the sources.
            let can_run = !command[0].starts_with("scripts/") || Path::new(&command[0]).is_file();
            findings.push(if can_run {
                finding.repair(Repair::Bring { command })
            } else {
                finding
            });
        }
    }
    Outcome::Looked(findings)
}

/// The command that brings `image`.
fn bringing(engine: Engine, image: &str) -> Vec<String> {
    let script = match image {
        DEFAULT_IMAGE => Some("scripts/sandbox-setup.sh"),
        _ if image.starts_with("openclaw-sandbox-browser:") => {
            Some("scripts/sandbox-browser-setup.sh")
        }
        _ if image.starts_with("openclaw-sandbox-common:") => {
            Some("scripts/sandbox-common-setup.sh")
        }
        _ => None,
    };
    match script {
        Some(script) => vec![script.to_owned()],
        None => [program(engine), "pull", image].map(str::to_owned).to_vec(),
    }
}

pub(super) fn program(engine: Engine) -> &'static str {
    match engine {
        Engine::Docker => "docker",
        Engine::Podman => "podman",
    }
}

fn down(scene: &Scene<'_>, facts: &EngineFacts<'_>, error: &EngineError) -> Finding {
    let agents: Vec<&str> = facts.agents.iter().map(|agent: &&Agent| agent.id.as_str()).collect();
    let why = format!("tools of {} cannot run: their sandbox is required", agents.join(", "));
    let (url, from) = facts.endpoint.clone().unwrap_or_default();
    let said = if let EngineError::Unreachable { said, .. } = error {
        said.clone()
    } else {
        error.to_string()
    };
    let name = program(facts.engine);
    let socket = url.strip_prefix("unix://");
    if said.to_lowercase().contains("permission denied") {
        let group = socket.and_then(|path| fs::metadata(path).ok()).map(|meta| meta.gid());
        let fix = match group {
            Some(gid) if scene.in_container => {
                format!(
                    "add `group_add: [\"{gid}\"]` to the service (docker run --group-add {gid})"
                )
            }
            Some(gid) => format!("sudo usermod -aG {gid} \"$USER\", then log in anew"),
            None => "give this user access to the socket".to_owned(),
        };
        let title = format!("we may not use the {name} socket {url}");
        return Finding::error("engine.permission", title, why).fix(fix);
    }
    let is_named = from == "DOCKER_HOST" || from == "CONTAINER_HOST" || from.contains("context");
    let fix = if is_named {
        format!("correct {from} ({url}), or start what it points to")
    } else if scene.in_container {
        "mount the socket: -v /var/run/docker.sock:/var/run/docker.sock".to_owned()
    } else {
        format!(
            "start {name}, or: {}",
            scene.command("config set agents.defaults.sandbox.mode off")
        )
    };
    let title = format!("{name} does not answer at {url} ({said})");
    Finding::error("engine.unreachable", title, why).fix(fix)
}
