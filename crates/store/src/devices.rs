//! Paired devices and open requests: `devices/paired.json` and `devices/pending.json`.
//!
//! In the reference's form, so that either program reads the other's. Written whole; the gateway
//! is the only writer. What a record means, and when a request is too old, is not known here.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use domain::UnixMillis;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{StoreError, atomic, bounded, private, store::blocking};

/// A request to be paired, or to be allowed more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingDevice {
    /// Names the request.
    pub request_id: String,
    /// The device.
    pub device_id: String,
    /// Its public key, 32 bytes in base64url.
    pub public_key: String,
    /// What it says of itself.
    #[serde(flatten)]
    pub about: AboutDevice,
    /// Whether it was made on this machine and waits for nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<bool>,
    /// Whether the device was paired before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_repair: Option<bool>,
    /// When it was made.
    pub ts: UnixMillis,
    /// What else was found in the record, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a device said of itself when it last connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AboutDevice {
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Its operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Such as `Linux` or `iPhone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What the program is there for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    /// The role it asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// All roles asked for or granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// All scopes asked for or granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Its address, unless it is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
}

/// A device that was let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedDevice {
    /// The device.
    pub device_id: String,
    /// Its public key, 32 bytes in base64url.
    pub public_key: String,
    /// What it says of itself, and what it was granted.
    #[serde(flatten)]
    pub about: AboutDevice,
    /// Its tokens, by role.
    #[serde(default)]
    pub tokens: BTreeMap<String, DeviceToken>,
    /// When it was first let in.
    pub created_at_ms: UnixMillis,
    /// When it was last approved.
    pub approved_at_ms: UnixMillis,
    /// What else was found in the record, written back as it is.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A token that stands for the shared secret, for one device in one role.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceToken {
    /// The token itself.
    pub token: String,
    /// The role that it is for.
    pub role: String,
    /// What its bearer may do, sorted.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at_ms: UnixMillis,
    /// When it took the place of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at_ms: Option<UnixMillis>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<UnixMillis>,
    /// When somebody last proved themselves by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at_ms: Option<UnixMillis>,
}

impl fmt::Debug for DeviceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceToken")
            .field("role", &self.role)
            .field("scopes", &self.scopes)
            .field("revoked_at_ms", &self.revoked_at_ms)
            .finish_non_exhaustive()
    }
}

/// Both files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceRecords {
    /// Open requests, by their id.
    pub pending: BTreeMap<String, PendingDevice>,
    /// Devices that were let in, by their id.
    pub paired: BTreeMap<String, PairedDevice>,
}

/// The two files on disk.
#[derive(Clone, Debug)]
pub struct DeviceFiles {
    dir: PathBuf,
}

impl DeviceFiles {
    /// The files of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("devices") }
    }

    /// Reads both; what is absent is empty. A file that cannot be understood is kept beside under
    /// another name and counts as empty: its devices have to be approved anew.
    ///
    /// Blocks; meant for the start.
    pub fn read(&self, now: UnixMillis) -> Result<DeviceRecords, StoreError> {
        Ok(DeviceRecords {
            pending: read(&self.dir.join("pending.json"), now)?,
            paired: read(&self.dir.join("paired.json"), now)?,
        })
    }

    /// Writes both, on the disk when this returns.
    pub async fn write(&self, records: DeviceRecords) -> Result<(), StoreError> {
        let dir = self.dir.clone();
        blocking(move || {
            private::make_dir(&dir)?;
            write(&dir.join("pending.json"), &records.pending)?;
            write(&dir.join("paired.json"), &records.paired)
        })
        .await
    }
}

fn read<T: DeserializeOwned>(
    path: &Path,
    now: UnixMillis,
) -> Result<BTreeMap<String, T>, StoreError> {
    let records: Map<String, Value> = bounded::list(path)?;
    let total = records.len();
    let known: BTreeMap<String, T> = records
        .into_iter()
        .filter_map(|(id, record)| Some((id, serde_json::from_value(record).ok()?)))
        .collect();
    if known.len() < total {
        let bytes = bounded::read(path, bounded::LIST_BYTES_MAX)?.unwrap_or_default();
        let copy = atomic::keep_copy(path, &bytes, now)?;
        tracing::warn!(path = %path.display(), copy = %copy.display(),
            left_out = total - known.len(), "device records are damaged in part");
    }
    Ok(known)
}

fn write<T: Serialize>(path: &Path, records: &BTreeMap<String, T>) -> Result<(), StoreError> {
    let text = serde_json::to_string_pretty(records).unwrap_or_else(|_| "{}".to_owned());
    if fs::read(path).is_ok_and(|before| before == text.as_bytes()) {
        return Ok(());
    }
    atomic::write(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const RECORDED: &str = r#"{
  "38e9": {
    "deviceId": "38e9",
    "publicKey": "UBg1",
    "platform": "linux",
    "clientId": "cli",
    "clientMode": "cli",
    "role": "operator",
    "roles": [
      "operator"
    ],
    "scopes": [
      "operator.admin"
    ],
    "tokens": {
      "operator": {
        "token": "0123",
        "role": "operator",
        "scopes": [
          "operator.admin"
        ],
        "createdAtMs": 1795359290809,
        "lastUsedAtMs": 1795361126291
      }
    },
    "createdAtMs": 1795359290809,
    "approvedAtMs": 1795359290809,
    "approvedVia": "silent"
  }
}"#;

    fn files() -> (tempfile::TempDir, DeviceFiles) {
        let home = tempfile::tempdir().unwrap();
        let files = DeviceFiles::new(home.path());
        fs::create_dir_all(home.path().join("devices")).unwrap();
        (home, files)
    }

    #[tokio::test]
    async fn records_of_the_reference_are_read_and_written_back_as_they_were() {
        let (home, files) = files();
        let path = home.path().join("devices/paired.json");
        fs::write(&path, RECORDED).unwrap();

        let records = files.read(UnixMillis(1)).unwrap();
        fs::remove_file(&path).unwrap();
        files.write(records.clone()).await.unwrap();

        let token = &records.paired["38e9"].tokens["operator"];
        assert_eq!(token.last_used_at_ms, Some(UnixMillis(1_795_361_126_291)));
        assert_eq!(fs::read_to_string(&path).unwrap(), RECORDED);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(home.path().join("devices/pending.json")).unwrap(), "{}");
    }

    #[test]
    fn a_damaged_record_is_kept_aside_and_the_others_are_read() {
        let (home, files) = files();
        let path = home.path().join("devices/paired.json");
        let damaged = RECORDED.replacen('{', r#"{ "bad": 7,"#, 1);
        fs::write(&path, &damaged).unwrap();

        let records = files.read(UnixMillis(5)).unwrap();

        assert_eq!(records.paired.keys().collect::<Vec<_>>(), ["38e9"]);
        let copies = fs::read_dir(home.path().join("devices"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path() != path);
        assert_eq!(copies.count(), 1);
    }

    #[test]
    fn nothing_is_there_at_first_and_a_broken_file_is_as_nothing() {
        let (home, files) = files();

        assert_eq!(files.read(UnixMillis(5)).unwrap(), DeviceRecords::default());
        fs::write(home.path().join("devices/pending.json"), "{").unwrap();
        assert_eq!(files.read(UnixMillis(5)).unwrap(), DeviceRecords::default());
    }

    #[test]
    fn a_token_is_not_printed() {
        let (home, files) = files();
        fs::write(home.path().join("devices/paired.json"), RECORDED).unwrap();

        let printed = format!("{:?}", files.read(UnixMillis(5)).unwrap());

        assert!(!printed.contains("0123"), "{printed}");
    }
}
