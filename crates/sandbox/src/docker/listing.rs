//! What is there: the list on disk beside what the engine says, and the load of a container.

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use store::SandboxEntry;

use super::{Backend, error::Error, recent::Ran};
use crate::naming::{LABEL_HASH, LABEL_SANDBOX};

/// A sandbox on the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// As the list has it; `image` is the container's own when there is one.
    pub entry: SandboxEntry,
    /// Whether its container is there.
    pub exists: bool,
    /// Whether it runs.
    pub is_running: bool,
    /// Hash of the settings that it was made by.
    pub config_hash: Option<String>,
    /// Its last commands in this process's life, newest first.
    pub commands: Vec<Ran>,
}

/// How much a container uses. Processor time only ever grows: two readings give a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time used since its start.
    pub cpu_ns: u64,
    /// Memory in use, without the page cache that could be given back.
    pub memory_bytes: u64,
    /// How much it may use; the machine's memory without a limit.
    pub memory_bytes_max: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// Whether an engine's name of an image means the one that was asked for: Podman puts the
/// place in front that it found it at.
fn is_same_image(asked: &str, named: &str) -> bool {
    let places = ["localhost/", "docker.io/library/", "docker.io/"];
    asked == named || places.iter().any(|place| named.strip_prefix(place) == Some(asked))
}

impl Backend {
    /// All sandboxes on the list.
    ///
    /// # Errors
    ///
    /// [`Error::Registry`]. An engine that does not answer is no error: nothing is running.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        let entries = self.known.listed().await?;
        let client = match self.known.client().await {
            Ok(client) => Some(client),
            Err(error) => {
                tracing::debug!(%error, "listing without an engine");
                None
            }
        };
        let mut listed = Vec::new();
        for mut entry in entries {
            let found = match &client {
                Some(client) => {
                    let found = self.known.find_ours(client, &entry.container_name).await;
                    // Another's is none of ours.
                    found.unwrap_or_default()
                }
                None => None,
            };
            let config_hash = entry.config_hash.clone();
            let label = found.as_ref().and_then(|it| it.label(LABEL_HASH)).map(str::to_owned);
            if let Some(found) = &found
                && !is_same_image(&entry.image, &found.image)
            {
                entry.image.clone_from(&found.image);
            }
            listed.push(Listed {
                commands: self.recent.of(&entry.container_name),
                entry,
                exists: found.is_some(),
                is_running: found.is_some_and(|it| it.is_running),
                config_hash: label.or(config_hash),
            });
        }
        Ok(listed)
    }

    /// Containers of this state directory that are on no list: what a gateway that ended badly
    /// kept ready, and sandboxes whose entry was lost. While a gateway runs, those that it keeps
    /// ready are among them.
    ///
    /// # Errors
    ///
    /// Why the engine or the list cannot be read.
    pub async fn strays(&self) -> Result<Vec<String>, Error> {
        let client = self.known.client().await?;
        let listed = self.known.listed().await?;
        let is_listed = |name: &String| listed.iter().any(|entry| entry.container_name == *name);
        let found = self.known.all_ours(&client, LABEL_SANDBOX).await?;
        Ok(found.into_iter().map(|(name, _)| name).filter(|name| !is_listed(name)).collect())
    }

    /// What a container uses now; `None` when it does not run.
    pub async fn stats(&self, name: &str) -> Result<Option<Stats>, Error> {
        let client = self.known.client().await?;
        let found = match self.known.find_ours(&client, name).await {
            Err(Error::Foreign { .. }) => None,
            found => found?,
        };
        let Some(found) = found.filter(|it| it.is_running) else { return Ok(None) };
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut readings = client.docker.stats(&found.id, Some(options));
        let Some(reading) = readings.next().await else { return Ok(None) };
        let reading = reading.map_err(|error| client.fail("measure", name, &error))?;
        let memory = reading.memory_stats.unwrap_or_default();
        let detail = memory.stats.unwrap_or_default();
        // The same that the docker CLI takes off, for either version of control groups.
        let cache = ["total_inactive_file", "inactive_file"]
            .iter()
            .find_map(|key| detail.get(*key).copied())
            .unwrap_or(0);
        let cpu = reading.cpu_stats.unwrap_or_default().cpu_usage.unwrap_or_default();
        Ok(Some(Stats {
            cpu_ns: cpu.total_usage.unwrap_or(0),
            memory_bytes: memory.usage.unwrap_or(0).saturating_sub(cache),
            memory_bytes_max: memory.limit.unwrap_or(0),
            pids: reading.pids_stats.unwrap_or_default().current.unwrap_or(0),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_the_same_with_the_place_it_was_found_at() {
        assert!(is_same_image("a:1", "a:1"));
        assert!(is_same_image("a:1", "localhost/a:1"));
        assert!(is_same_image("debian:12", "docker.io/library/debian:12"));
        assert!(!is_same_image("a:1", "a:2"));
        assert!(!is_same_image("a:1", "other.example/a:1"));
    }
}
