//! The device that this installation is to gateways elsewhere, and the tokens they gave it.
//!
//! A gateway on this machine that gets its shared secret needs no device. One elsewhere wants to
//! know which device it is that holds the secret; and a device that was let in once may leave the
//! secret out.

use std::{path::PathBuf, sync::Arc};

use client::Device;
use domain::{Clock, Secret};
use protocol::device::DeviceKey;
use serde_json::Value;
use store::{DeviceIdentity, IdentityFiles};

use crate::{
    error::{Failure, Kind},
    ui,
};

const ROLE: &str = "operator";

/// Where this installation keeps who it is.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) state_dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Own {
    /// The device to show to `url`: one is made for a gateway elsewhere, and one that was let in
    /// before stands in for a secret that is not there.
    pub(crate) fn for_gateway(
        &self,
        url: &str,
        has_secret: bool,
    ) -> Result<Option<Device>, Failure> {
        let files = IdentityFiles::new(&self.state_dir);
        let is_near = is_loopback(url);
        if is_near && has_secret {
            return Ok(None);
        }
        let known = files.identity().map_err(|error| Failure::of(Kind::State, &error))?;
        let key = match known {
            Some(known) => read(&known)?,
            None if is_near => return Ok(None),
            None => self.make(&files)?,
        };
        let token = files
            .token(&key.device_id(), ROLE)
            .map_err(|error| Failure::of(Kind::State, &error))?;
        if is_near && token.is_none() {
            return Ok(None);
        }
        Ok(Some(Device { key, token }))
    }

    /// Keeps the token that came with a hello. That it cannot be kept ends nothing.
    pub(crate) fn keep_token(&self, device: &Device, hello: &Value) {
        let auth = &hello["auth"];
        let Some(token) = auth["deviceToken"].as_str() else { return };
        let names = auth["scopes"].as_array().into_iter().flatten();
        let scopes: Vec<String> =
            names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let files = IdentityFiles::new(&self.state_dir);
        let entry = (ROLE, &Secret::new(token), &scopes[..]);
        if let Err(error) = files.keep_token(&device.key.device_id(), entry, self.clock.now()) {
            ui::warn(format!("the token of this device was not kept: {error}"));
        }
    }

    /// Forgets a token that a gateway no longer takes.
    pub(crate) fn forget_token(&self) {
        let forgotten = IdentityFiles::new(&self.state_dir).forget_token(ROLE);
        if let Err(error) = forgotten {
            ui::warn(format!("the old token of this device is still kept: {error}"));
        }
    }

    fn make(&self, files: &IdentityFiles) -> Result<DeviceKey, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| Failure::while_doing(Kind::Failed, "no randomness", &error))?;
        let key = DeviceKey::from_seed(&seed);
        let bad = |error| Failure::of(Kind::Failed, &error);
        let pems = (key.public_pem().map_err(bad)?, key.to_pem().map_err(bad)?);
        let fresh = DeviceIdentity::new(key.device_id(), pems, self.clock.now());
        let kept = files.keep(fresh).map_err(|error| Failure::of(Kind::State, &error))?;
        read(&kept)
    }
}

fn read(identity: &DeviceIdentity) -> Result<DeviceKey, Failure> {
    DeviceKey::from_pem(&identity.private_key_pem).map_err(|error| {
        Failure::while_doing(Kind::State, "identity/device.json holds no device key", &error)
            .hint("move identity/device.json away: another identity is made then")
    })
}

fn is_loopback(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn own(dir: &tempfile::TempDir) -> Own {
        Own { state_dir: dir.path().to_owned(), clock: domain::SystemClock::shared() }
    }

    #[test]
    fn loopback_is_told_by_the_address_and_not_by_what_looks_like_it() {
        for near in ["ws://127.0.0.1:1", "ws://localhost:1/x", "wss://[::1]:1", "ws://LOCALHOST"] {
            assert!(is_loopback(near), "{near}");
        }
        for far in ["ws://192.0.2.1:1", "ws://localhost.evil:1", "wss://[2001:db8::1]:1", "x"] {
            assert!(!is_loopback(far), "{far}");
        }
    }

    #[test]
    fn a_device_is_made_for_gateways_elsewhere_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let own = own(&dir);

        let near = own.for_gateway("ws://127.0.0.1:1", true).unwrap();
        let far = own.for_gateway("ws://192.0.2.1:1", true).unwrap().unwrap();
        let again = own.for_gateway("ws://192.0.2.1:1", false).unwrap().unwrap();

        assert!(near.is_none());
        assert_eq!(far.key.device_id(), again.key.device_id());
        let path = dir.path().join("identity/device.json");
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_token_stands_in_for_the_secret_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let own = own(&dir);
        let device = own.for_gateway("ws://192.0.2.1:1", true).unwrap().unwrap();
        let hello =
            serde_json::json!({"auth": {"deviceToken": "tok", "scopes": ["operator.read"]}});

        own.keep_token(&device, &hello);
        let near = own.for_gateway("ws://127.0.0.1:1", false).unwrap().unwrap();
        own.forget_token();

        assert_eq!(near.token.unwrap().expose(), "tok");
        assert!(own.for_gateway("ws://127.0.0.1:1", false).unwrap().is_none());
    }
}
