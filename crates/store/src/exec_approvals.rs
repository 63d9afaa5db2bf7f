//! `exec-approvals.json`: what the owner of this machine has said about commands.
//!
//! In the reference's form, so that either program reads the other's. Read for every command
//! that it may concern, so that an edit holds at once; changed under a lock of the system,
//! since gateway, node and CLI may all do so. What it means is `policy`'s to say.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    ExecApprovals, UnixMillis,
    approvals::{APPROVALS_VERSION, AllowedProgram},
};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::{StoreError, atomic, bounded, sandbox_registry, store::blocking};

/// Bytes of the socket's token.
const TOKEN_BYTES: usize = 24;
/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The file, as a handle. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ApprovalsFile {
    path: PathBuf,
}

/// The file as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalsSnapshot {
    /// Where it is.
    pub path: PathBuf,
    /// Whether there is one.
    pub exists: bool,
    /// SHA-256 of its text, in hex.
    pub hash: String,
    /// What it says.
    pub file: ExecApprovals,
}

/// Why the file was not read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalsError {
    /// It was changed by someone else meanwhile.
    #[error("exec approvals changed since last load; re-run exec.approvals.get and retry")]
    Changed,
    /// The change says nothing about what it is based on.
    #[error("exec approvals base hash required; re-run exec.approvals.get and retry")]
    NoBase,
    /// It is no JSON of the known form. Until it is mended no command runs that it concerns.
    #[error("`{path}` cannot be understood")]
    Damaged {
        /// The file.
        path: String,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A use of the allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowUse {
    /// The entry's pattern.
    pub pattern: String,
    /// The program that was run.
    pub path: String,
}

impl ApprovalsFile {
    /// The file of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("exec-approvals.json") }
    }

    /// Reads it; an absent one is an empty one. The file is small and on the disk of the state
    /// directory, so it is read at once: handing it to another thread takes longer.
    ///
    /// # Errors
    ///
    /// [`ApprovalsError::Damaged`] and what the disk says: the caller must take it for a no.
    #[expect(clippy::unused_async, reason = "callers must not count on it never waiting")]
    pub async fn read(&self) -> Result<ApprovalsSnapshot, ApprovalsError> {
        read(&self.path)
    }

    /// Reads it, and makes it first if it is not there.
    pub async fn ensure(&self) -> Result<ApprovalsSnapshot, ApprovalsError> {
        self.change(|_, file| complete(file)).await
    }

    /// Replaces it, provided that it still is what `base_hash` says; an absent file needs no
    /// base. The socket's token stays unless the new content has its own.
    pub async fn set(
        &self,
        content: Value,
        base_hash: Option<String>,
    ) -> Result<ApprovalsSnapshot, ApprovalsError> {
        let path = self.path.display().to_string();
        let new = understood(content).map_err(|source| ApprovalsError::Damaged { path, source })?;
        self.try_change(move |before, file| {
            match base_hash {
                None if before.exists => return Err(ApprovalsError::NoBase),
                Some(base) if before.exists && base != before.hash => {
                    return Err(ApprovalsError::Changed);
                }
                Some(_) | None => {}
            }
            let socket = file.socket.take();
            *file = new;
            if let Some(old) = socket {
                let own = file.socket.get_or_insert_default();
                for (key, value) in old {
                    own.entry(key).or_insert(value);
                }
            }
            complete(file);
            Ok(())
        })
        .await
    }

    /// Puts programs on an agent's allow-list for good; those that are there stay as they are.
    pub async fn remember(
        &self,
        agent: &str,
        patterns: Vec<String>,
    ) -> Result<ApprovalsSnapshot, ApprovalsError> {
        let agent = agent.to_owned();
        self.change(move |_, file| {
            complete(file);
            let list = &mut file.agents.entry(agent).or_default().allowlist;
            for pattern in patterns {
                if list.iter().all(|entry| entry.pattern != pattern) {
                    let mut entry = AllowedProgram { pattern, ..AllowedProgram::default() };
                    entry.id = Some(uuid::Uuid::new_v4().to_string());
                    entry.rest.insert("source".to_owned(), "allow-always".into());
                    list.push(entry);
                }
            }
        })
        .await
    }

    /// Takes a program off an agent's allow-list; says whether it was there.
    pub async fn forget(&self, agent: &str, pattern: &str) -> Result<bool, ApprovalsError> {
        let (agent, pattern) = (agent.to_owned(), pattern.to_owned());
        let before = self.read().await?.file;
        let after = self
            .change(move |_, file| {
                if let Some(agent) = file.agents.get_mut(&agent) {
                    agent.allowlist.retain(|entry| entry.pattern != pattern);
                }
            })
            .await?;
        Ok(before != after.file)
    }

    /// Notes which entries a command used.
    pub async fn note_use(
        &self,
        agent: &str,
        used: Vec<AllowUse>,
        command: &str,
        now: UnixMillis,
    ) -> Result<(), ApprovalsError> {
        let (agent, command) = (agent.to_owned(), command.to_owned());
        self.change(move |_, file| {
            for name in ["*", &*agent] {
                let Some(agent) = file.agents.get_mut(name) else { continue };
                for entry in &mut agent.allowlist {
                    if let Some(it) = used.iter().find(|it| it.pattern == entry.pattern) {
                        entry.last_used_at = Some(now.0);
                        entry.last_used_command = Some(command.clone());
                        entry.last_resolved_path = Some(it.path.clone());
                    }
                }
            }
        })
        .await
        .map(drop)
    }

    async fn change(
        &self,
        change: impl FnOnce(&ApprovalsSnapshot, &mut ExecApprovals) + Send + 'static,
    ) -> Result<ApprovalsSnapshot, ApprovalsError> {
        self.try_change(|before, file| {
            change(before, file);
            Ok(())
        })
        .await
    }

    async fn try_change(
        &self,
        change: impl FnOnce(&ApprovalsSnapshot, &mut ExecApprovals) -> Result<(), ApprovalsError>
        + Send
        + 'static,
    ) -> Result<ApprovalsSnapshot, ApprovalsError> {
        let path = self.path.clone();
        work(move || {
            let _lock = sandbox_registry::lock(&path)?;
            let before = read(&path)?;
            let mut file = before.file.clone();
            change(&before, &mut file)?;
            if before.exists && file == before.file {
                return Ok(before);
            }
            let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
            text.push('\n');
            atomic::write(&path, text.as_bytes())?;
            let hash = hash(text.as_bytes());
            Ok(ApprovalsSnapshot { path, exists: true, hash, file })
        })
        .await
    }
}

fn read(path: &Path) -> Result<ApprovalsSnapshot, ApprovalsError> {
    let bytes = bounded::read(path, FILE_BYTES_MAX)?;
    let file = match &bytes {
        None => ExecApprovals::default(),
        Some(bytes) => {
            let damaged =
                |source| ApprovalsError::Damaged { path: path.display().to_string(), source };
            serde_json::from_slice(bytes).and_then(understood).map_err(damaged)?
        }
    };
    let exists = bytes.is_some();
    let hash = hash(&bytes.unwrap_or_default());
    Ok(ApprovalsSnapshot { path: path.to_owned(), exists, hash, file })
}

/// Reads the known form and its older ones; an unknown version counts as empty.
fn understood(mut content: Value) -> Result<ExecApprovals, serde_json::Error> {
    if content["version"].as_u64() != Some(APPROVALS_VERSION) && content.is_object() {
        tracing::warn!("exec approvals of an unknown version, taken as empty");
        return Ok(ExecApprovals::default());
    }
    if let Some(agents) = content.get_mut("agents").and_then(Value::as_object_mut) {
        if let Some(old) = agents.shift_remove("default") {
            merge_into(agents.entry("main").or_insert_with(|| json!({})), old);
        }
        for agent in agents.values_mut() {
            let list = agent.get_mut("allowlist").and_then(Value::as_array_mut);
            for entry in list.into_iter().flatten() {
                if let Some(pattern) = entry.as_str() {
                    *entry = json!({ "pattern": pattern });
                }
            }
        }
    }
    serde_json::from_value(content)
}

/// Puts what the old name of the main agent said under its own name; its own words win.
fn merge_into(main: &mut Value, old: Value) {
    let (Some(main), Value::Object(old)) = (main.as_object_mut(), old) else { return };
    for (key, value) in old {
        match (main.get_mut(&key), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                main.insert(key, value);
            }
        }
    }
}

/// Fills in what a file of ours always has.
fn complete(file: &mut ExecApprovals) {
    let socket = file.socket.get_or_insert_with(Map::new);
    socket.entry("path").or_insert_with(|| "~/.openclaw/exec-approvals.sock".into());
    socket.entry("token").or_insert_with(|| {
        let random = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
        let bytes: Vec<u8> = random.iter().flat_map(|it| *it.as_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes.get(..TOKEN_BYTES).unwrap_or_default()).into()
    });
    for entry in file.agents.values_mut().flat_map(|agent| &mut agent.allowlist) {
        entry.id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    }
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

async fn work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApprovalsError> + Send + 'static,
) -> Result<T, ApprovalsError> {
    blocking(move || Ok(work())).await?
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file() -> (tempfile::TempDir, ApprovalsFile) {
        let home = tempfile::tempdir().unwrap();
        let file = ApprovalsFile::new(home.path());
        (home, file)
    }

    #[tokio::test]
    async fn an_absent_file_is_empty_and_its_making_is_private() {
        let (_home, file) = file();

        let absent = file.read().await.unwrap();
        let made = file.ensure().await.unwrap();
        let again = file.ensure().await.unwrap();

        assert!(!absent.exists && absent.file == ExecApprovals::default());
        assert!(made.exists && made == again);
        let bits = fs::metadata(&made.path).unwrap().permissions().mode();
        assert_eq!(bits & 0o777, 0o600);
        let token = made.file.socket.as_ref().unwrap()["token"].as_str().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(token).unwrap().len(), TOKEN_BYTES);
        assert!(made.file.redacted().socket.unwrap().get("token").is_none());
    }

    #[tokio::test]
    async fn a_change_must_say_what_it_is_based_on() {
        let (_home, file) = file();
        let made = file.ensure().await.unwrap();
        let content = json!({"version": 1, "agents": {"main": {"allowlist": ["/bin/ls"]}}});

        let without = file.set(content.clone(), None).await;
        let stale = file.set(content.clone(), Some("00".to_owned())).await;
        let set = file.set(content, Some(made.hash.clone())).await.unwrap();

        assert!(matches!(without, Err(ApprovalsError::NoBase)));
        assert!(matches!(stale, Err(ApprovalsError::Changed)));
        assert_eq!(set.file.socket, made.file.socket);
        let entry = &set.file.agents["main"].allowlist[0];
        assert!(entry.pattern == "/bin/ls" && entry.id.is_some());
        assert_eq!(file.read().await.unwrap(), set);
    }

    #[tokio::test]
    async fn older_forms_are_read_and_unknown_fields_stay() {
        let (home, file) = file();
        let text = json!({
            "version": 1,
            "new": 7,
            "agents": {
                "default": {"ask": "always", "allowlist": ["/bin/a"], "mcpTools": []},
                "main": {"allowlist": [{"pattern": "/bin/b", "argPattern": "^x"}]},
            },
        });
        fs::write(home.path().join("exec-approvals.json"), text.to_string()).unwrap();

        let made = file.remember("main", vec!["/bin/c".to_owned()]).await.unwrap();

        let main = &made.file.agents["main"];
        let patterns: Vec<&str> = main.allowlist.iter().map(|it| &*it.pattern).collect();
        assert_eq!(patterns, ["/bin/b", "/bin/a", "/bin/c"]);
        assert_eq!(main.ask.as_deref(), Some("always"));
        assert_eq!(main.allowlist[0].rest["argPattern"], "^x");
        assert!(made.file.rest["new"] == 7 && main.rest.contains_key("mcpTools"));
        assert!(!made.file.agents.contains_key("default"));
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_an_unknown_version_an_empty_file() {
        let (home, file) = file();
        let path = home.path().join("exec-approvals.json");

        fs::write(&path, "{\"version\": 1, \"agents\": 7}").unwrap();
        assert!(matches!(file.read().await, Err(ApprovalsError::Damaged { .. })));
        fs::write(&path, "{\"ver").unwrap();
        assert!(matches!(file.read().await, Err(ApprovalsError::Damaged { .. })));
        fs::write(&path, "{\"version\": 2, \"defaults\": {\"security\": \"full\"}}").unwrap();
        assert_eq!(file.read().await.unwrap().file, ExecApprovals::default());
    }

    #[tokio::test]
    async fn a_use_is_noted_and_an_entry_forgotten() {
        let (_home, file) = file();
        file.remember("main", vec!["/bin/ls".to_owned()]).await.unwrap();
        let used = AllowUse { pattern: "/bin/ls".to_owned(), path: "/usr/bin/ls".to_owned() };

        file.note_use("main", vec![used], "ls -l", UnixMillis(7)).await.unwrap();

        let entry = file.read().await.unwrap().file.agents["main"].allowlist[0].clone();
        assert_eq!(entry.last_used_at, Some(7));
        assert_eq!(entry.last_used_command.as_deref(), Some("ls -l"));
        assert_eq!(entry.last_resolved_path.as_deref(), Some("/usr/bin/ls"));
        assert!(file.forget("main", "/bin/ls").await.unwrap());
        assert!(!file.forget("main", "/bin/ls").await.unwrap());
    }
}
