//! What is said before anything else: challenge, `connect`, hello.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::frame::StateVersion;

/// Payload of the event `connect.challenge`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Challenge {
    /// To be signed by a device.
    pub nonce: String,
    /// When it was made.
    pub ts: i64,
}

/// Params of `connect`: the union of what versions 3 and 4 allow.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connect {
    /// Lowest version the client speaks.
    #[schemars(range(min = 1))]
    pub min_protocol: u32,
    /// Highest version the client speaks.
    #[schemars(range(min = 1))]
    pub max_protocol: u32,
    /// Which program this is.
    pub client: Client,
    /// Feature flags; unknown ones are ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// Commands of a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// Permissions of a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeMap<String, bool>>,
    /// `PATH` of a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_env: Option<String>,
    /// `operator` or `node`; absent is `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub role: Option<String>,
    /// What the client wants to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Who the device is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// As browsers send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Of nodes of version 4; not used here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer_use: Option<BTreeMap<String, Value>>,
    /// Of workers of version 4; not used here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_runs: Option<BTreeMap<String, Value>>,
}

/// Which program connects.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Which program.
    pub id: ClientId,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub display_name: Option<String>,
    /// Its version.
    #[schemars(length(min = 1))]
    pub version: String,
    /// Its operating system.
    #[schemars(length(min = 1))]
    pub platform: String,
    /// Such as `Linux` or `iPhone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Such as `x64` or `iPhone15,2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// What it is there for.
    pub mode: Mode,
    /// Names this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Build of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 96))]
    pub build_id: Option<String>,
    /// IANA zone of the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub time_zone: Option<String>,
}

impl Client {
    /// The names of the program and of what it is there for, as they are sent.
    pub fn names(&self) -> (String, String) {
        let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(serde_json::to_value(self.id).unwrap_or_default()),
            text(serde_json::to_value(self.mode).unwrap_or_default()),
        )
    }
}

/// Programs known to versions 3 and 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it, and variant docs would change the schema")]
pub enum ClientId {
    WebchatUi,
    OpenclawControlUi,
    Webchat,
    Cli,
    GatewayClient,
    OpenclawMacos,
    OpenclawIos,
    OpenclawAndroid,
    NodeHost,
    Test,
    Fingerprint,
    OpenclawProbe,
    OpenclawBrowserCopilot,
    OpenclawTui,
    OpenclawLinux,
    OpenclawWatchos,
    OpenclawWorker,
}

/// What a program is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it, and variant docs would change the schema")]
pub enum Mode {
    Webchat,
    Cli,
    Ui,
    Backend,
    Node,
    Probe,
    Test,
    Worker,
}

/// Proof of a device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Device {
    /// SHA-256 of the public key, in hex.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Ed25519 key.
    #[schemars(length(min = 1))]
    pub public_key: String,
    /// Over the payload of the connect request.
    #[schemars(length(min = 1))]
    pub signature: String,
    /// When it was signed.
    pub signed_at: u64,
    /// That of the challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// Secrets of a client.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Auth {
    /// Shared token, or a device's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Shared password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Token of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// Token of a setup code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_token: Option<String>,
    /// Of programs the reference starts itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_runtime_token: Option<String>,
    /// Of programs the reference starts itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_runtime_identity_token: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(..)")
    }
}

/// The answer to a good `connect`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// `hello-ok`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version spoken from now on.
    pub protocol: u32,
    /// Who answers.
    pub server: Server,
    /// What it can do.
    pub features: Features,
    /// How things stand.
    pub snapshot: Snapshot,
    /// Who the client is taken for. Version 3 sends it to devices only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Granted>,
    /// Limits.
    pub policy: Policy,
}

/// Who answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// Version of the program.
    pub version: String,
    /// Host name; version 3 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// This run of the program; version 4 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// This connection.
    pub conn_id: String,
}

/// What a server can do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Methods that work.
    pub methods: Vec<String>,
    /// Events that may come.
    pub events: Vec<String>,
    /// Flags; version 4 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
}

/// How things stand at hello.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Who is there.
    pub presence: Vec<crate::event::PresenceEntry>,
    /// The health payload.
    pub health: Arc<RawValue>,
    /// Counters of the two.
    pub state_version: StateVersion,
    /// How long the server runs.
    pub uptime_ms: u64,
    /// Its config file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_path: Option<String>,
    /// Its state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<String>,
    /// How clients prove themselves; version 4 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_mode: Option<String>,
    /// Which conversation is the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_defaults: Option<SessionDefaults>,
}

/// Which conversation is the main one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDefaults {
    /// The agent that bare keys belong to.
    pub default_agent_id: String,
    /// What `main` stands for.
    pub main_key: String,
    /// Its full key.
    pub main_session_key: String,
    /// `per-sender` or `global`.
    pub scope: String,
    /// What version 3 does not know.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestDefaults>,
}

/// Which conversation is the main one, as version 4 adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewestDefaults {
    /// Whether a model is set.
    pub model_configured: bool,
    /// `sole`, `legacy` or `explicit`: how the default agent came to be the default.
    pub ownership: String,
    /// Whether a person must choose an agent first.
    pub selection_required: bool,
}

/// Who a client is taken for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// How it proved itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Its role.
    pub role: String,
    /// What it may do, in the order it asked.
    pub scopes: Vec<String>,
    /// Token for the next time, for devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// When that token was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_ms: Option<i64>,
}

/// Limits of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Largest message, in bytes.
    pub max_payload: u64,
    /// Most unsent bytes before a slow client is cut off.
    pub max_buffered_bytes: u64,
    /// Time between `tick` events.
    pub tick_interval_ms: u64,
    /// Largest files; version 4 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<AttachmentPolicy>,
}

/// Largest files that may be sent along.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentPolicy {
    /// Any file, in bytes.
    pub max_bytes: u64,
    /// Images, in bytes.
    pub max_image_bytes: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::validation;

    #[test]
    fn enums_of_both_versions_are_known_and_others_refused() {
        let schema = validation::schema_of::<Connect>();
        let connect = |id: &str, mode: &str| {
            json!({"minProtocol": 3, "maxProtocol": 4,
                "client": {"id": id, "mode": mode, "version": "1", "platform": "linux"}})
        };

        for (id, mode) in [
            ("cli", "cli"),
            ("openclaw-tui", "ui"),
            ("openclaw-control-ui", "webchat"),
            ("openclaw-worker", "worker"),
        ] {
            let value = connect(id, mode);
            assert_eq!(validation::check(&schema, &value), Vec::<String>::new());
            assert!(serde_json::from_value::<Connect>(value).is_ok(), "{id} {mode}");
        }
        assert_eq!(
            validation::check(&schema, &connect("ios-node", "operator")),
            [
                "at /client/id: must be equal to one of the allowed values",
                "at /client/mode: must be equal to one of the allowed values",
            ]
        );
    }

    #[test]
    fn problems_are_those_of_the_recording() {
        let value = json!({"minProtocol": 4, "maxProtocol": 4, "bogus": 1,
            "client": {"id": "not-a-known-client", "version": "1"}, "role": "operator",
            "scopes": ["operator.admin"], "caps": [], "auth": {"token": "t"}});

        let problems = validation::check(&validation::schema_of::<Connect>(), &value);

        assert_eq!(
            validation::refusal("connect", &problems),
            "invalid connect params: at root: unexpected property 'bogus'; \
             at /client: must have required property 'platform'; \
             at /client: must have required property 'mode'; \
             at /client/id: must be equal to one of the allowed values"
        );
    }

    proptest! {
        #[test]
        fn what_the_schema_passes_can_be_read(
            min in -1_i64..6, id in prop::sample::select(vec!["cli", "test", "nope"]),
            caps in prop::collection::vec("[a-z]{0,4}", 0..3), extra in any::<bool>(),
        ) {
            let mut value = json!({"minProtocol": min, "maxProtocol": 4, "caps": caps,
                "client": {"id": id, "mode": "cli", "version": "1", "platform": "x"}});
            if extra {
                value["extra"] = json!(1);
            }

            let problems = validation::check(&validation::schema_of::<Connect>(), &value);

            let read = serde_json::from_value::<Connect>(value);
            if problems.is_empty() {
                prop_assert!(read.is_ok(), "{read:?}");
            } else {
                prop_assert!(read.is_err() || min == 0);
            }
        }
    }
}
