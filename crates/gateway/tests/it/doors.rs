//! The other doors: proxies, no secret at all, and those who guess.

use serde_json::{Value, json};
use testkit::home::TempHome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::Client,
    device::{AFAR, Device, params},
    server::{Server, connect_params, overrides, start},
};

async fn with_gateway(patch: Value) -> Server {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({"gateway": patch})).unwrap();
    Server::at(home).await
}

async fn connect(server: &Server, headers: &[(&'static str, &str)], params: &Value) -> Value {
    Client::open(server.running.addr, headers).await.connect(params).await
}

async fn get(server: &Server, path: &str, head: &str) -> String {
    send(server, &format!("GET {path}"), head, "").await
}

async fn send(server: &Server, line: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\n{head}Connection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_trusted_proxy_says_who_comes_and_how_far() {
    let auth = json!({"mode": "trusted-proxy", "trustedProxy": {
        "userHeader": "X-User", "requiredHeaders": ["X-Verified"], "allowUsers": ["mo"],
        "allowLoopback": true, "deviceAutoApprove": {"enabled": true, "scopes": ["operator.read"]},
    }});
    let server = with_gateway(json!({"auth": auth, "trustedProxies": ["127.0.0.1"]})).await;
    let mut asks = connect_params(4);
    asks.as_object_mut().unwrap().remove("auth");
    let proxied = |user| {
        [
            ("host", "claw.example"),
            ("x-forwarded-for", "198.51.100.7"),
            ("x-verified", "1"),
            ("x-user", user),
        ]
    };
    let narrowed = [&proxied("mo")[..], &[("x-openclaw-scopes", "operator.read")]].concat();

    let full = connect(&server, &proxied("mo"), &asks).await;
    let narrow = connect(&server, &narrowed, &asks).await;
    let eve = connect(&server, &proxied("eve"), &asks).await;
    let direct = connect(&server, &[], &asks).await;
    let mut reader = params(4, &["read"]);
    reader.as_object_mut().unwrap().remove("auth");
    let (_client, device) = Device::new(1).connect(&server, &proxied("mo"), &reader).await;
    reader["scopes"] = json!(["operator.admin"]);
    let (_, admin) = Device::new(2).connect(&server, &proxied("mo"), &reader).await;

    assert_eq!(full["payload"]["auth"]["method"], "trusted-proxy", "{full}");
    assert_eq!(full["payload"]["auth"]["scopes"], asks["scopes"]);
    assert_eq!(narrow["payload"]["auth"]["scopes"], json!(["operator.read"]));
    assert_eq!(eve["error"]["details"]["authReason"], "trusted_proxy_user_not_allowed");
    assert_eq!(direct["error"]["details"]["authReason"], "trusted_proxy_missing_header");
    assert_eq!(device["ok"], true, "{device}");
    assert_eq!(admin["error"]["details"]["code"], "PAIRING_REQUIRED");
    server.stop().await;
}

/// The way in that the refusal of [`a_trusted_proxy_says_who_comes_and_how_far`] names.
#[tokio::test]
async fn a_program_beside_a_trusted_proxy_is_told_of_the_password_and_comes_in_with_it() {
    let proxy = json!({"userHeader": "X-User"});
    let auth = json!({"mode": "trusted-proxy", "trustedProxy": proxy, "password": "beside"});
    let server = with_gateway(json!({"auth": auth, "trustedProxies": ["192.0.2.1"]})).await;
    let mut asks = connect_params(4);
    asks["auth"] = json!({"password": "beside"});
    let afar = [("host", "claw.example")];

    let refused = connect(&server, &afar, &connect_params(4)).await;
    let here = connect(&server, &[], &asks).await;

    let told = refused["error"]["message"].as_str().unwrap();
    assert!(told.contains("gateway.trustedProxies"), "{told}");
    assert!(told.contains("gateway.auth.password"), "{told}");
    assert_eq!(here["payload"]["auth"]["method"], "password", "{here}");
    server.stop().await;
}

/// A balancer that adds `X-Forwarded-For` in front of a client without a device.
#[tokio::test]
async fn who_has_no_scopes_behind_a_balancer_is_told_why() {
    let server = with_gateway(json!({"trustedProxies": ["127.0.0.1"]})).await;
    let refusals = [
        (&[("x-forwarded-for", "127.0.0.1")][..], "X-Forwarded-For"),
        (&[("host", "claw.example")][..], "another machine"),
    ];

    for (headers, cause) in refusals {
        let mut client = Client::open(server.running.addr, headers).await;
        let hello = client.connect(&connect_params(4)).await;
        let refused = client.call_raw("sessions.list", &json!({})).await;

        assert_eq!(hello["payload"]["auth"]["scopes"], json!([]), "{hello}");
        let error = &refused["error"];
        let told = error["message"].as_str().unwrap();
        assert!(told.starts_with("missing scope: operator.read ("), "{told}");
        assert!(told.contains(cause) && told.contains("pair a device"), "{told}");
        assert_eq!(error["details"]["missingScope"], "operator.read");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_narrows_what_may_be_asked_for_over_http() {
    let proxy = json!({"userHeader": "X-User", "allowLoopback": true});
    let auth = json!({"mode": "trusted-proxy", "trustedProxy": proxy});
    let server = with_gateway(json!({"auth": auth, "trustedProxies": ["127.0.0.1"]})).await;
    let full = "Host: claw.example\r\nX-Forwarded-For: 198.51.100.7\r\nX-User: mo\r\n";
    let narrow = format!("{full}X-OpenClaw-Scopes: operator.read\r\n");
    let chat = |head: &str| {
        let head = format!("{head}Content-Length: 2\r\n");
        let server = &server;
        async move { send(server, "POST /v1/chat/completions", &head, "{}").await }
    };

    let models = get(&server, "/v1/models", &narrow).await;
    let read_only = chat(&narrow).await;
    let whole = chat(full).await;

    assert!(models.starts_with("HTTP/1.1 200"), "{models}");
    assert!(read_only.starts_with("HTTP/1.1 403"), "{read_only}");
    assert!(read_only.contains("\"missingScope\":\"operator.write\""), "{read_only}");
    // It may ask; there is nothing to answer.
    assert!(whole.starts_with("HTTP/1.1 400"), "{whole}");
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_cannot_vouch_is_no_way_to_start() {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({"gateway": {"auth": {"mode": "trusted-proxy"}}})).unwrap();

    let refused = start(&home, overrides()).await.err().unwrap().to_string();

    assert!(refused.contains("gateway.auth.trustedProxy.userHeader"), "{refused}");
}

#[tokio::test]
async fn without_a_secret_a_name_that_was_pointed_here_opens_nothing() {
    let server = with_gateway(json!({"auth": {"mode": "none"}})).await;
    let rebound: &[(&str, &str)] = &[("host", "evil.example:18789")];
    let page = [("host", "evil.example"), ("origin", "http://evil.example")];

    let bare = connect(&server, rebound, &connect_params(4)).await;
    let page = connect(&server, &page, &connect_params(4)).await;
    let http = get(&server, "/v1/models", "Host: evil.example\r\n").await;
    let here = get(&server, "/v1/models", "Host: localhost:18789\r\n").await;
    let friend = connect(&server, &[], &connect_params(4)).await;

    assert_eq!(bare["error"]["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED", "{bare}");
    assert_eq!(page["error"]["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED", "{page}");
    assert!(http.starts_with("HTTP/1.1 403"), "{http}");
    assert!(!here.starts_with("HTTP/1.1 403"), "{here}");
    assert_eq!(friend["payload"]["auth"]["method"], "none", "{friend}");
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_guesses_is_locked_out_and_paired_devices_are_not() {
    let server = Server::plain().await;
    let device = Device::new(1);
    let (_client, token) = device.pair(&server, &["read"]).await;
    let mut guess = connect_params(4);
    guess["auth"]["token"] = json!("guess");

    for _ in 0..10 {
        let refused = connect(&server, AFAR, &guess).await;
        assert_eq!(refused["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    }
    let locked = connect(&server, AFAR, &connect_params(4)).await;
    let mut by_token = params(4, &["read"]);
    by_token["auth"] = json!({"deviceToken": token});
    let (_client, paired) = device.connect(&server, AFAR, &by_token).await;
    let here = connect(&server, &[], &connect_params(4)).await;

    assert_eq!(locked["error"]["details"]["code"], "AUTH_RATE_LIMITED");
    assert_eq!(locked["error"]["retryable"], true);
    assert!(locked["error"]["retryAfterMs"].as_u64().unwrap() > 200_000);
    assert_eq!(paired["ok"], true, "{paired}");
    assert_eq!(here["ok"], true, "{here}");
    server.stop().await;
}

#[tokio::test]
async fn a_tailscale_login_is_not_believed_for_its_header() {
    let server = with_gateway(json!({"auth": {"allowTailscale": true}})).await;
    let mut asks = connect_params(4);
    asks.as_object_mut().unwrap().remove("auth");
    let login: &[(&str, &str)] = &[
        ("host", "box.example"),
        ("tailscale-user-login", "mo@example"),
        ("x-forwarded-for", "100.64.0.1"),
    ];
    let complete = [login, &[("x-forwarded-proto", "https"), ("x-forwarded-host", "box.example")]];

    let partial = connect(&server, login, &asks).await;
    let whole = connect(&server, &complete.concat(), &asks).await;

    let code = |answer: &Value| answer["error"]["details"]["code"].clone();
    assert_eq!(code(&partial), "AUTH_TAILSCALE_PROXY_MISSING");
    assert_eq!(code(&whole), "AUTH_TAILSCALE_WHOIS_FAILED");
    server.stop().await;
}
