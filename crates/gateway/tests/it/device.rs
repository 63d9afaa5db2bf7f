//! A device for tests: a key, and `connect` params that are signed with it.

use protocol::{
    device::{self, DeviceKey},
    handshake::Connect,
};
use serde_json::{Value, json};
use testkit::home::TOKEN;

use crate::{
    client::{Client, Seen},
    server::{Server, connect_params},
};

/// Makes a client one of another machine, as far as the gateway can tell.
pub(crate) const AFAR: &[(&str, &str)] = &[("host", "gateway.lan")];

/// A device.
pub(crate) struct Device {
    pub(crate) key: DeviceKey,
}

/// Which form of payload is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    First,
    Second,
    Third,
}

impl Device {
    pub(crate) fn new(seed: u8) -> Self {
        Self { key: DeviceKey::from_seed(&[seed; 32]) }
    }

    pub(crate) fn id(&self) -> String {
        self.key.device_id()
    }

    /// `params` with this device's proof in it.
    pub(crate) fn sign(&self, params: &Value, challenge: &Value, form: Form) -> Value {
        let signed_at = challenge["payload"]["ts"].as_u64().unwrap();
        let nonce = challenge["payload"]["nonce"].as_str().unwrap();
        self.sign_at(params, (nonce, signed_at), form)
    }

    /// The same with any time and nonce.
    pub(crate) fn sign_at(&self, params: &Value, (nonce, at): (&str, u64), form: Form) -> Value {
        let mut params = params.clone();
        params["device"] = json!({
            "id": self.id(), "publicKey": self.key.public_key(), "signature": "-", "signedAt": at,
        });
        let connect: Connect = serde_json::from_value(params.clone()).unwrap();
        let (id, mode) = connect.client.names();
        let proof = connect.device.as_ref().unwrap();
        let payload = device::payload(&connect, proof, (&id, &mode));
        let text = match form {
            Form::First => payload.v1(),
            Form::Second => payload.v2(nonce),
            Form::Third => payload.v3(nonce),
        };
        params["device"]["signature"] = json!(self.key.sign(&text));
        if form != Form::First {
            params["device"]["nonce"] = json!(nonce);
        }
        params
    }

    /// Connects with `params`; yields the client and the answer.
    pub(crate) async fn connect(
        &self,
        server: &Server,
        headers: &[(&'static str, &str)],
        params: &Value,
    ) -> (Client, Value) {
        let mut client = Client::open(server.running.addr, headers).await;
        let challenge = client.frame().await;
        let form = if params["maxProtocol"] == 3 { Form::Second } else { Form::Third };
        let signed = self.sign(params, &challenge, form);
        let answer = client.call_raw("connect", &signed).await;
        (client, answer)
    }

    /// Connects on this machine with the shared token; yields the client and its own token.
    pub(crate) async fn pair(&self, server: &Server, scopes: &[&str]) -> (Client, String) {
        let (client, answer) = self.connect(server, &[], &params(4, scopes)).await;
        let token = answer["payload"]["auth"]["deviceToken"].as_str();
        let token = token.unwrap_or_else(|| panic!("{answer}")).to_owned();
        (client, token)
    }
}

/// Params of the command line, with the shared token.
pub(crate) fn params(version: u32, scopes: &[&str]) -> Value {
    let mut params = connect_params(version);
    params["client"] = json!({"id": "cli", "version": "1", "platform": "linux", "mode": "cli"});
    params["scopes"] = scopes.iter().map(|scope| format!("operator.{scope}")).collect();
    params["auth"] = json!({"token": TOKEN});
    params
}

/// The same with the token of a device in place of the shared one.
pub(crate) fn by_token(version: u32, scopes: &[&str], token: &str) -> Value {
    let mut params = params(version, scopes);
    params["auth"] =
        if version == 3 { json!({"token": token}) } else { json!({"deviceToken": token}) };
    params
}

/// How the connection ends.
pub(crate) async fn end(client: &mut Client) -> (u16, String) {
    loop {
        if let Seen::Closed(code, reason) = client.next().await {
            return (code, reason);
        }
    }
}
