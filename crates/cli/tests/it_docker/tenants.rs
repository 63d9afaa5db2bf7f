//! Several gateways on one engine, as `docs/deploy/tenants.md` has them: a Compose project each,
//! and every state directory at the same path inside.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf, process::Command, thread};

use serde_json::{Value, json};
use testkit::llm::{Llm, Step, calls, says};

use crate::{
    boxes::{IMAGE, owner_of},
    compose::Project,
    rig::{State, docker, free_port, until},
};

/// A gateway with the engine's socket, and its scripted model. Its containers go with it.
struct Tenant {
    project: Project,
    llm: Llm,
    _overlay: tempfile::TempDir,
}

impl Tenant {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let (port, llm) = (free_port(), Llm::script(steps));
        let sandbox = json!({ "mode": "all", "scope": "session", "docker": { "image": IMAGE } });
        Self::on(State::with_sandboxes(port, &llm, &sandbox), port, llm)
    }

    fn on(state: State, port: u16, llm: Llm) -> Self {
        let socket = PathBuf::from(std::env::var("DOCKER_HOST").map_or_else(
            |_| "/var/run/docker.sock".to_owned(),
            |host| host.trim_start_matches("unix://").to_owned(),
        ));
        let group = fs::metadata(&socket).unwrap().gid();
        // On the network of this machine, where the model is, and so on a port of its own.
        let overlay = json!({ "services": { "openclaw-gateway": {
            "network_mode": "host",
            "environment": { "OPENCLAW_GATEWAY_PORT": port.to_string() },
            "command": ["openclaw", "gateway", "--port", port.to_string()],
            "volumes": [format!("{}:/var/run/docker.sock", socket.display())],
            "group_add": [group.to_string()],
            "restart": "no",
        } } });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("overlay.yml");
        // JSON but for a word that only Compose knows.
        let text = overlay.to_string().replacen(
            r#""network_mode""#,
            r#""ports": !reset [], "network_mode""#,
            1,
        );
        fs::write(&path, text).unwrap();
        Self { project: Project::with_overlay(state, path), llm, _overlay: dir }
    }

    fn start(&self) {
        self.project.compose(&["up", "-d", "openclaw-gateway"]).answer();
        self.project.until_ready();
    }

    /// Says something and waits for the end of the turn.
    fn say(&self) {
        self.project.exec(&["openclaw", "agent", "--agent", "main", "-m", "go"]).answer();
    }

    fn sandboxes(&self) -> Vec<Value> {
        let list = self.project.exec(&["openclaw", "sandbox", "list", "--json"]).answer();
        let list: Value = serde_json::from_str(&list).unwrap();
        list["containers"].as_array().unwrap().clone()
    }

    /// Ids of the containers that carry its owner id.
    fn containers(&self) -> Vec<String> {
        let Some(owner) = owner_of(&self.project.state.path()) else { return Vec::new() };
        let filter = format!("label=openclaw.owner={owner}");
        let ids = docker(&["ps", "-aq", "--no-trunc", "--filter", &filter]).answer();
        let mut ids: Vec<_> = ids.lines().map(str::to_owned).collect();
        ids.sort();
        ids
    }

    /// A file of its only sandbox, on this machine.
    fn file(&self, name: &str) -> PathBuf {
        let dirs = fs::read_dir(self.project.state.path().join("sandboxes"));
        let mut dirs = dirs.into_iter().flatten().map(|it| it.unwrap().path());
        dirs.find(|dir| dir.join("mark").exists()).unwrap_or_default().join(name)
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        // First the gateway, which would make spares anew.
        self.project.compose(&["stop", "--timeout", "1", "openclaw-gateway"]);
        for id in self.containers() {
            docker(&["rm", "-fv", &id]);
        }
    }
}

#[test]
fn two_tenants_with_the_same_paths_leave_each_other_alone() {
    let waits = "touch begun; mkfifo gate; read line <gate; echo finished";
    let alice = Tenant::new([
        calls("exec", json!({ "command": "touch mark; echo alice >secret" })),
        says("Done."),
        calls("exec", json!({ "command": waits, "yieldMs": 120_000 })),
        says("Done."),
    ]);
    let bob = Tenant::new([
        calls("exec", json!({ "command": "touch mark; cat secret" })),
        says("Done."),
        calls("exec", json!({ "command": "ls" })),
        says("Done."),
    ]);
    alice.start();
    alice.say();
    // Her sandbox and a spare.
    until(|| alice.containers().len() == 2, || alice.project.log());
    let hers = alice.containers();

    thread::scope(|scope| {
        let turn = scope.spawn(|| alice.say());
        until(|| alice.file("gate").exists(), || alice.project.log());
        bob.start();
        bob.say();
        bob.project.compose(&["restart", "openclaw-gateway"]).answer();
        bob.project.until_ready();
        bob.say();
        let recreated = ["openclaw", "sandbox", "recreate", "--all", "--force"];
        bob.project.exec(&recreated).answer();
        assert_eq!(alice.containers(), hers);
        let opened = Command::new("timeout")
            .args(["30", "sh", "-c", "echo go >\"$0\""])
            .arg(alice.file("gate"))
            .status();
        assert!(opened.unwrap().success(), "{}", alice.project.log());
        turn.join().unwrap();
    });

    assert!(alice.llm.request(3).result_of("exec").contains("finished"));
    assert!(bob.llm.request(1).result_of("exec").contains("No such file"));
    assert_eq!((alice.sandboxes().len(), bob.sandboxes().len()), (1, 0));
    assert_ne!(owner_of(&alice.project.state.path()), owner_of(&bob.project.state.path()));
}

#[test]
fn a_copy_of_a_state_directory_is_another_tenant() {
    let first = Tenant::new([
        calls("exec", json!({ "command": "touch mark; echo first >secret" })),
        says("Done."),
    ]);
    first.start();
    first.say();
    until(|| first.containers().len() == 2, || first.project.log());
    let theirs = first.containers();
    let (port, llm) = (
        free_port(),
        Llm::script([calls("exec", json!({ "command": "cat secret" })), says("Done.")]),
    );
    let sandbox = json!({ "mode": "all", "scope": "session", "docker": { "image": IMAGE } });
    let state = State::with_sandboxes(port, &llm, &sandbox);
    for name in ["sandbox", "sandboxes"] {
        let from = first.project.state.path().join(name);
        let copied = Command::new("cp").arg("-a").args([&from, &state.path()]).status();
        assert!(copied.unwrap().success());
    }
    let copy = Tenant::on(state, port, llm);

    copy.start();
    let listed = copy.sandboxes();
    copy.say();

    assert_eq!(listed, Vec::<Value>::new());
    assert!(copy.llm.request(1).result_of("exec").contains("first"), "files are copied");
    assert_eq!(first.containers(), theirs);
    assert_ne!(copy.containers(), Vec::<String>::new());
    assert_eq!(copy.sandboxes().len(), 1);
    let log = copy.project.log();
    assert!(log.contains("this state directory is a copy"), "{log}");
}
