//! A gateway whose sessions are sandboxed, the model that drives it and one client.

use std::{env, path::PathBuf};

use anyhow::ensure;
use serde_json::json;
use testkit::{gateway::Gateway, home::TempHome};

use super::engine::Engine;
use crate::bench::{
    lab::Lab,
    model::{Manner, Model},
    wire::{Seen, Wire},
};

/// The parts, in the order in which they go: the home last, since containers mount it.
#[derive(Debug)]
pub(super) struct Rig {
    wire: Wire,
    pub(super) model: Model,
    pub(super) gateway: Gateway,
    pub(super) engine: Engine,
    _home: TempHome,
    turns: usize,
}

impl Rig {
    /// Starts a gateway with containers of this scope, and so many spares.
    pub(super) async fn start(lab: &Lab, scope: &str, spares: u32) -> anyhow::Result<Self> {
        let model = Model::start(Manner::OneCall).await?;
        let home = Lab::home(&model.base_url)?;
        let engine = Engine::new(home.path());
        let docker = json!({ "containerPrefix": engine.prefix, "spares": spares });
        let sandbox = json!({ "mode": "all", "scope": scope, "docker": docker });
        home.merge_config(&json!({ "agents": { "defaults": { "sandbox": sandbox } } }))?;
        if let Ok(host) = env::var("DOCKER_HOST") {
            home.merge_config(&json!({ "env": { "vars": { "DOCKER_HOST": host } } }))?;
        }
        // A file of a MiB in a call must not look like a full context.
        let mut config = home.config()?;
        let model_entry = &mut config["models"]["providers"]["mock"]["models"][0];
        model_entry["contextWindow"] = 10_000_000.into();
        home.write_config(&config.to_string())?;
        // `exec` runs where the session does.
        home.merge_config(&json!({ "tools": { "exec": { "host": "sandbox" } } }))?;
        let gateway = Gateway::start(&lab.openclaw, &home)?;
        let wire = Wire::connect_watching(gateway.port(), gateway.token()).await?;
        Ok(Self { wire, model, gateway, engine, _home: home, turns: 0 })
    }

    /// One turn in `session`, whose model calls the tool that it offers.
    pub(super) async fn call(&mut self, session: &str) -> anyhow::Result<Seen> {
        self.turns += 1;
        let run = format!("sandbox-{}-end", self.turns);
        self.wire.call_in_turn(&format!("agent:main:{session}"), &run).await
    }

    /// Stops the gateway in order, before its containers are removed.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        ensure!(!self.engine.pids().await?.is_empty(), "the calls ran in no container");
        self.gateway.terminate()?;
        let Self { gateway, engine, .. } = self;
        tokio::task::spawn_blocking(move || {
            let stopped = gateway.wait();
            drop(engine);
            let (status, said) = stopped?;
            ensure!(status.success(), "the gateway ended with {status}: {said}");
            Ok(())
        })
        .await?
    }
}

/// The servant beside the program under test. Without it the engine's own `exec` would be
/// measured.
pub(super) fn servant_of(lab: &Lab) -> anyhow::Result<PathBuf> {
    let servant = lab.openclaw.with_file_name("openclaw-boxd");
    let path = servant.display();
    ensure!(servant.is_file(), "no `{path}`: run scripts/build-boxd.sh {path}");
    Ok(servant)
}
