//! `devices`: one machine asks, the other approves, and the token does the rest.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use testkit::{
    gateway::Gateway,
    home::{TOKEN, TempHome},
};

use crate::program::{Ran, openclaw, run, run_with};

/// A gateway, the home it runs in, and one of another machine.
struct Pair {
    gateway: Gateway,
    here: TempHome,
    there: TempHome,
    /// Leads here, but is no address that the gateway calls its own.
    url: String,
}

fn pair() -> Pair {
    let here = TempHome::minimal().unwrap();
    let gateway = Gateway::start(openclaw(), &here).unwrap();
    let there = TempHome::new().unwrap();
    let url = format!("ws://0.0.0.0:{}", gateway.port());
    Pair { gateway, here, there, url }
}

impl Pair {
    /// Runs a command beside the gateway.
    fn run(&self, args: &[&str]) -> Ran {
        run_with(&self.here, args, &[("OPENCLAW_GATEWAY_PORT", &self.gateway.port().to_string())])
    }

    fn list_there(&self) -> Ran {
        let args = ["devices", "list", "--json", "--url", &self.url, "--token", TOKEN];
        run(&self.there, &args)
    }

    fn pending(&self) -> Value {
        self.run(&["devices", "list", "--json"]).json()["pending"].clone()
    }
}

#[test]
fn a_device_waits_until_it_is_approved_and_then_needs_no_secret() {
    let pair = pair();
    assert_eq!(pair.run(&["devices", "list"]).answer(), "No device pairing entries.\n");

    let refused = pair.list_there();
    let waiting = pair.run(&["devices", "approve"]);
    let id = pair.pending()[0]["requestId"].as_str().unwrap().to_owned();
    let approved = pair.run(&["devices", "approve", &id]).answer();
    let listed = pair.list_there().json();
    let without = run_with(
        &pair.there,
        &["devices", "list", "--json"],
        &[("OPENCLAW_GATEWAY_URL", pair.url.as_str())],
    );

    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("pairing required"), "{}", refused.stderr);
    let hint = format!("openclaw devices approve {id}");
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    assert!(waiting.stdout.contains(&id), "{}", waiting.stdout);
    assert!(waiting.stderr.contains(&hint), "{}", waiting.stderr);
    let device = listed["paired"][0]["deviceId"].as_str().unwrap();
    assert_eq!(approved, format!("Approved {device}.\n"));
    assert_eq!(without.code, Some(0), "{}", without.stderr);
    assert_eq!(without.json()["paired"][0]["deviceId"], device);
    for file in ["device.json", "device-auth.json"] {
        let path = pair.there.state_dir().join("identity").join(file);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert!(!pair.here.state_dir().join("identity").exists());
}

#[test]
fn a_revoked_device_is_out_and_a_removed_one_has_to_ask_anew() {
    let pair = pair();
    pair.list_there();
    let id = pair.pending()[0]["requestId"].as_str().unwrap().to_owned();
    pair.run(&["devices", "approve", &id]).answer();
    let device = pair.list_there().json()["paired"][0]["deviceId"].as_str().unwrap().to_owned();
    let by_token = || {
        let url = [("OPENCLAW_GATEWAY_URL", pair.url.as_str())];
        run_with(&pair.there, &["devices", "list", "--json"], &url)
    };

    let token = ["--device", device.as_str(), "--role", "operator"];
    let revoked = pair.run(&[&["devices", "revoke"][..], &token].concat());
    let refused = by_token();
    let again = pair.list_there();
    let rotated = pair.run(&[&["devices", "rotate"][..], &token].concat());
    let removed = pair.run(&["devices", "remove", &device]).answer();
    let gone = pair.list_there();

    assert!(revoked.json()["revokedAtMs"].is_i64());
    assert!(refused.stderr.contains("device token mismatch"), "{}", refused.stderr);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(rotated.json()["tokenDelivery"], "withheld-cross-device");
    assert_eq!(removed, format!("Removed {device}.\n"));
    assert!(gone.stderr.contains("pairing required"), "{}", gone.stderr);
}

#[test]
fn requests_are_turned_down_and_all_devices_forgotten_only_when_meant() {
    let pair = pair();
    pair.list_there();
    let id = pair.pending()[0]["requestId"].as_str().unwrap().to_owned();

    let rejected = pair.run(&["devices", "reject", &id, "--json"]).json();
    let unknown = pair.run(&["devices", "reject", &id]);
    pair.list_there();
    let asked = pair.run(&["devices", "clear"]);
    let cleared = pair.run(&["devices", "clear", "--pending", "--yes", "--json"]).json();

    assert_eq!(rejected["requestId"], id);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("unknown requestId"), "{}", unknown.stderr);
    assert!(asked.stderr.contains("openclaw devices clear --yes"), "{}", asked.stderr);
    assert_eq!(cleared["rejected"].as_array().unwrap().len(), 1);
    assert_eq!(pair.pending(), json!([]));
}
