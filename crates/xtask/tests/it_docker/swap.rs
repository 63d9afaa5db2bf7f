//! Who has the reference in Docker swaps the image and nothing else: the compose file, `.env`, the
//! state and what they typed stay.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::rig::{Rig, root};

const TOKEN: &str = "token-of-old";

/// A compose file of the kind that OpenClaw 2026.2 came with: the command line has a network of its
/// own, nothing has a default, and nothing checks health.
const COMPOSE: &str = r#"
x-both: &both
  image: ${OPENCLAW_IMAGE:-openclaw:local}
  environment: &environment
    HOME: /home/node
    TERM: xterm-256color
    OPENCLAW_GATEWAY_TOKEN: ${OPENCLAW_GATEWAY_TOKEN}
  volumes:
    - ${OPENCLAW_CONFIG_DIR}:/home/node/.openclaw
    - ${OPENCLAW_WORKSPACE_DIR}:/home/node/.openclaw/workspace
  init: true
services:
  openclaw-gateway:
    <<: *both
    ports: ["${OPENCLAW_GATEWAY_PORT:-18789}:18789"]
    restart: unless-stopped
    command:
      ["node", "dist/index.js", "gateway", "--bind", "${OPENCLAW_GATEWAY_BIND:-lan}", "--port", "18789"]
  openclaw-cli:
    <<: *both
    environment: {<<: *environment, BROWSER: echo}
    stdin_open: true
    tty: true
    entrypoint: ["node", "dist/index.js"]
"#;

const HEALTH: [&str; 7] =
    ["exec", "-T", "openclaw-gateway", "node", "dist/index.js", "health", "--token"];

#[test]
fn after_a_swap_of_the_image_the_old_commands_work_and_the_wizard_changes_what_is_there() {
    let rig = Rig::new("swap");
    let before = lay_out_the_old(&rig);

    rig.compose(&["up", "-d", "openclaw-gateway"]).assert_done();
    until_healthy(&rig);
    let answers = r#"
answer "Go on" "y$ENTER"
answer "already set up" "$DOWN$ENTER"
answer "How much do you want to decide" "$ENTER"
answer "write to your assistant" "$ENTER"
answer "All set" "$ENTER"
"#;
    let wizard = "docker compose run --rm openclaw-cli onboard --auth-choice skip";
    rig.in_a_terminal(wizard, answers).assert_done();

    until_healthy(&rig);
    let config = fs::read_to_string(rig.state().join("openclaw.json")).unwrap();
    for kept in ["\"bind\":\"lan\"", TOKEN, "\"lastRunVersion\":\"2026.1"] {
        assert!(config.contains(kept), "no `{kept}` in {config}");
    }
    assert!(!config.contains("2026.2.9"), "the wizard left no trace: {config}");
    assert_eq!(transcripts(&rig), before);
    assert_eq!(fs::read_to_string(rig.state().join("workspace/SOUL.md")).unwrap(), "mine");
}

/// The compose file, `.env` and state of OpenClaw 2026.2, used for a while. Gives the conversations.
fn lay_out_the_old(rig: &Rig) -> Vec<(PathBuf, Vec<u8>)> {
    let state = rig.state();
    let recorded = root().join("crates/testkit/recordings/state/v3/agents");
    fs::create_dir_all(state.join("workspace")).unwrap();
    for (path, bytes) in files(&recorded) {
        let to = state.join("agents").join(path.strip_prefix(&recorded).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    fs::write(state.join("workspace/SOUL.md"), "mine").unwrap();
    let config = json!({
        "gateway": { "mode": "local", "bind": "lan", "auth": { "mode": "token", "token": TOKEN } },
        "wizard": { "lastRunAt": "2026-02-10T10:00:00.000Z", "lastRunVersion": "2026.2.9",
            "lastRunCommand": "onboard", "lastRunMode": "local" },
    });
    fs::write(state.join("openclaw.json"), config.to_string()).unwrap();
    give(&state);
    fs::write(rig.project().join("docker-compose.yml"), COMPOSE).unwrap();
    let env = format!(
        "OPENCLAW_CONFIG_DIR={0}\nOPENCLAW_WORKSPACE_DIR={0}/workspace\nOPENCLAW_GATEWAY_PORT={1}\n\
         OPENCLAW_GATEWAY_BIND=lan\nOPENCLAW_GATEWAY_TOKEN={TOKEN}\nOPENCLAW_IMAGE={2}\n",
        state.display(),
        rig.port,
        rig.image
    );
    fs::write(rig.project().join(".env"), env).unwrap();
    transcripts(rig)
}

fn transcripts(rig: &Rig) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = files(&rig.state().join("agents"));
    found.retain(|(path, _)| path.extension().is_some_and(|it| it == "jsonl"));
    assert!(!found.is_empty());
    found
}

/// Makes the user of the containers the owner of all that is there.
fn give(path: &Path) {
    chown(path, Some(1000), Some(1000)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path());
        }
    }
}

/// What is below a folder, by path.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

fn until_healthy(rig: &Rig) {
    let begin = std::time::Instant::now();
    while !rig.compose(&[&HEALTH[..], &[TOKEN]].concat()).is_done {
        let log = || rig.compose(&["logs"]).out;
        assert!(begin.elapsed() < std::time::Duration::from_secs(30), "{}", log());
    }
}
