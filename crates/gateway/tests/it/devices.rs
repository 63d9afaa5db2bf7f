//! Devices: signatures, pairing, tokens, and what becomes of those that lose them.

use domain::UnixMillis;
use serde_json::{Value, json};
use store::DeviceFiles;
use testkit::home::TempHome;

use crate::{
    client::{Client, Seen},
    device::{AFAR, Device, Form, by_token, end, params},
    server::Server,
};

const ALL: &[&str] = &["admin", "read", "write", "approvals", "pairing"];

/// Makes `connect` params for a challenge.
type Make<'a> = Box<dyn Fn(&Value) -> Value + 'a>;

fn signed_at(challenge: &Value) -> u64 {
    challenge["payload"]["ts"].as_u64().unwrap()
}

async fn answer_to(
    server: &Server,
    make: impl Fn(&Value) -> Value,
    headers: &[(&'static str, &str)],
) -> (Value, (u16, String)) {
    let mut client = Client::open(server.running.addr, headers).await;
    let challenge = client.frame().await;
    let answer = client.call_raw("connect", &make(&challenge)).await;
    if answer["ok"] == true {
        return (answer, (0, String::new()));
    }
    let end = end(&mut client).await;
    (answer, end)
}

#[tokio::test]
async fn a_device_on_this_machine_is_let_in_at_once_and_knows_its_token() {
    let server = Server::plain().await;
    let device = Device::new(1);

    let (_client, first) = device.connect(&server, &[], &params(4, ALL)).await;
    let (_older, third) = device.connect(&server, &[], &params(3, ALL)).await;

    let auth = &first["payload"]["auth"];
    assert_eq!(auth["method"], "token");
    assert_eq!(auth["scopes"], params(4, ALL)["scopes"]);
    assert_eq!(auth["deviceToken"].as_str().unwrap().len(), 32);
    assert!(auth["issuedAtMs"].is_i64());
    let older = &third["payload"]["auth"];
    assert_eq!(older["deviceToken"], auth["deviceToken"]);
    assert_eq!(older.get("method"), None);
    assert_eq!(
        older["scopes"],
        json!([
            "operator.admin",
            "operator.approvals",
            "operator.pairing",
            "operator.read",
            "operator.write"
        ])
    );
    let home = server.stop().await;
    let records = DeviceFiles::new(&home.state_dir()).read(UnixMillis(0)).unwrap();
    let record = &records.paired[&device.id()];
    assert_eq!(record.tokens["operator"].token, auth["deviceToken"]);
    assert_eq!(record.about.client_id.as_deref(), Some("cli"));
    assert_eq!(record.public_key, device.key.public_key());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn a_proof_that_is_not_right_in_every_part_is_refused() {
    let server = Server::plain().await;
    let device = Device::new(1);
    let skewed = |version: u32, by: i64| {
        let device = &device;
        move |challenge: &Value| {
            let nonce = challenge["payload"]["nonce"].as_str().unwrap();
            let at = signed_at(challenge).checked_add_signed(-by).unwrap();
            device.sign_at(&params(version, ALL), (nonce, at), Form::Second)
        }
    };
    let patched = |pointer: &'static str, value: Value| {
        let device = &device;
        move |challenge: &Value| {
            let mut params = device.sign(&params(4, ALL), challenge, Form::Third);
            *params.pointer_mut(pointer).unwrap() = value.clone();
            params
        }
    };
    let first = |challenge: &Value| device.sign(&params(4, ALL), challenge, Form::First);
    let cases: Vec<(Make<'_>, &str, &str)> = vec![
        (
            Box::new(patched("/device/id", json!(Device::new(2).id()))),
            "device identity mismatch",
            "DEVICE_AUTH_DEVICE_ID_MISMATCH",
        ),
        (
            Box::new(patched("/device/publicKey", json!("no key"))),
            "device public key invalid",
            "DEVICE_AUTH_PUBLIC_KEY_INVALID",
        ),
        (
            Box::new(skewed(4, 3 * 60_000)),
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
        ),
        (
            Box::new(skewed(4, -3 * 60_000)),
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
        ),
        (
            Box::new(skewed(3, 11 * 60_000)),
            "device signature expired",
            "DEVICE_AUTH_SIGNATURE_EXPIRED",
        ),
        (Box::new(first), "device nonce required", "DEVICE_AUTH_NONCE_REQUIRED"),
        (
            Box::new(patched("/device/nonce", json!("wrong"))),
            "device nonce mismatch",
            "DEVICE_AUTH_NONCE_MISMATCH",
        ),
        (
            Box::new(patched("/scopes", json!(["operator.read"]))),
            "device signature invalid",
            "DEVICE_AUTH_SIGNATURE_INVALID",
        ),
        (
            Box::new(patched("/auth/token", json!("another"))),
            "device signature invalid",
            "DEVICE_AUTH_SIGNATURE_INVALID",
        ),
        (
            Box::new(patched("/device/signature", json!("AAAA"))),
            "device signature invalid",
            "DEVICE_AUTH_SIGNATURE_INVALID",
        ),
    ];

    for (make, message, code) in cases {
        let (answer, (close, reason)) = answer_to(&server, make, &[]).await;
        assert_eq!(answer["error"]["message"], message);
        assert_eq!(answer["error"]["details"]["code"], code, "{message}");
        assert_eq!((close, &*reason), (1008, message));
    }
    let within = answer_to(&server, skewed(3, 9 * 60_000), &[]).await.0;
    assert_eq!(within["ok"], true, "{within}");
    let older = |challenge: &Value| device.sign(&params(3, ALL), challenge, Form::First);
    assert_eq!(answer_to(&server, older, &[]).await.0["ok"], true);
    let afar = answer_to(&server, older, AFAR).await.0;
    assert_eq!(afar["error"]["message"], "device nonce required");
    server.stop().await;
}

#[tokio::test]
async fn a_proof_that_was_overheard_is_good_on_no_other_connection() {
    let server = Server::plain().await;
    let device = Device::new(1);
    let mut client = server.open().await;
    let challenge = client.frame().await;
    let signed = device.sign(&params(4, ALL), &challenge, Form::Third);
    assert_eq!(client.call_raw("connect", &signed).await["ok"], true);

    let mut thief = server.open().await;
    let fresh = thief.frame().await;
    let replayed = thief.call_raw("connect", &signed).await;
    let mut forger = server.open().await;
    let other = forger.frame().await;
    let mut renamed = signed.clone();
    renamed["device"]["nonce"] = other["payload"]["nonce"].clone();
    let signed_over = forger.call_raw("connect", &renamed).await;

    assert_ne!(fresh["payload"]["nonce"], challenge["payload"]["nonce"]);
    assert_eq!(replayed["error"]["message"], "device nonce mismatch");
    assert_eq!(signed_over["error"]["message"], "device signature invalid");
    server.stop().await;
}

#[tokio::test]
async fn a_device_from_afar_waits_until_an_operator_approves() {
    let server = Server::plain().await;
    let mut operator = server.connect(4).await;
    let device = Device::new(1);

    let (mut client, answer) = device.connect(&server, AFAR, &params(4, &["read"])).await;
    let asked = operator.until(|it| it["event"] == "device.pair.requested").await.pop().unwrap();
    let (_, again) = device.connect(&server, AFAR, &params(4, &["read"])).await;

    let error = &answer["error"];
    let request = error["details"]["requestId"].as_str().unwrap();
    assert_eq!(error["code"], "NOT_PAIRED");
    assert_eq!(error["message"], "pairing required: device is not approved yet");
    assert_eq!(error["details"]["code"], "PAIRING_REQUIRED");
    assert_eq!(error["details"]["requestedScopes"], json!(["operator.read"]));
    assert_eq!(
        end(&mut client).await,
        (
            1008,
            format!(
                "pairing required: device is not approved yet (requestId: {request}); openclaw \
                 devices approve"
            )[..120]
                .to_owned()
        )
    );
    assert_eq!(asked["payload"]["requestId"], request);
    assert_eq!(asked["payload"]["deviceId"], device.id());
    assert_eq!(asked["payload"]["remoteIp"], "127.0.0.1");
    assert_eq!(again["error"]["details"]["requestId"], request);

    let approved = operator.call("device.pair.approve", json!({"requestId": request})).await;
    let (_client, hello) = device.connect(&server, AFAR, &params(4, &["read"])).await;
    let (_, more) = device.connect(&server, AFAR, &params(4, &["read", "pairing"])).await;

    assert_eq!(approved["device"]["deviceId"], device.id());
    assert_eq!(hello["payload"]["auth"]["scopes"], json!(["operator.read"]));
    assert_eq!(more["error"]["details"]["reason"], "scope-upgrade");
    assert_eq!(more["error"]["details"]["approvedScopes"], json!(["operator.read"]));
    let refused = operator.call_raw("device.pair.approve", &json!({"requestId": request})).await;
    assert_eq!(refused["error"]["message"], "unknown requestId");
    server.stop().await;
}

#[tokio::test]
async fn a_request_is_told_to_those_who_may_answer_it_and_to_nobody_else() {
    let server = Server::plain().await;
    let mut reader = server.open().await;
    reader.connect(&params(4, &["read", "write"])).await;
    let mut older = server.connect(3).await;
    let device = Device::new(1);

    let (_, answer) = device.connect(&server, AFAR, &params(3, &["read"])).await;
    let request = answer["error"]["details"]["requestId"].clone();
    let listed = reader.call_raw("device.pair.list", &json!({})).await;
    older.until(|it| it["event"] == "device.pair.requested").await;
    let list = older.call("device.pair.list", json!({})).await;
    let rejected = older.call("device.pair.reject", json!({"requestId": request})).await;
    let frames = reader_frames(&mut reader).await;

    assert_eq!(answer["error"]["message"], "pairing required");
    assert_eq!(listed["error"]["message"], "missing scope: operator.pairing");
    assert_eq!(list["pending"][0]["requestId"], request);
    assert_eq!(rejected, json!({"requestId": request, "deviceId": device.id()}));
    assert!(frames.iter().all(|it| !it["event"].as_str().unwrap_or("").starts_with("device.")));
    server.stop().await;
}

/// What a client has been told so far.
async fn reader_frames(client: &mut Client) -> Vec<Value> {
    let id = client.send_request("health", &json!({})).await;
    client.until(|frame| frame["id"] == *id).await
}

#[tokio::test]
async fn a_token_stands_for_the_secret_with_its_own_device_role_and_scopes_only() {
    let server = Server::plain().await;
    let (device, other) = (Device::new(1), Device::new(2));
    let (_client, token) = device.pair(&server, &["read"]).await;
    other.pair(&server, &["read"]).await;

    for version in [3, 4] {
        let read = by_token(version, &["read"], &token);
        let (_client, hello) = device.connect(&server, AFAR, &read).await;
        assert_eq!(hello["ok"], true, "{hello}");
        let (_, theirs) = other.connect(&server, AFAR, &read).await;
        let more = by_token(version, &["admin"], &token);
        let (_, more) = device.connect(&server, &[], &more).await;
        let silent = by_token(version, &[], &token);
        let (mut client, silent) = device.connect(&server, AFAR, &silent).await;
        assert_eq!(silent["payload"]["auth"]["scopes"], json!(["operator.read"]));
        let inject = client.call_raw("config.set", &json!({"raw": "{}"})).await;

        assert_eq!(theirs["ok"], false, "{theirs}");
        assert_eq!(more["error"]["details"]["code"], "AUTH_SCOPE_MISMATCH");
        assert_eq!(inject["error"]["message"], "missing scope: operator.admin");
    }
    let mut node = by_token(4, &[], &token);
    node["role"] = json!("node");
    let (_, node) = device.connect(&server, AFAR, &node).await;
    assert_eq!(node["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH");
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_token_ends_the_connection_and_opens_none() {
    let server = Server::plain().await;
    let mut operator = server.connect(4).await;
    let device = Device::new(1);
    let (mut client, token) = device.pair(&server, &["read"]).await;

    let of = json!({"deviceId": device.id(), "role": "operator"});
    let revoked = operator.call("device.token.revoke", of.clone()).await;
    let (code, reason) = end(&mut client).await;
    let (_, again) = device.connect(&server, &[], &by_token(4, &["read"], &token)).await;
    let (_client, fresh) = device.pair(&server, &["read"]).await;

    assert!(revoked["revokedAtMs"].is_i64());
    assert_eq!((code, &*reason), (4001, "client invalidated: device token revoked"));
    assert_eq!(again["error"]["details"]["code"], "AUTH_DEVICE_TOKEN_MISMATCH");
    assert_ne!(fresh, token);
    let unknown = json!({"deviceId": device.id(), "role": "node"});
    let unknown = operator.call_raw("device.token.revoke", &unknown).await;
    assert_eq!(unknown["error"]["message"], "unknown deviceId/role");
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_token_is_told_to_its_own_device_only() {
    let server = Server::plain().await;
    let mut operator = server.connect(4).await;
    let device = Device::new(1);
    let (mut client, old) = device.pair(&server, &["pairing"]).await;
    let (mut by_old, _) = device.connect(&server, &[], &by_token(4, &["pairing"], &old)).await;
    let of = json!({"deviceId": device.id(), "role": "operator"});

    let withheld = operator.call("device.token.rotate", of.clone()).await;
    let ended = end(&mut by_old).await;
    let own = client.call("device.token.rotate", of.clone()).await;
    let mut older = server.connect(3).await;
    let told = older.call("device.token.rotate", of).await;

    assert_eq!(withheld.get("token"), None);
    assert_eq!(withheld["tokenDelivery"], "withheld-cross-device");
    assert_eq!(ended.0, 4001);
    assert_eq!(own["tokenDelivery"], "in-band");
    assert!(own["token"].is_string());
    assert!(told["token"].is_string() && told.get("tokenDelivery").is_none());
    let token = told["token"].as_str().unwrap();
    let (_client, hello) = device.connect(&server, AFAR, &by_token(4, &["pairing"], token)).await;
    assert_eq!(hello["ok"], true, "{hello}");
    server.stop().await;
}

#[tokio::test]
async fn a_removed_device_is_sent_away_and_has_to_ask_anew() {
    let server = Server::plain().await;
    let mut operator = server.connect(4).await;
    let device = Device::new(1);
    let (mut client, _) = device.pair(&server, &["read"]).await;
    let label = json!({"deviceId": device.id(), "label": "Kitchen"});
    operator.call("device.pair.rename", label).await;
    let list = operator.call("device.pair.list", json!({})).await;

    let removed = operator.call("device.pair.remove", json!({"deviceId": device.id()})).await;
    let (code, _) = end(&mut client).await;
    let (_, afar) = device.connect(&server, AFAR, &params(4, &["read"])).await;

    let row = &list["paired"][0];
    assert_eq!((&row["label"], &row["connected"]), (&json!("Kitchen"), &json!(true)));
    assert_eq!(row["tokens"][0].get("token"), None);
    assert_eq!(removed, json!({"deviceId": device.id()}));
    assert_eq!(code, 4001);
    assert_eq!(afar["error"]["details"]["reason"], "not-paired");
    server.stop().await;
}

#[tokio::test]
async fn an_approver_gives_away_no_more_than_it_has() {
    let server = Server::plain().await;
    let mut approver = server.open().await;
    approver.connect(&params(4, &["pairing"])).await;
    let (_, answer) = Device::new(1).connect(&server, AFAR, &params(4, &["admin"])).await;
    let request = json!({"requestId": answer["error"]["details"]["requestId"]});

    let refused = approver.call_raw("device.pair.approve", &request).await;

    assert_eq!(refused["error"]["code"], "FORBIDDEN");
    assert_eq!(refused["error"]["message"], "missing scope: operator.admin");
    server.stop().await;
}

#[tokio::test]
async fn a_device_asks_for_more_and_learns_the_answer() {
    let server = Server::plain().await;
    let mut operator = server.connect(4).await;
    let device = Device::new(1);
    let (mut client, _) = device.pair(&server, &["read"]).await;
    let scopes = json!({"scopes": ["operator.read", "operator.write"]});

    let asked = client.call("device.scopes.requestUpgrade", scopes.clone()).await;
    let waiting = client.send_request("device.scopes.waitUpgrade", &asked).await;
    operator.call("device.pair.approve", asked.clone()).await;
    let approved = client.answer(&waiting).await["payload"].clone();
    let more = json!({"scopes": ["operator.admin"]});
    let asked_more = client.call("device.scopes.requestUpgrade", more).await;
    operator.call("device.pair.reject", asked_more.clone()).await;
    let rejected = client.call("device.scopes.waitUpgrade", asked_more.clone()).await;

    assert_eq!(
        (&approved["status"], &approved["requestId"]),
        (&json!("approved"), &asked["requestId"])
    );
    let token = approved["deviceToken"].as_str().unwrap();
    let (_client, hello) = device.connect(&server, AFAR, &by_token(4, &["write"], token)).await;
    assert_eq!(hello["ok"], true, "{hello}");
    assert_eq!(rejected, json!({"status": "rejected", "requestId": asked_more["requestId"]}));
    let foreign = operator.call_raw("device.scopes.waitUpgrade", &asked).await;
    assert_eq!(foreign["error"]["message"], "unknown requestId");
    server.stop().await;
}

#[tokio::test]
async fn devices_outlive_the_gateway_and_requests_too() {
    let server = Server::plain().await;
    let (device, stranger) = (Device::new(1), Device::new(2));
    let (client, token) = device.pair(&server, &["read"]).await;
    drop(client);
    let (_, answer) = stranger.connect(&server, AFAR, &params(4, &["read"])).await;

    let server = Server::at(server.stop().await).await;
    let (_client, hello) = device.connect(&server, AFAR, &by_token(4, &["read"], &token)).await;
    let list = server.connect(4).await.call("device.pair.list", json!({})).await;

    assert_eq!(hello["payload"]["auth"]["method"], "device-token");
    assert_eq!(list["pending"][0]["requestId"], answer["error"]["details"]["requestId"]);
    server.stop().await;
}

#[tokio::test]
async fn a_node_is_paired_like_any_device_and_calls_no_operator_s_method() {
    let server = Server::plain().await;
    let node = Device::new(1);
    let mut asks = params(4, &[]);
    asks["client"] = json!({"id": "node-host", "version": "1", "platform": "linux",
        "mode": "node"});
    asks["role"] = json!("node");
    asks["commands"] = json!(["system.run"]);

    let (mut client, hello) = node.connect(&server, &[], &asks).await;
    let (_, afar) = Device::new(2).connect(&server, AFAR, &asks).await;
    let health = client.call_raw("config.get", &json!({})).await;

    let auth = &hello["payload"]["auth"];
    assert_eq!((&auth["role"], &auth["scopes"]), (&json!("node"), &json!([])));
    assert!(auth["deviceToken"].is_string());
    assert_eq!(health["error"]["message"], "unauthorized role: node");
    assert_eq!(afar["error"]["code"], "NOT_PAIRED");
    server.stop().await;
}

#[tokio::test]
async fn clients_that_vanish_in_any_phase_leave_nothing_behind() {
    let server = Server::plain().await;
    let device = Device::new(1);

    for phase in 0..4 {
        let mut client = server.open().await;
        if phase >= 1 {
            let challenge = client.frame().await;
            let signed = device.sign(&params(4, &["read"]), &challenge, Form::Third);
            let frame = json!({"type": "req", "id": "c", "method": "connect", "params": signed});
            let text = frame.to_string();
            match phase {
                1 => client.send(&text[..text.len() / 2]).await,
                2 => client.send(&text).await,
                _ => {
                    client.send(&text).await;
                    client.frame().await;
                }
            }
        }
        drop(client);
    }
    let mut operator = server.connect(4).await;

    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let list = operator.call("device.pair.list", json!({})).await;
        assert_eq!(list["pending"], json!([]));
        if list["paired"].as_array().unwrap().iter().all(|it| it["connected"] == false) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{list}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_in_a_container_needs_the_token_and_an_origin_of_this_machine_only() {
    let page = |version: u32| {
        let mut page = params(version, &["admin"]);
        page["client"] = json!({"id": "openclaw-control-ui", "version": "1", "platform": "web",
            "mode": "webchat"});
        page
    };
    // A bridge hides the address; a page that is not local by its headers is all that is seen.
    let through_bridge: &[(&str, &str)] = &[
        ("host", "localhost:18789"),
        ("origin", "http://localhost:18789"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let named: &[(&str, &str)] = &[("host", "box.lan:18789"), ("origin", "http://box.lan:18789")];
    let variable = "OPENCLAW_IN_CONTAINER";
    let within = Server::with_variable(TempHome::minimal().unwrap(), variable, "1").await;
    let without = Server::with_variable(TempHome::minimal().unwrap(), variable, "0").await;
    let device = Device::new(1);

    let (_client, inside) = device.connect(&within, through_bridge, &page(4)).await;
    let (_, elsewhere) = Device::new(2).connect(&within, named, &page(4)).await;
    let (mut refused, outside) = device.connect(&without, through_bridge, &page(4)).await;

    assert_eq!(inside["ok"], true, "{inside}");
    assert_eq!(elsewhere["error"]["details"]["code"], "PAIRING_REQUIRED");
    assert_eq!(outside["error"]["details"]["code"], "PAIRING_REQUIRED");
    let id = outside["error"]["details"]["requestId"].as_str().unwrap();
    let hint = outside["error"]["details"]["remediationHint"].as_str().unwrap();
    assert!(hint.contains(&format!("openclaw devices approve {id}")), "{hint}");
    let Seen::Closed(1008, reason) = refused.next().await else { panic!("not closed") };
    assert!(reason.contains(&format!("(requestId: {id})")), "{reason}");
    within.stop().await;
    without.stop().await;
}
