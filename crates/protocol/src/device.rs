//! Device identity on the wire: keys, ids, and the text that a device signs.
//!
//! Pure: seeds, nonces and times come from the caller. Whether a device is known, and what it may
//! do, is not decided here.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        spki::der::pem::LineEnding,
    },
};
use sha2::{Digest as _, Sha256};

use crate::handshake::{Auth, Connect, Device};

/// The secret half of a device's identity.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

/// What a device signs, field by field.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// SHA-256 of the public key, in hex.
    pub device_id: &'a str,
    /// Which program.
    pub client_id: &'a str,
    /// What it is there for.
    pub client_mode: &'a str,
    /// The role it asks for.
    pub role: &'a str,
    /// The scopes it asks for, in the order sent.
    pub scopes: &'a [String],
    /// When it signs, in Unix milliseconds.
    pub signed_at_ms: u64,
    /// The token that is sent along; empty for none.
    pub token: &'a str,
    /// The operating system, as sent.
    pub platform: &'a str,
    /// The family of devices, as sent; empty for none.
    pub device_family: &'a str,
}

/// A device key that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no Ed25519 key")]
pub struct BadKey;

impl Payload<'_> {
    /// The first form, for clients that did not wait for the challenge.
    pub fn v1(&self) -> String {
        self.joined("v1")
    }

    /// The second form, with the nonce of the challenge.
    pub fn v2(&self, nonce: &str) -> String {
        format!("{}|{nonce}", self.joined("v2"))
    }

    /// The third form, with what the device says of itself.
    pub fn v3(&self, nonce: &str) -> String {
        let (platform, family) = (plain(self.platform), plain(self.device_family));
        format!("{}|{nonce}|{platform}|{family}", self.joined("v3"))
    }

    fn joined(&self, version: &str) -> String {
        let Self { device_id, client_id, client_mode, role, signed_at_ms, token, .. } = self;
        let scopes = self.scopes.join(",");
        format!(
            "{version}|{device_id}|{client_id}|{client_mode}|{role}|{scopes}|{signed_at_ms}|{token}"
        )
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

impl DeviceKey {
    /// The key that belongs to 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM.
    pub fn from_pem(pem: &str) -> Result<Self, BadKey> {
        SigningKey::from_pkcs8_pem(pem.trim()).map(Self).map_err(|_| BadKey)
    }

    /// The key as PKCS#8 PEM, to be kept in a private file.
    pub fn to_pem(&self) -> Result<String, BadKey> {
        // The first form of PKCS#8, without the public key: Node reads no other.
        let bytes =
            ed25519_dalek::pkcs8::KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| BadKey)
    }

    /// The public half as SPKI PEM.
    pub fn public_pem(&self) -> Result<String, BadKey> {
        self.0.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|_| BadKey)
    }

    /// The public half as it is sent: 32 bytes in base64url.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// The device's id.
    pub fn device_id(&self) -> String {
        id_of(self.0.verifying_key().as_bytes())
    }

    /// Signs `text`: 64 bytes in base64url.
    pub fn sign(&self, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(text.as_bytes()).to_bytes())
    }
}

/// The public key of a device, and the id that follows from it.
#[derive(Clone, Debug)]
pub struct PublicKey {
    key: VerifyingKey,
    /// SHA-256 of the key, in hex.
    pub id: String,
}

impl PublicKey {
    /// Reads a key as devices send it: 32 bytes in base64url, or SPKI PEM.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let key = if text.starts_with("-----BEGIN") {
            VerifyingKey::from_public_key_pem(text).map_err(|_| BadKey)?
        } else {
            let bytes = decode(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            VerifyingKey::from_bytes(&bytes.ok_or(BadKey)?).map_err(|_| BadKey)?
        };
        Ok(Self { id: id_of(key.as_bytes()), key })
    }

    /// The key as it is stored: 32 bytes in base64url.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key.as_bytes())
    }

    /// Whether `signature`, in base64url, is this key's over `text`. Weak keys sign nothing.
    pub fn verifies(&self, text: &str, signature: &str) -> bool {
        decode(signature.trim())
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .is_some_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

/// The payload that the device of `connect` has to sign, and the role it asks for.
pub fn payload<'a>(
    connect: &'a Connect,
    device: &'a Device,
    (client_id, client_mode): (&'a str, &'a str),
) -> Payload<'a> {
    Payload {
        device_id: &device.id,
        client_id,
        client_mode,
        role: connect.role.as_deref().unwrap_or("operator"),
        scopes: connect.scopes.as_deref().unwrap_or_default(),
        signed_at_ms: device.signed_at,
        token: connect.auth.as_ref().map_or("", signed_token),
        platform: &connect.client.platform,
        device_family: connect.client.device_family.as_deref().unwrap_or_default(),
    }
}

/// The token that takes part in a signature. The password never does.
pub fn signed_token(auth: &Auth) -> &str {
    [&auth.token, &auth.device_token, &auth.bootstrap_token]
        .into_iter()
        .flatten()
        .find(|text| !text.is_empty())
        .map_or("", String::as_str)
}

fn id_of(key: &[u8; 32]) -> String {
    hex::encode(Sha256::digest(key))
}

/// Trimmed and in lower case, as far as ASCII goes.
fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// Base64url without padding; padding and the plain alphabet are forgiven.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            c => c,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests;
