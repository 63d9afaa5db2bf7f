//! Sandboxes that a gateway in a container makes beside itself.

use std::{fs, net::Ipv4Addr, process::Command};

use serde_json::json;
use testkit::llm::{Dialect, Llm, calls, says};

use crate::rig::{Rig, address_in, bridge};

const SOCKET: &str = "/var/run/docker.sock";

#[test]
fn a_turn_runs_its_command_in_a_sibling_container() {
    let rig = Rig::new("sandbox");
    let llm = Llm::script_at(
        bridge(),
        [
            calls("exec", json!({"command": "echo in-$(hostname); ls -A /workspace | head"})),
            says("It ran."),
        ],
    );
    fs::create_dir_all(rig.state()).unwrap();
    fs::write(rig.state().join("openclaw.json"), config_with(&llm)).unwrap();
    let vars = [("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_SKIP_ONBOARDING", "1")];
    rig.set_up(&vars, &[]).assert_done();
    assert!(rig.mount_targets().contains(&SOCKET.to_owned()));

    let turn = rig.inside("openclaw agent --session-id side --message 'Run it.' --json");

    turn.assert_done();
    assert!(turn.out.contains("It ran."), "{}", turn.out);
    let result = llm.request(1).result_of("exec").to_owned();
    let gateway = rig.inside("hostname").out;
    assert!(result.contains("in-"), "{result}");
    assert!(!result.contains(gateway.trim()), "it ran beside the gateway: {result}");

    // And off again: no sandboxes, no socket, no mode.
    let sibling = result.split_once("in-").unwrap().1.lines().next().unwrap().to_owned();
    assert!(is_there(&sibling));
    rig.set_up(&[("OPENCLAW_SANDBOX", "0")], &[]).assert_done();
    assert!(!is_there(&sibling));
    assert!(!rig.mount_targets().contains(&SOCKET.to_owned()));
    let mode = rig.inside("openclaw config get agents.defaults.sandbox.mode");
    assert_eq!(mode.out, "off\n");
}

#[test]
fn a_gateway_that_cannot_make_sandboxes_never_gets_the_socket() {
    let rig = Rig::new("rollback");
    let vars = [("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_SKIP_ONBOARDING", "1")];
    let place = rig.path("no.sock");
    fs::write(&place, "").unwrap();
    let socket = place.display().to_string();
    fs::create_dir_all(rig.state()).unwrap();
    let config = "{gateway: {mode: 'local'}, agents: {defaults: {sandbox: {docker: {image: \
                  'openclaw-test:never-built'}}}}}";
    fs::write(rig.state().join("openclaw.json"), config).unwrap();

    let without_image = rig.set_up(&vars, &[]);
    let without_socket = rig.set_up(&[vars[0], vars[1], ("OPENCLAW_DOCKER_SOCKET", &socket)], &[]);

    assert!(!without_image.is_done);
    assert!(
        without_image.err.contains("the sandbox image openclaw-test:never-built preloaded"),
        "{}",
        without_image.err
    );
    without_socket.assert_done();
    assert!(without_socket.err.contains("no.sock is no socket"), "{}", without_socket.err);
    assert!(!rig.mount_targets().contains(&SOCKET.to_owned()));
    assert!(!rig.project().join("docker-compose.sandbox.yml").exists());
    rig.inside("node dist/index.js health").assert_done();
}

#[test]
fn the_bridge_of_a_new_engine_has_an_address_before_it_names_a_gateway() {
    let loopback = Ipv4Addr::LOCALHOST;

    assert_eq!(address_in(r#"[{"Subnet": "127.0.0.0/8"}]"#), loopback);
    assert_eq!(address_in(r#"[{"Subnet": "127.0.0.0/8", "Gateway": ""}]"#), loopback);
    let both = r#"[{"Subnet": "fd00::/64"}, {"Subnet": "127.0.0.0/8", "Gateway": "127.0.0.1"}]"#;
    assert_eq!(address_in(both), loopback);
}

/// Whether the engine has a container of this host name, which is the start of its id.
fn is_there(id: &str) -> bool {
    Command::new("docker").args(["inspect", id]).output().unwrap().status.success()
}

fn config_with(llm: &Llm) -> String {
    json!({
        "models": { "providers": { "mock": llm.provider_config(Dialect::Chat) } },
        "agents": { "defaults": {
            "model": { "primary": format!("mock/{}", testkit::llm::MODEL) },
        } },
    })
    .to_string()
}
