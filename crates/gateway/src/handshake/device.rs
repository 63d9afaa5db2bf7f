//! Whether a device is who it says: its id, its clock, the challenge's nonce, its signature.

use domain::UnixMillis;
use protocol::{
    Error, Version,
    device::{self, PublicKey},
    handshake::{Connect, Device},
};
use serde_json::json;

use super::Door;

/// How far the clock of a device may be off.
const SKEW_MS_V3: u64 = 10 * 60 * 1000;
const SKEW_MS_V4: u64 = 2 * 60 * 1000;

/// The key of the device that `connect` brings, if it brings one and everything about it is
/// right.
pub(super) fn verify(
    connect: &Connect,
    version: Version,
    door: &Door<'_>,
) -> Result<Option<PublicKey>, Error> {
    let Some(device) = &connect.device else { return Ok(None) };
    let key = PublicKey::parse(&device.public_key).map_err(|_| {
        refused("device public key invalid", "PUBLIC_KEY_INVALID", "device-public-key")
    })?;
    if key.id != device.id {
        return Err(refused(
            "device identity mismatch",
            "DEVICE_ID_MISMATCH",
            "device-id-mismatch",
        ));
    }
    if is_skewed(device.signed_at, door.now, version) {
        let text = "device signature expired";
        return Err(refused(text, "SIGNATURE_EXPIRED", "device-signature-stale"));
    }
    check_nonce(device, version, door)?;
    if !is_signed(connect, device, &key) {
        return Err(refused("device signature invalid", "SIGNATURE_INVALID", "device-signature"));
    }
    Ok(Some(key))
}

fn is_skewed(signed_at: u64, now: UnixMillis, version: Version) -> bool {
    let most = match version {
        Version::V3 => SKEW_MS_V3,
        Version::V4 => SKEW_MS_V4,
    };
    u64::try_from(now.0).unwrap_or(0).abs_diff(signed_at) > most
}

fn check_nonce(device: &Device, version: Version, door: &Door<'_>) -> Result<(), Error> {
    match device.nonce.as_deref().filter(|nonce| !nonce.trim().is_empty()) {
        Some(nonce) if nonce == door.nonce => Ok(()),
        Some(_) => Err(refused("device nonce mismatch", "NONCE_MISMATCH", "device-nonce-mismatch")),
        None if version == Version::V3 && door.remote.is_local => Ok(()),
        None => Err(refused("device nonce required", "NONCE_REQUIRED", "device-nonce-missing")),
    }
}

fn is_signed(connect: &Connect, device: &Device, key: &PublicKey) -> bool {
    let (client_id, client_mode) = connect.client.names();
    let payload = device::payload(connect, device, (&client_id, &client_mode));
    match device.nonce.as_deref().filter(|nonce| !nonce.trim().is_empty()) {
        Some(nonce) => {
            key.verifies(&payload.v3(nonce), &device.signature)
                || key.verifies(&payload.v2(nonce), &device.signature)
        }
        None => key.verifies(&payload.v1(), &device.signature),
    }
}

fn refused(text: &'static str, code: &str, reason: &str) -> Error {
    let code = format!("DEVICE_AUTH_{code}");
    Error::invalid(text).with_details(json!({"code": code, "reason": reason}))
}
