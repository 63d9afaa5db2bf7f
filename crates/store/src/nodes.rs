//! `nodes/paired.json`: which commands of which node a person has approved, and its name.
//!
//! Read once and written whole; the gateway is the only one that does. What an approval means is
//! not known here.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use domain::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, bounded, private, store::blocking};

/// What is kept of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeRecord {
    /// The node: its device id.
    pub node_id: String,
    /// The name that a person gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Abilities that were approved.
    pub caps: Vec<String>,
    /// Commands that were approved.
    pub commands: Vec<String>,
    /// What tells a node again that somebody else speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at_ms: Option<UnixMillis>,
    /// What else was found in the record, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The file on disk.
#[derive(Clone, Debug)]
pub struct NodeFile {
    path: PathBuf,
}

impl NodeFile {
    /// The file of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("nodes/paired.json") }
    }

    /// Reads it; what is absent is empty. What cannot be understood is set aside: those nodes
    /// have to be approved anew. Blocks; meant for the start.
    pub fn read(&self) -> Result<BTreeMap<String, NodeRecord>, StoreError> {
        bounded::list(&self.path)
    }

    /// Replaces it.
    pub async fn write(&self, nodes: BTreeMap<String, NodeRecord>) -> Result<(), StoreError> {
        let path = self.path.clone();
        blocking(move || {
            private::make_parent(&path)?;
            let mut text = serde_json::to_string_pretty(&nodes).unwrap_or_default();
            text.push('\n');
            atomic::write(&path, text.as_bytes())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_damage_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let file = NodeFile::new(home.path());
        let record = NodeRecord { node_id: "n".to_owned(), ..NodeRecord::default() };
        let nodes = BTreeMap::from([("n".to_owned(), record)]);

        assert!(file.read().unwrap().is_empty());
        file.write(nodes.clone()).await.unwrap();
        assert_eq!(file.read().unwrap(), nodes);
        fs::write(home.path().join("nodes/paired.json"), "{").unwrap();
        assert!(file.read().unwrap().is_empty());
    }
}
