//! A home whose agent works in sandboxes, and what the engine has of it.

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use testkit::{
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::rig::{Ran, docker};

/// The image that the tests make sandboxes of.
pub(crate) const IMAGE: &str = "openclaw-sandbox:bookworm-slim";

/// A home whose agents work in sandboxes of `image`; its containers go with it.
pub(crate) struct Boxed {
    pub(crate) home: TempHome,
    /// Who its state was to the engine when it was last asked; that outlives the state.
    owner: RefCell<Option<String>>,
}

impl Boxed {
    pub(crate) fn of(image: &str) -> Self {
        Self::with_model(image, "http://127.0.0.1:9/v1")
    }

    /// The same after a turn in which a command ran in a sandbox.
    pub(crate) fn after_a_turn() -> Self {
        let llm = Llm::script([calls("exec", json!({"command": "echo here"})), says("Done.")]);
        let boxed = Self::with_model(IMAGE, &format!("{}/v1", llm.base_url()));
        boxed.run(&["agent", "--local", "--agent", "main", "-m", "go"]).answer();
        assert_eq!(boxed.containers().len(), 1, "{:?}", boxed.containers());
        boxed
    }

    /// The same with a model.
    pub(crate) fn with_model(image: &str, base_url: &str) -> Self {
        let home = TempHome::with_model(base_url).unwrap();
        let port = testkit::gateway::free_port().unwrap();
        home.merge_config(&json!({
            "gateway": { "port": port },
            "logging": { "file": home.path().join("gateway.log") },
        }))
        .unwrap();
        let boxed = Self { home, owner: RefCell::default() };
        boxed.set_image(image);
        boxed
    }

    pub(crate) fn set_image(&self, image: &str) {
        let sandbox = json!({ "mode": "all", "docker": { "image": image } });
        let patch = json!({ "agents": { "defaults": { "sandbox": sandbox } } });
        self.home.merge_config(&patch).unwrap();
        let mode = |path: &Path, bits| {
            fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
        };
        mode(&self.home.state_dir(), 0o700);
        mode(&self.home.config_path(), 0o600);
    }

    /// Runs the program there.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut command = self.home.command(Path::new(env!("CARGO_BIN_EXE_openclaw")));
        if let Ok(host) = std::env::var("DOCKER_HOST") {
            command.env("DOCKER_HOST", host);
        }
        Ran::of(&command.args(args).output().unwrap())
    }

    /// The report of `doctor --json`.
    pub(crate) fn doctor(&self, args: &[&str]) -> Value {
        let ran = self.run(&[&["doctor", "--json"], args].concat());
        serde_json::from_str(&ran.stdout).unwrap()
    }

    pub(crate) fn list(&self) -> PathBuf {
        self.home.state_dir().join("sandbox/containers.json")
    }

    /// Names of the containers that belong to this home, on the list or not.
    pub(crate) fn containers(&self) -> Vec<String> {
        let id = owner_of(&self.home.state_dir());
        let mut owner = self.owner.borrow_mut();
        let Some(owner) = id.or(owner.take()).map(|it| owner.insert(it).clone()) else {
            return Vec::new();
        };
        let filter = format!("label=openclaw.owner={owner}");
        let names = docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"]);
        names.answer().lines().map(str::to_owned).collect()
    }
}

/// Who a state directory is to the engine, if it has an id.
pub(crate) fn owner_of(state_dir: &Path) -> Option<String> {
    let file = fs::read(state_dir.join("sandbox/owner.json")).ok()?;
    let file: Value = serde_json::from_slice(&file).unwrap();
    Some(file["id"].as_str().unwrap().to_owned())
}

impl Drop for Boxed {
    fn drop(&mut self) {
        for name in self.containers() {
            docker(&["rm", "-fv", &name]);
        }
    }
}
