//! The list of sandboxes that we made: `sandbox/containers.json` and `sandbox/browsers.json`.
//!
//! In the reference's form, so that either program reads the other's. Read and written whole
//! under a lock of the system (the gateway and a CLI command may both do it); a list that
//! cannot be read counts as empty, as there. What an entry means is `sandbox`'s to say.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, bounded, error::At, private};

/// The two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxKind {
    /// Containers for tools.
    Container,
    /// Containers with a browser.
    Browser,
}

/// A sandbox that we made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxEntry {
    /// Its container.
    pub container_name: String,
    /// Its scope key.
    pub session_key: String,
    /// When it was made.
    #[serde(default)]
    pub created_at_ms: i64,
    /// When a turn last asked for it.
    #[serde(default)]
    pub last_used_at_ms: i64,
    /// Image that it was made from.
    #[serde(default)]
    pub image: String,
    /// Hash of the settings that it was made by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,
    /// What else was found in the entry, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The lists on disk.
#[derive(Clone, Debug)]
pub struct SandboxRegistry {
    dir: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    entries: Vec<SandboxEntry>,
}

impl SandboxRegistry {
    /// The lists of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("sandbox") }
    }

    /// All entries; none when there is no list or it cannot be understood.
    pub async fn entries(&self, kind: SandboxKind) -> Result<Vec<SandboxEntry>, StoreError> {
        let path = self.path(kind);
        on_disk(move || Ok(read(&path)?.entries)).await
    }

    /// Adds an entry, or renews the one of that container: its time of creation and its image
    /// stay as they were, since the container is the same one.
    pub async fn upsert(&self, kind: SandboxKind, entry: SandboxEntry) -> Result<(), StoreError> {
        self.change(kind, move |entries| {
            let known =
                entries.iter_mut().find(|known| known.container_name == entry.container_name);
            match known {
                Some(known) => {
                    known.session_key = entry.session_key;
                    known.created_at_ms = known.created_at_ms.min(entry.created_at_ms);
                    known.last_used_at_ms = entry.last_used_at_ms;
                    known.config_hash = entry.config_hash.or(known.config_hash.take());
                    known.rest.extend(entry.rest);
                }
                None => entries.push(entry),
            }
        })
        .await
    }

    /// Forgets a container. Nothing happens when it is not listed.
    pub async fn remove(&self, kind: SandboxKind, container: &str) -> Result<(), StoreError> {
        let container = container.to_owned();
        self.change(kind, move |entries| entries.retain(|it| it.container_name != container)).await
    }

    async fn change(
        &self,
        kind: SandboxKind,
        change: impl FnOnce(&mut Vec<SandboxEntry>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let path = self.path(kind);
        on_disk(move || {
            let _lock = lock(&path)?;
            let mut file = read(&path)?;
            let before = file.entries.clone();
            change(&mut file.entries);
            if file.entries == before {
                return Ok(());
            }
            let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
            text.push('\n');
            // A list that a power cut takes back is made good by the containers' labels.
            atomic::replace(&path, text.as_bytes()).map(drop)
        })
        .await
    }

    fn path(&self, kind: SandboxKind) -> PathBuf {
        self.dir.join(match kind {
            SandboxKind::Container => "containers.json",
            SandboxKind::Browser => "browsers.json",
        })
    }
}

fn read(path: &Path) -> Result<File, StoreError> {
    bounded::list(path)
}

/// Held until dropped, and by no dead process.
pub(crate) fn lock(path: &Path) -> Result<fs::File, StoreError> {
    private::make_parent(path)?;
    let lock_path = path.with_extension("json.lock");
    let file = private::open_or_create(&lock_path, fs::OpenOptions::new().write(true))
        .at("open", &lock_path)?;
    flock(&file, FlockOperation::LockExclusive).map_err(Into::into).at("lock", &lock_path)?;
    Ok(file)
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: SandboxKind = SandboxKind::Container;

    fn entry(name: &str, at: i64) -> SandboxEntry {
        SandboxEntry {
            container_name: name.to_owned(),
            session_key: "agent:main".to_owned(),
            created_at_ms: at,
            last_used_at_ms: at,
            image: format!("image:{at}"),
            config_hash: Some(format!("hash{at}")),
            rest: Map::new(),
        }
    }

    #[tokio::test]
    async fn a_renewed_entry_keeps_what_belongs_to_the_creation() {
        let home = tempfile::tempdir().unwrap();
        let registry = SandboxRegistry::new(home.path());
        registry.upsert(KIND, entry("a", 1)).await.unwrap();

        registry.upsert(KIND, SandboxEntry { config_hash: None, ..entry("a", 5) }).await.unwrap();

        let expected = SandboxEntry { last_used_at_ms: 5, ..entry("a", 1) };
        assert_eq!(registry.entries(KIND).await.unwrap(), [expected]);
    }

    #[tokio::test]
    async fn the_file_has_the_reference_s_form_and_keeps_strange_fields() {
        let home = tempfile::tempdir().unwrap();
        let registry = SandboxRegistry::new(home.path());
        let path = home.path().join("sandbox/containers.json");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            &path,
            r#"{"entries":[{"containerName":"a","sessionKey":"s","createdAtMs":1,"lastUsedAtMs":2,"image":"i","backendId":"docker"}]}"#,
        )
        .unwrap();

        registry.upsert(KIND, entry("b", 3)).await.unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\n  \"entries\": [\n    {\n      \"containerName\": \"a\""));
        assert!(text.contains("\"backendId\": \"docker\"") && text.ends_with("}\n"));
        assert_eq!(registry.entries(KIND).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_damaged_list_is_an_empty_one() {
        let home = tempfile::tempdir().unwrap();
        let registry = SandboxRegistry::new(home.path());
        fs::create_dir_all(home.path().join("sandbox")).unwrap();
        fs::write(home.path().join("sandbox/containers.json"), "{\"entries\": 7").unwrap();

        assert_eq!(registry.entries(KIND).await.unwrap(), []);
        registry.upsert(KIND, entry("a", 1)).await.unwrap();
        registry.remove(KIND, "a").await.unwrap();
        assert_eq!(registry.entries(KIND).await.unwrap(), []);
    }

    #[tokio::test]
    async fn writers_at_once_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        let registry = SandboxRegistry::new(home.path());
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..20 {
            let registry = registry.clone();
            writers.spawn(async move { registry.upsert(KIND, entry(&n.to_string(), n)).await });
        }

        while let Some(written) = writers.join_next().await {
            written.unwrap().unwrap();
        }

        assert_eq!(registry.entries(KIND).await.unwrap().len(), 20);
    }
}
