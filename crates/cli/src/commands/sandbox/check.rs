//! `sandbox check`: could sandboxes be made here, whether or not they are asked for yet.
//!
//! `docker-setup.sh` asks it before it gives the gateway's container the engine's socket for good.

use agent::sandboxes;
use config::{Agent, Config};
use domain::SessionKey;
use sandbox::docker::{Backend, Engine, settings::Seed};

use super::engines;
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Check that the engine answers, has the images, and can mount the directories
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sandbox check")]
pub(super) struct Args {}

pub(super) async fn run(program: &Program) -> Result<(), Failure> {
    let config = program.config()?;
    let opened = engines::open(program)?;
    for (engine, backend) in &*opened {
        let is_its = |it: &&Agent| sandboxes::engine(it) == *engine;
        let agents: Vec<&Agent> = config.agents.list.iter().filter(is_its).collect();
        if agents.is_empty() {
            continue;
        }
        let about = backend.checkup().await.map_err(|error| Failure::of(Kind::Failed, &error))?;
        ui::answer(format!("{} {} answers at {}", name(*engine), about.version, about.endpoint));
        for agent in agents {
            look(config, backend, agent).await?;
        }
    }
    Ok(())
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Docker => "Docker",
        Engine::Podman => "Podman",
    }
}

/// Looks at what one agent's sandboxes need.
async fn look(config: &Config, backend: &Backend, agent: &Agent) -> Result<(), Failure> {
    let failed = |error| Failure::of(Kind::Failed, &error);
    let image = &agent.sandbox_settings.docker.image;
    if !backend.has_image(image).await.map_err(failed)? {
        return Err(Failure::new(Kind::Failed, format!("no image {image}"))
            .hint("scripts/sandbox-setup.sh"));
    }
    let key = SessionKey::of(&agent.id, &config.session.main_key);
    let settings = sandboxes::settings(config, agent, &key, Seed::default());
    if let Some(why) = backend.unseen(&settings).await.map_err(failed)? {
        return Err(Failure::new(Kind::Failed, why));
    }
    ui::answer(format!("Agent {}: image {image}", agent.id));
    Ok(())
}
