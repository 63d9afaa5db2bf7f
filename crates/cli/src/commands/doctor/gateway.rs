//! Is the gateway there, does it answer, and is its port its own?

use config::Bind;

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};
use crate::target;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let mut findings = Vec::new();
    let gateway = &scene.gateway;
    match &gateway.answered {
        Ok(_) => {}
        Err(failure) if failure.is_absence && gateway.is_remote => findings.push(
            Finding::error(
                "gateway.remote-unreachable",
                format!("the remote gateway {} does not answer", gateway.url),
                format!("commands have nobody to talk to ({})", failure.message),
            )
            .fix(scene.command("gateway probe")),
        ),
        // The token's check says more.
        Err(failure) if is_refusal(&failure.message) => {}
        Err(failure) if gateway.is_remote => {
            let title = format!("the remote gateway {} is none", gateway.url);
            let why = format!("commands get no answer ({})", failure.message);
            let finding = Finding::error("gateway.remote-strange", title, why);
            findings.push(finding.fix(scene.command("config set gateway.remote.url <address>")));
        }
        Err(failure) if !gateway.is_port_taken => findings.push(absent(scene, &failure.message)),
        Err(failure) => findings.push(taken(scene, &failure.message)),
    }
    if let Some(bind) = scene.config.map(|it| &it.gateway.bind)
        && scene.in_container
        && matches!(bind, Bind::Loopback | Bind::Auto)
    {
        findings.push(
            Finding::warn(
                "gateway.loopback-in-container",
                "gateway.bind is loopback inside a container",
                "nobody outside can connect, not even through a published port \
                 (unless --bind is given at the start)",
            )
            .fix(scene.command("config set gateway.bind lan")),
        );
    }
    Outcome::Looked(findings)
}

/// Nobody listens.
fn absent(scene: &Scene<'_>, said: &str) -> Finding {
    let start = if scene.in_container {
        "docker compose up -d openclaw-gateway".to_owned()
    } else {
        scene.command("gateway run")
    };
    match scene.gateway.holder {
        Some(pid) => Finding::error(
            "gateway.unreachable",
            format!(
                "a gateway (pid {pid}) uses this state, but nobody listens at {}",
                scene.gateway.url
            ),
            format!("commands cannot reach it ({said}): it may use another port or network"),
        )
        .fix("look at its start line for the port, or stop and start it"),
        None => Finding::note(
            "gateway.not-running",
            format!("no gateway runs at {}", scene.gateway.url),
            "nothing is wrong; it is not started",
        )
        .fix(start),
    }
}

fn is_refusal(said: &str) -> bool {
    said.contains("unauthorized") || said.contains("pairing")
}

/// Somebody listens, but it is no gateway of ours.
fn taken(scene: &Scene<'_>, said: &str) -> Finding {
    let gateway = &scene.gateway;
    let others: Vec<String> = gateway
        .listeners
        .iter()
        .filter(|it| Some(it.pid) != gateway.holder)
        .map(|it| format!("pid {}: {}", it.pid, it.command))
        .collect();
    let who = if others.is_empty() { "another program".to_owned() } else { others.join("; ") };
    let finding = Finding::error(
        "gateway.port-taken",
        format!("port {} is held by {who}", gateway.port),
        format!("the gateway cannot listen there, and commands get no answer ({said})"),
    );
    if target::is_port_given(scene.program) {
        return finding.fix("end that program, or correct OPENCLAW_GATEWAY_PORT");
    }
    match gateway.other_port {
        Some(port) => finding
            .fix(scene.command(&format!("config set gateway.port {port}")))
            .repair(Repair::Set { path: "gateway.port", value: port.into() }),
        None => finding.fix(scene.command("config set gateway.port <another port>")),
    }
}
