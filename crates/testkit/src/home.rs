//! A home directory that lives as long as the test.
//!
//! Owns the temporary directory, the `openclaw.json` in it and the environment of a process that
//! runs there. It knows where the program looks by default and nothing of what it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The token that [`TempHome::minimal`] configures.
pub const TOKEN: &str = "test-token";

/// A home directory with `.openclaw` in it, removed on drop.
#[derive(Debug)]
pub struct TempHome {
    dir: TempDir,
}

impl TempHome {
    /// An empty home: no config, no state.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("openclaw-test-").tempdir()?;
        fs::create_dir(dir.path().join(".openclaw"))?;
        Ok(Self { dir })
    }

    /// A home whose config lets a gateway start: loopback, token auth, no heartbeat.
    pub fn minimal() -> anyhow::Result<Self> {
        let home = Self::new()?;
        home.merge_config(&json!({
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "auth": { "mode": "token", "token": TOKEN },
                "http": { "endpoints": { "chatCompletions": { "enabled": true } } },
            },
            "agents": { "defaults": { "heartbeat": { "every": "0m" } } },
            "update": { "checkOnStart": false },
        }))?;
        Ok(home)
    }

    /// [`Self::minimal`], with the model server at `base_url` (such as
    /// `http://127.0.0.1:9/v1`) as the only provider, in the chat-completions dialect.
    pub fn with_model(base_url: &str) -> anyhow::Result<Self> {
        let home = Self::minimal()?;
        home.merge_config(&model_config(base_url))?;
        Ok(home)
    }

    /// What `HOME` is set to.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The state directory, at its default place.
    pub fn state_dir(&self) -> PathBuf {
        self.path().join(".openclaw")
    }

    /// The config file, at its default place.
    pub fn config_path(&self) -> PathBuf {
        self.state_dir().join("openclaw.json")
    }

    /// The config as it stands; an empty object when there is no file.
    pub fn config(&self) -> anyhow::Result<Value> {
        let path = self.config_path();
        if !path.exists() {
            return Ok(Value::Object(Map::new()));
        }
        let text = fs::read_to_string(&path)?;
        serde_json::from_str(&text).context("the test's own config is not JSON")
    }

    /// Merges `patch` into the config: objects key by key, everything else replaced.
    pub fn merge_config(&self, patch: &Value) -> anyhow::Result<()> {
        let mut config = self.config()?;
        merge(&mut config, patch);
        let text = serde_json::to_string_pretty(&config)?;
        self.write_config(&text)
    }

    /// Replaces the config by `text`, which may well be broken.
    pub fn write_config(&self, text: &str) -> anyhow::Result<()> {
        fs::write(self.config_path(), text)?;
        Ok(())
    }

    /// `program` in this home: cleared environment, no standard input, output captured. It takes
    /// itself for a program of the host, wherever the tests run.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            .env("OPENCLAW_IN_CONTAINER", "0")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// The config part that makes the server at `base_url` the default model `mock/mock-1`.
pub fn model_config(base_url: &str) -> Value {
    json!({
        "models": { "providers": { "mock": {
            "baseUrl": base_url,
            "apiKey": "test-key",
            "api": "openai-completions",
            "models": [{
                "id": "mock-1",
                "name": "Mock 1",
                "reasoning": false,
                "input": ["text"],
                "cost": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0 },
                "contextWindow": 200_000,
                "maxTokens": 8192,
            }],
        } } },
        "agents": { "defaults": {
            "model": { "primary": "mock/mock-1" },
            "models": { "mock/mock-1": {} },
        } },
    })
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.as_str()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_the_keys_it_does_not_name() {
        let home = TempHome::minimal().unwrap();

        home.merge_config(&json!({ "gateway": { "port": 1 }, "tools": { "deny": ["exec"] } }))
            .unwrap();

        let config = home.config().unwrap();
        assert_eq!(config["gateway"]["auth"]["token"], TOKEN);
        assert_eq!(config["gateway"]["port"], 1);
        assert_eq!(config["tools"]["deny"], json!(["exec"]));
    }

    #[test]
    fn a_command_sees_its_home_and_nothing_of_ours() {
        let home = TempHome::new().unwrap();

        let output = home.command(Path::new("/usr/bin/env")).output().unwrap();

        let mut names: Vec<_> = str::from_utf8(&output.stdout)
            .unwrap()
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "LANG", "NO_COLOR", "OPENCLAW_IN_CONTAINER", "PATH", "TZ"]);
    }
}
