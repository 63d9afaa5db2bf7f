//! Signs what a recorded device signed, with a key of our own and the nonce of this day.

use protocol::{
    device::{self, DeviceKey},
    handshake::Connect,
};
use serde_json::{Value, json};

/// `frame` with a proof that is good, or bad in the way that the recorded one was.
///
/// `recorded` is the challenge of the recording, `heard` the one of the gateway under test.
pub(crate) fn signed(name: &str, mut frame: Value, recorded: &Value, heard: &Value) -> Value {
    let proof = frame["params"]["device"].clone();
    if proof.is_null() {
        return frame;
    }
    let key = DeviceKey::from_seed(&[seed(&proof); 32]);
    let (before, now) = (&recorded["payload"], &heard["payload"]);
    let is_good = proof["nonce"] == before["nonce"];
    let nonce = if is_good { &now["nonce"] } else { &proof["nonce"] };
    frame["params"]["device"] = json!({
        "id": key.device_id(), "publicKey": key.public_key(), "signature": "-",
        "signedAt": now["ts"], "nonce": nonce,
    });
    let connect: Connect = serde_json::from_value(frame["params"].clone()).unwrap();
    let (id, mode) = connect.client.names();
    let payload = device::payload(&connect, connect.device.as_ref().unwrap(), (&id, &mode));
    let nonce = nonce.as_str().unwrap();
    let text = if connect.max_protocol == 3 { payload.v2(nonce) } else { payload.v3(nonce) };
    let text = if name.ends_with("bad-signature") { text + "!" } else { text };
    frame["params"]["device"]["signature"] = json!(key.sign(&text));
    frame
}

/// The same recorded device is the same one of ours.
fn seed(proof: &Value) -> u8 {
    proof["id"].as_str().and_then(|id| u8::from_str_radix(id.get(..2)?, 16).ok()).unwrap_or(0)
}
