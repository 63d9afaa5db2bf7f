//! Which engine to speak to: `DOCKER_HOST`, a context of the docker CLI, or a well-known socket.
//!
//! Choosing is pure but for reading the CLI's files; the environment is an argument.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bollard::Docker;
use serde::Deserialize;

use super::error::Error;
use crate::naming;

/// The program behind the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker.
    Docker,
    /// Podman's Docker-compatible socket.
    Podman,
}

/// How long a request may take; pulling is never one of them.
const TIMEOUT_SECONDS: u64 = 120;

/// An address, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) from: String,
}

impl Endpoint {
    fn new(url: impl Into<String>, from: impl Into<String>) -> Self {
        Self { url: url.into(), from: from.into() }
    }

    /// The socket's path, if it is one.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        self.url.strip_prefix("unix://").map(PathBuf::from)
    }

    /// The error for nobody answering here.
    pub(crate) fn unreachable(&self, said: &impl ToString) -> Error {
        Error::Unreachable { endpoint: self.url.clone(), said: said.to_string() }
    }

    fn unusable(&self, why: &str) -> Error {
        Error::Endpoint { endpoint: self.url.clone(), from: self.from.clone(), why: why.to_owned() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CliConfig {
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaEndpoint {
    host: String,
}

/// Chooses the endpoint by the environment variables in `env`.
pub(crate) async fn endpoint(
    engine: Engine,
    env: &BTreeMap<String, String>,
) -> Result<Endpoint, Error> {
    let var = |name: &str| env.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
    if engine == Engine::Podman
        && let Some(host) = var("CONTAINER_HOST")
    {
        return Ok(Endpoint::new(host, "CONTAINER_HOST"));
    }
    if engine == Engine::Docker {
        if let Some(host) = var("DOCKER_HOST") {
            return Ok(Endpoint::new(host, "DOCKER_HOST"));
        }
        if let Some(found) = context(env).await? {
            return Ok(found);
        }
    }
    let home = var("HOME").map(PathBuf::from);
    let runtime_dir = var("XDG_RUNTIME_DIR").map(PathBuf::from);
    let sockets = match engine {
        Engine::Docker => vec![
            Some(PathBuf::from("/var/run/docker.sock")),
            runtime_dir.map(|it| it.join("docker.sock")),
            home.as_ref().map(|it| it.join(".docker/run/docker.sock")),
            home.as_ref().map(|it| it.join(".docker/desktop/docker.sock")),
        ],
        Engine::Podman => vec![
            runtime_dir.map(|it| it.join("podman/podman.sock")),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ],
    };
    let mut sockets = sockets.into_iter().flatten();
    let first = sockets.next().unwrap_or_default();
    let mut found = first.clone();
    if !is_there(&first).await {
        for socket in sockets {
            if is_there(&socket).await {
                found = socket;
                break;
            }
        }
    }
    Ok(Endpoint::new(format!("unix://{}", found.display()), "the usual sockets"))
}

/// Connects, and agrees with the engine on a version of the API.
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Docker, Error> {
    let url = endpoint.url.as_str();
    let version = bollard::API_DEFAULT_VERSION;
    let client = if let Some(path) = url.strip_prefix("unix://") {
        if !is_there(Path::new(path)).await {
            return Err(endpoint.unreachable(&"no such socket"));
        }
        Docker::connect_with_unix(path, TIMEOUT_SECONDS, version)
    } else if url.starts_with("tcp://") || url.starts_with("http://") {
        Docker::connect_with_http(url, TIMEOUT_SECONDS, version)
    } else {
        return Err(
            endpoint.unusable("only unix:// and tcp:// are spoken here, without TLS or ssh")
        );
    };
    let client = client.map_err(|error| endpoint.unreachable(&error))?;
    client.negotiate_version().await.map_err(|error| endpoint.unreachable(&error))
}

/// The endpoint of the docker CLI's chosen context; `None` for its default one.
async fn context(env: &BTreeMap<String, String>) -> Result<Option<Endpoint>, Error> {
    let Some(dir) = env
        .get("DOCKER_CONFIG")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
        .or_else(|| env.get("HOME").map(|home| Path::new(home).join(".docker")))
    else {
        return Ok(None);
    };
    let name = match env.get("DOCKER_CONTEXT").filter(|it| !it.is_empty()) {
        Some(name) => Some(name.clone()),
        None => tokio::fs::read(dir.join("config.json"))
            .await
            .ok()
            .and_then(|bytes| serde_json::from_slice::<CliConfig>(&bytes).ok())
            .and_then(|config| config.current_context),
    };
    let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else {
        return Ok(None);
    };
    let file = dir.join("contexts/meta").join(naming::digest(name.as_bytes())).join("meta.json");
    let meta = tokio::fs::read(&file).await.ok();
    let host = meta
        .and_then(|bytes| serde_json::from_slice::<Meta>(&bytes).ok())
        .and_then(|mut meta| meta.endpoints.remove("docker"))
        .map(|endpoint| endpoint.host);
    let from = format!("docker context `{name}`");
    match host {
        Some(host) => Ok(Some(Endpoint::new(host, from))),
        None => Err(Endpoint::new("?", from).unusable("the context has no docker endpoint")),
    }
}

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the CLI's files are laid out by hand")]
mod tests {
    use std::fs;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[tokio::test]
    async fn the_host_variable_wins_over_a_context() {
        let env = env(&[("DOCKER_HOST", "tcp://h:1"), ("DOCKER_CONTEXT", "x"), ("HOME", "/none")]);

        let found = endpoint(Engine::Docker, &env).await.unwrap();

        assert_eq!(found, Endpoint::new("tcp://h:1", "DOCKER_HOST"));
    }

    #[tokio::test]
    async fn a_context_is_found_by_the_digest_of_its_name() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta").join(naming::digest(b"lab"));
        fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"lab","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///l.sock","SkipTLSVerify":false}}}"#;
        fs::write(meta.join("meta.json"), text).unwrap();
        fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"lab"}"#).unwrap();
        let env = env(&[("HOME", home.path().to_str().unwrap())]);

        let found = endpoint(Engine::Docker, &env).await.unwrap();

        assert_eq!(found, Endpoint::new("unix:///l.sock", "docker context `lab`"));
    }

    #[tokio::test]
    async fn an_unknown_context_is_an_error_and_never_the_default_engine() {
        let env = env(&[("HOME", "/none"), ("DOCKER_CONTEXT", "gone")]);

        let refused = endpoint(Engine::Docker, &env).await.unwrap_err().to_string();

        assert!(refused.contains("docker context `gone`"), "{refused}");
    }

    #[tokio::test]
    async fn an_absent_engine_names_the_way_out() {
        let nowhere = Endpoint::new("unix:///nowhere/docker.sock", "DOCKER_HOST");
        let ssh = Endpoint::new("ssh://me@there", "DOCKER_HOST");

        let refused = connect(&nowhere).await.unwrap_err().to_string();
        assert!(refused.contains("agents.defaults.sandbox.mode=off"), "{refused}");
        assert!(refused.contains("/nowhere/docker.sock"), "{refused}");
        let refused = connect(&ssh).await.unwrap_err().to_string();
        assert!(refused.contains("ssh://me@there"), "{refused}");
    }
}
