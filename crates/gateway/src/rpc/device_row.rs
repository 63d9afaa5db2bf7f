//! How a device looks in answers: without its tokens' values.

use domain::UnixMillis;
use policy::scope::Role;
use serde::Serialize;
use store::{AboutDevice, PairedDevice};

use crate::state::Gateway;

/// A device that was let in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceRow {
    device_id: String,
    public_key: String,
    #[serde(flatten)]
    about: AboutDevice,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    created_at_ms: UnixMillis,
    approved_at_ms: UnixMillis,
    connected: bool,
    tokens: Vec<TokenRow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenRow {
    role: String,
    scopes: Vec<String>,
    created_at_ms: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated_at_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at_ms: Option<UnixMillis>,
}

/// The row of a device.
pub(super) fn row(gateway: &Gateway, device: PairedDevice) -> DeviceRow {
    let callers = gateway.events.callers();
    let connected = callers.iter().any(|it| it.principal.is_device(&device.device_id));
    let label = device.rest.get("label").and_then(|it| it.as_str()).map(str::to_owned);
    let mut about = device.about;
    about.scopes.get_or_insert_default();
    let tokens = device
        .tokens
        .into_values()
        .map(|token| TokenRow {
            role: token.role,
            scopes: token.scopes,
            created_at_ms: token.created_at_ms,
            rotated_at_ms: token.rotated_at_ms,
            revoked_at_ms: token.revoked_at_ms,
            last_used_at_ms: token.last_used_at_ms,
        })
        .collect();
    DeviceRow {
        device_id: device.device_id,
        public_key: device.public_key,
        about,
        label,
        created_at_ms: device.created_at_ms,
        approved_at_ms: device.approved_at_ms,
        connected,
        tokens,
    }
}

/// The role that a request names.
pub(super) fn role(text: &str) -> Result<Role, super::RpcError> {
    Role::parse(text).ok_or_else(|| super::RpcError::invalid("unknown deviceId/role"))
}
