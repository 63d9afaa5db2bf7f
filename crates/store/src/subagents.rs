//! `subagents/runs.json`: sub-agents that were started and are not put away yet.
//!
//! In the reference's names. Read once and written whole; the gateway is the only one that does.
//! What becomes of a sub-agent is not decided here.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use domain::{SessionKey, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, bounded, private, store::blocking};

/// Version of the file.
const VERSION: u32 = 2;

/// What is kept of a sub-agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubagentRecord {
    /// Its turn.
    pub run_id: TurnId,
    /// Its conversation.
    pub child_session_key: SessionKey,
    /// The conversation that started it.
    pub requester_session_key: SessionKey,
    /// What it was told to do.
    #[serde(default)]
    pub task: String,
    /// Its conversation's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `keep` or `delete`.
    #[serde(default)]
    pub cleanup: String,
    /// When it was started.
    #[serde(default)]
    pub created_at: UnixMillis,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMillis>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<SubagentOutcome>,
    /// When that had been told to whoever started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup_completed_at: Option<UnixMillis>,
    /// When its conversation is put away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_at_ms: Option<UnixMillis>,
    /// What else was found in the record, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How a sub-agent ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubagentOutcome {
    /// `ok`, `error`, `timeout`, `stopped` or `lost`.
    pub status: String,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// How long it took and what it cost, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    #[serde(default)]
    version: u32,
    #[serde(default)]
    runs: BTreeMap<TurnId, Value>,
}

/// The file on disk.
#[derive(Clone, Debug)]
pub struct SubagentFile {
    path: PathBuf,
}

impl SubagentFile {
    /// The file of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("subagents/runs.json") }
    }

    /// Reads it; what is absent is empty, and what cannot be understood is left out.
    pub async fn read(&self) -> Result<BTreeMap<TurnId, SubagentRecord>, StoreError> {
        let path = self.path.clone();
        blocking(move || bounded::list(&path).map(known)).await
    }

    /// Replaces it.
    pub async fn write(&self, runs: BTreeMap<TurnId, SubagentRecord>) -> Result<(), StoreError> {
        let path = self.path.clone();
        blocking(move || {
            private::make_parent(&path)?;
            let value = |record| serde_json::to_value(record).unwrap_or_default();
            let runs = runs.into_iter().map(|(turn, record)| (turn, value(record))).collect();
            let file = File { version: VERSION, runs };
            let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
            text.push('\n');
            atomic::write(&path, text.as_bytes())
        })
        .await
    }
}

fn known(file: File) -> BTreeMap<TurnId, SubagentRecord> {
    let read = |(turn, value)| match serde_json::from_value(value) {
        Ok(record) => Some((turn, record)),
        Err(error) => {
            tracing::warn!(%error, %turn, "a sub-agent's record is damaged, left out");
            None
        }
    };
    file.runs.into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_what_is_damaged_is_left_out() {
        let home = tempfile::tempdir().unwrap();
        let file = SubagentFile::new(home.path());
        let record: SubagentRecord = serde_json::from_value(json!({
            "runId": "t", "childSessionKey": "agent:main:subagent:x",
            "requesterSessionKey": "agent:main:main", "task": "look", "cleanup": "keep",
            "createdAt": 5, "requesterDisplayKey": "main",
        }))
        .unwrap();
        let runs = BTreeMap::from([(TurnId::new("t"), record)]);

        assert!(file.read().await.unwrap().is_empty());
        file.write(runs.clone()).await.unwrap();
        assert_eq!(file.read().await.unwrap(), runs);

        let path = home.path().join("subagents/runs.json");
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(value["runs"]["t"]["requesterDisplayKey"], "main");
        value["runs"]["odd"] = json!({"runId": 5});
        fs::write(&path, value.to_string()).unwrap();
        assert_eq!(file.read().await.unwrap(), runs);
        fs::write(&path, "{").unwrap();
        assert!(file.read().await.unwrap().is_empty());
    }
}
