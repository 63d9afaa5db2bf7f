//! Who this installation is to gateways: `identity/device.json`, and the tokens that gateways
//! gave it: `identity/device-auth.json`.
//!
//! In the reference's form. Keys are text here; what they are good for is not known. Several
//! programs may use one state directory at a time, so the identity is made only once.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use domain::{Secret, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{StoreError, atomic, bounded, error::At, private};

/// The identity of a device.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceIdentity {
    version: u32,
    /// SHA-256 of the public key, in hex.
    pub device_id: String,
    /// SPKI PEM.
    pub public_key_pem: String,
    /// PKCS#8 PEM.
    pub private_key_pem: String,
    /// When it was made.
    pub created_at_ms: UnixMillis,
}

impl fmt::Debug for DeviceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceIdentity").field("device_id", &self.device_id).finish_non_exhaustive()
    }
}

impl DeviceIdentity {
    /// An identity to be kept.
    pub fn new(
        device_id: String,
        (public_key_pem, private_key_pem): (String, String),
        created_at_ms: UnixMillis,
    ) -> Self {
        Self { version: 1, device_id, public_key_pem, private_key_pem, created_at_ms }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    version: u32,
    device_id: String,
    #[serde(rename = "tokens")]
    by_role: BTreeMap<String, TokenEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenEntry {
    token: String,
    role: String,
    scopes: Vec<String>,
    updated_at_ms: UnixMillis,
}

/// The two files on disk.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    dir: PathBuf,
}

impl IdentityFiles {
    /// The files of this state directory. Touches nothing yet.
    pub fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("identity") }
    }

    /// The identity; `None` when there is none that can be understood.
    pub fn identity(&self) -> Result<Option<DeviceIdentity>, StoreError> {
        read(&self.dir.join("device.json"))
    }

    /// Keeps `fresh` unless there is an identity already, and gives the one that is there then.
    pub fn keep(&self, fresh: DeviceIdentity) -> Result<DeviceIdentity, StoreError> {
        if let Some(known) = self.identity()? {
            return Ok(known);
        }
        let path = self.dir.join("device.json");
        private::make_dir(&self.dir)?;
        let text = json(&fresh);
        let made = private::create_new(&path, fs::OpenOptions::new().write(true));
        match made {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).at("write", &path)?;
                file.sync_all().at("sync", &path)?;
                Ok(fresh)
            }
            // Another program was quicker, or the file is damaged: then it is replaced.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if let Some(known) = self.identity()? {
                    return Ok(known);
                }
                atomic::write(&path, text.as_bytes())?;
                Ok(fresh)
            }
            Err(error) => Err(error).at("create", &path),
        }
    }

    /// The token that a gateway gave this device for `role`.
    pub fn token(&self, device_id: &str, role: &str) -> Result<Option<Secret>, StoreError> {
        let tokens: Option<Tokens> = read(&self.dir.join("device-auth.json"))?;
        let mut tokens = tokens.filter(|it| it.device_id == device_id).unwrap_or_default();
        Ok(tokens.by_role.remove(role).map(|entry| Secret::new(entry.token)))
    }

    /// Keeps the token that a gateway gave this device for `role`.
    pub fn keep_token(
        &self,
        device_id: &str,
        (role, token, scopes): (&str, &Secret, &[String]),
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let path = self.dir.join("device-auth.json");
        let tokens: Option<Tokens> = read(&path)?;
        let mut tokens = tokens.filter(|it| it.device_id == device_id).unwrap_or_default();
        let mut scopes = scopes.to_vec();
        scopes.sort();
        if tokens
            .by_role
            .get(role)
            .is_some_and(|it| it.token == token.expose() && it.scopes == scopes)
        {
            return Ok(());
        }
        let entry = TokenEntry {
            token: token.expose().to_owned(),
            role: role.to_owned(),
            scopes,
            updated_at_ms: now,
        };
        tokens.version = 1;
        device_id.clone_into(&mut tokens.device_id);
        tokens.by_role.insert(role.to_owned(), entry);
        private::make_dir(&self.dir)?;
        atomic::write(&path, json(&tokens).as_bytes())
    }

    /// Forgets the token of `role`, which the gateway no longer takes.
    pub fn forget_token(&self, role: &str) -> Result<(), StoreError> {
        let path = self.dir.join("device-auth.json");
        let Some(mut tokens) = read::<Tokens>(&path)? else { return Ok(()) };
        if tokens.by_role.remove(role).is_none() {
            return Ok(());
        }
        atomic::write(&path, json(&tokens).as_bytes())
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let bytes = match bounded::read(path, bounded::LIST_BYTES_MAX) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) if error.is_of_content() => {
            tracing::warn!(path = %path.display(), %error, "not understood");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "not understood"))
        .ok())
}

fn json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn identity(id: &str) -> DeviceIdentity {
        DeviceIdentity::new(id.to_owned(), ("pub".to_owned(), "key".to_owned()), UnixMillis(7))
    }

    #[test]
    fn an_identity_is_made_once_and_is_private() {
        let home = tempfile::tempdir().unwrap();
        let files = IdentityFiles::new(home.path());

        let first = files.keep(identity("a")).unwrap();
        let second = files.keep(identity("b")).unwrap();

        assert_eq!((&*first.device_id, &*second.device_id), ("a", "a"));
        let path = home.path().join("identity/device.json");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "{\n  \"version\": 1,\n  \"deviceId\": \"a\",\n  \"publicKeyPem\": \"pub\",\n  \
             \"privateKeyPem\": \"key\",\n  \"createdAtMs\": 7\n}\n"
        );
    }

    #[test]
    fn a_damaged_identity_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let files = IdentityFiles::new(home.path());
        fs::create_dir_all(home.path().join("identity")).unwrap();
        fs::write(home.path().join("identity/device.json"), "{").unwrap();

        files.keep(identity("a")).unwrap();

        assert_eq!(files.identity().unwrap().unwrap().device_id, "a");
    }

    #[test]
    fn tokens_belong_to_their_device_and_role() {
        let home = tempfile::tempdir().unwrap();
        let files = IdentityFiles::new(home.path());
        let scopes = ["operator.read", "operator.admin"].map(str::to_owned);
        let token = Secret::new("tok");
        files.keep_token("a", ("operator", &token, &scopes), UnixMillis(7)).unwrap();

        let of = |device: &str, role: &str| files.token(device, role).unwrap().is_some();
        assert!(of("a", "operator"));
        assert!(!of("a", "node"));
        assert!(!of("b", "operator"));
        let text = fs::read_to_string(home.path().join("identity/device-auth.json")).unwrap();
        assert!(text.find("operator.admin") < text.find("operator.read"), "{text}");

        files.forget_token("operator").unwrap();
        assert!(!of("a", "operator"));
    }
}
