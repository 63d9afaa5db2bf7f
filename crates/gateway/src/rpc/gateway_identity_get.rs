//! `gateway.identity.get`: who the gateway itself is.

use domain::Scope;
use protocol::device::DeviceKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{DeviceIdentity, IdentityFiles};

use super::{Cx, Kind, Method, RpcError};

/// Tells it. The key is made and kept at the first question.
pub(super) struct GatewayIdentityGet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The public half.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    device_id: String,
    public_key: String,
}

impl Method for GatewayIdentityGet {
    const NAME: &'static str = "gateway.identity.get";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let key = tokio::task::spawn_blocking(move || key(&cx))
            .await
            .map_err(|error| RpcError::internal("cannot read the identity", &error))??;
        Ok(Reply { device_id: key.device_id(), public_key: key.public_key() })
    }
}

fn key(cx: &Cx) -> Result<DeviceKey, RpcError> {
    let gateway = &cx.gateway;
    let files = IdentityFiles::new(&gateway.locations.state_dir);
    let known = files.identity().map_err(|error| unreadable(&error))?;
    let identity = if let Some(known) = known {
        known
    } else {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| unreadable(&error))?;
        let fresh = DeviceKey::from_seed(&seed);
        let pems = (
            fresh.public_pem().map_err(|error| unreadable(&error))?,
            fresh.to_pem().map_err(|error| unreadable(&error))?,
        );
        let fresh = DeviceIdentity::new(fresh.device_id(), pems, gateway.clock.now());
        files.keep(fresh).map_err(|error| unreadable(&error))?
    };
    DeviceKey::from_pem(&identity.private_key_pem).map_err(|error| unreadable(&error))
}

fn unreadable(cause: &dyn std::error::Error) -> RpcError {
    RpcError::internal("the gateway has no identity that can be used", cause)
}
