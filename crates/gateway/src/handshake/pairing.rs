//! What a device says of itself, whether it is let in unasked, and the words when it is not.

use std::net::IpAddr;

use policy::scope;
use protocol::{
    Code, Error, Version,
    handshake::{Connect, Mode},
};
use serde_json::json;
use store::{AboutDevice, PairedDevice, PendingDevice};

use super::{Door, Refusal, is_control_ui};
use crate::{
    auth::{Principal, Proof},
    origin,
    pairing::Reason,
    remote::Remote,
};

/// What a device says of itself.
pub(super) fn about(connect: &Connect, remote: &Remote) -> AboutDevice {
    let client = &connect.client;
    let (id, mode) = client.names();
    AboutDevice {
        display_name: client.display_name.clone(),
        platform: Some(client.platform.clone()),
        device_family: client.device_family.clone(),
        client_id: Some(id),
        client_mode: Some(mode),
        role: None,
        roles: None,
        scopes: None,
        remote_ip: (!remote.is_local).then(|| remote.ip.to_string()),
    }
}

/// Whether a device is let in without asking anyone.
pub(super) fn is_silent(connect: &Connect, principal: &Principal, door: &Door<'_>) -> bool {
    let has_secret = match principal.proof {
        Proof::Token | Proof::Password | Proof::None => true,
        // A token stands for what was approved, and for no more.
        Proof::DeviceToken => return false,
        Proof::TrustedProxy => false,
    };
    if !has_secret {
        let proxy = door.config.auth.trusted_proxy.as_ref();
        let allowed = proxy.and_then(|it| it.auto_approve.as_ref());
        return allowed.is_some_and(|it| scope::uncovered(it, &principal.scopes).is_empty());
    }
    let is_page = is_control_ui(connect) || connect.client.mode == Mode::Webchat;
    if door.remote.is_local && (is_page || door.remote.origin.is_none()) {
        return true;
    }
    if !is_control_ui(connect) || principal.proof == Proof::None {
        return false;
    }
    door.config.control_ui.without_device || (door.is_contained && is_through_bridge(door))
}

/// Whether a page comes through the published port of a container: then the person at it has the
/// secret and sits before this machine, though its address is the bridge's.
fn is_through_bridge(door: &Door<'_>) -> bool {
    let remote = door.remote;
    let is_near = match remote.ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    };
    let Some(origin) = &remote.origin else { return false };
    is_near && origin::is_named_or_loopback(origin, remote, door.config)
}

/// The refusal of a device that somebody has to approve first.
pub(super) fn required(
    request: &PendingDevice,
    reason: Reason,
    known: Option<&PairedDevice>,
    version: Version,
) -> Refusal {
    let id = &request.request_id;
    let text = match version {
        Version::V3 => "pairing required".to_owned(),
        Version::V4 => format!("pairing required: {}", reason.text()),
    };
    let close = format!("{text} (requestId: {id}); openclaw devices approve");
    let about = known.map(|it| &it.about);
    let details = json!({
        "code": "PAIRING_REQUIRED",
        "reason": reason.as_str(),
        "requestId": id,
        "remediationHint": format!("run `openclaw devices approve {id}` where the gateway runs"),
        "recommendedNextStep": "wait_then_retry",
        "deviceId": request.device_id,
        "requestedRole": request.about.role,
        "requestedScopes": request.about.scopes.clone().unwrap_or_default(),
        "approvedRoles": about.and_then(|it| it.roles.clone()).unwrap_or_default(),
        "approvedScopes": about.and_then(|it| it.scopes.clone()).unwrap_or_default(),
        "retryable": false,
        "pauseReconnect": true,
    });
    let error = Error::new(Code::NotPaired, text).with_details(details);
    Refusal { error, close: 1008, reason: Some(close) }
}
