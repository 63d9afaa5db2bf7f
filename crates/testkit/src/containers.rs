//! The real engine, and containers that go with the test that made them.
//!
//! What is run in them, and how they are made, is the test's own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test without its parts fails")]

use std::path::PathBuf;

use bollard::{
    Docker,
    query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder},
};

/// Marks what tests make; nothing else is ever removed.
pub const LABEL: &str = "openclaw.test";

/// Most looks for containers at the end of a test.
const LOOKS_MAX: usize = 5;

/// A connection to the engine, and the containers with this run's label.
#[derive(Debug)]
pub struct Containers {
    /// The engine.
    pub docker: Docker,
    /// The label's value, other in each test.
    pub run: String,
}

impl Containers {
    /// None yet.
    ///
    /// # Panics
    ///
    /// When no engine answers; the message says how to start one.
    pub async fn new() -> Self {
        let docker = Docker::connect_with_local_defaults().unwrap();
        let docker = docker.negotiate_version().await.unwrap_or_else(|error| {
            panic!("no Docker Engine answers ({error}): run scripts/docker-engine.sh")
        });
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).unwrap();
        Self { docker, run: hex::encode(seed) }
    }

    /// The label that each of them must carry.
    pub fn label(&self) -> (String, String) {
        (LABEL.to_owned(), self.run.clone())
    }

    /// Their names, in order.
    pub async fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            labelled(&self.docker, &self.run).await.into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let run = self.run.clone();
        // A thread of its own, since a test that panics takes its runtime down.
        let cleared = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let docker = Docker::connect_with_local_defaults().unwrap();
                let Ok(docker) = docker.negotiate_version().await else { return };
                // What was being made while the others went is seen by another look.
                for _ in 0..LOOKS_MAX {
                    let found = labelled(&docker, &run).await;
                    if found.is_empty() {
                        break;
                    }
                    for (_, id) in found {
                        let options = RemoveContainerOptionsBuilder::default().force(true).v(true);
                        docker.remove_container(&id, Some(options.build())).await.ok();
                    }
                }
            });
        });
        cleared.join().ok();
    }
}

/// The servant's program, as its script builds it.
///
/// # Panics
///
/// When it is not there; the message says how to build it.
pub fn servant() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let target = exe.ancestors().find(|it| it.join("boxd/openclaw-boxd").is_file());
    target.expect("no servant: run scripts/build-boxd.sh").join("boxd/openclaw-boxd")
}

/// Names and ids.
async fn labelled(docker: &Docker, run: &str) -> Vec<(String, String)> {
    let filters = [("label".to_owned(), vec![format!("{LABEL}={run}")])].into();
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await.unwrap_or_default();
    let name = |names: Option<Vec<String>>| {
        names.unwrap_or_default().join(",").trim_start_matches('/').to_owned()
    };
    found.into_iter().map(|it| (name(it.names), it.id.unwrap_or_default())).collect()
}
