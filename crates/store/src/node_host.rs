//! `node.json`: which gateway this machine lends its commands to, and as what.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, bounded, private};

/// What a node remembers of itself and its gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeHost {
    /// Always 1.
    pub version: u32,
    /// What tells it from other programs on this machine. The gateway knows it by its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<NodeGateway>,
    /// What else was found there, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The gateway of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeGateway {
    /// Its machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether it speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// What else was found there, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Default for NodeHost {
    fn default() -> Self {
        Self { version: 1, node_id: None, display_name: None, gateway: None, rest: Map::new() }
    }
}

/// The file on disk.
#[derive(Clone, Debug)]
pub struct NodeHostFile {
    path: PathBuf,
}

impl NodeHostFile {
    /// The file of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("node.json") }
    }

    /// Reads it; what is absent is as if nothing was said, and what cannot be understood is
    /// set aside. Blocks.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read.
    pub fn read(&self) -> Result<NodeHost, StoreError> {
        bounded::list(&self.path)
    }

    /// Replaces it. Blocks.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, node: &NodeHost) -> Result<(), StoreError> {
        private::make_parent(&self.path)?;
        let mut text = serde_json::to_string_pretty(node).unwrap_or_default();
        text.push('\n');
        atomic::write(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_is_read_with_what_others_wrote_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let file = NodeHostFile::new(home.path());
        let text =
            r#"{"version":1,"nodeId":"n","token":"t","gateway":{"host":"h","tlsFingerprint":"f"}}"#;
        fs::write(home.path().join("node.json"), text).unwrap();

        let mut node = file.read().unwrap();
        node.display_name = Some("Attic".to_owned());
        file.write(&node).unwrap();

        let again = file.read().unwrap();
        assert_eq!(again, node);
        assert_eq!(again.rest["token"], "t");
        assert_eq!(again.gateway.unwrap().rest["tlsFingerprint"], "f");
        fs::write(home.path().join("node.json"), "{").unwrap();
        assert_eq!(file.read().unwrap(), NodeHost::default());
    }
}
