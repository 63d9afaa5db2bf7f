//! What clients see of a node.

use std::collections::{BTreeMap, BTreeSet};

use domain::UnixMillis;
use protocol::Version;
use serde::Serialize;
use store::{NodeRecord, PairedDevice};

use super::{Live, Nodes, PairRequest, commands};

/// A node, connected or only known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_ip: Option<String>,
    caps: Vec<String>,
    pub(crate) commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<BTreeMap<String, bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_declared_caps: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_declared_commands: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_connected_at_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_at_ms: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at_ms: Option<UnixMillis>,
    paired: bool,
    pub(crate) connected: bool,
}

impl Nodes {
    /// All nodes, connected ones first: those that are there, and paired devices that were.
    pub(crate) fn rows(&self, devices: &[PairedDevice], config: &config::Nodes) -> Vec<Row> {
        let is_node = |device: &&PairedDevice| {
            let roles = device.about.roles.iter().flatten();
            roles.chain(device.about.role.as_ref()).any(|role| role == "node")
        };
        let known: BTreeMap<&str, &PairedDevice> =
            devices.iter().filter(is_node).map(|it| (it.device_id.as_str(), it)).collect();
        let state = self.lock();
        let ids: BTreeSet<&str> =
            known.keys().copied().chain(state.live.keys().map(String::as_str)).collect();
        let mut rows: Vec<Row> = ids
            .into_iter()
            .map(|id| {
                let record = state.records.get(id);
                let pending = state.pending.iter().find(|it| it.node_id == id);
                let mut row = Row {
                    node_id: id.to_owned(),
                    paired: known.contains_key(id),
                    approved_at_ms: record.and_then(|it| it.approved_at_ms),
                    ..Row::default()
                };
                row.fill_known(known.get(id).copied());
                row.fill_live(state.live.get(id), record, config);
                row.fill_pending(pending, record);
                if let Some(name) = record.and_then(|it| it.display_name.clone()) {
                    row.display_name = Some(name);
                }
                row
            })
            .collect();
        rows.sort_by_key(|row| !row.connected);
        rows
    }
}

impl Row {
    /// The same as `version` knows it.
    pub(crate) fn shaped(self, version: Version) -> Self {
        if version >= Version::V4 {
            return self;
        }
        Self {
            client_id: None,
            client_mode: None,
            approval_state: None,
            pending_request_id: None,
            pending_declared_caps: None,
            pending_declared_commands: None,
            last_connected_at_ms: None,
            last_seen_at_ms: None,
            last_seen_reason: None,
            approved_at_ms: None,
            ..self
        }
    }

    fn fill_known(&mut self, device: Option<&PairedDevice>) {
        let Some(device) = device else { return };
        let token = device.tokens.get("node");
        self.last_connected_at_ms =
            token.and_then(|it| it.last_used_at_ms.or(Some(it.created_at_ms)));
        let about = device.about.clone();
        self.display_name = about.display_name;
        self.platform = about.platform;
        self.device_family = about.device_family;
        self.client_id = about.client_id;
        self.client_mode = about.client_mode;
        self.remote_ip = about.remote_ip;
    }

    fn fill_live(
        &mut self,
        live: Option<&Live>,
        record: Option<&NodeRecord>,
        config: &config::Nodes,
    ) {
        let Some(live) = live else { return };
        let Some(about) = &live.caller.node else { return };
        let client = about.client.clone();
        self.display_name = client.display_name.or(self.display_name.take());
        self.platform = Some(client.platform);
        self.version = Some(client.version);
        self.client_id = Some(live.caller.client_id.clone());
        self.client_mode = Some(live.caller.client_mode.clone());
        self.device_family = client.device_family.or(self.device_family.take());
        self.model_identifier = client.model_identifier;
        self.commands = commands::callable(live, record, config);
        let is_approved = about
            .commands
            .iter()
            .flatten()
            .any(|command| commands::is_approved(command, live, record));
        if is_approved {
            self.caps.clone_from(&about.caps);
        }
        self.path_env.clone_from(&about.path_env);
        self.permissions.clone_from(&about.permissions);
        self.connected_at_ms = Some(live.since);
        self.connected = true;
        // Connected it is, so its device was let in.
        self.paired = true;
        self.approval_state = Some("approved");
        self.last_connected_at_ms = Some(live.since);
        self.last_seen_at_ms = Some(live.seen.0);
        self.last_seen_reason = Some(live.seen.1);
    }

    fn fill_pending(&mut self, pending: Option<&PairRequest>, record: Option<&NodeRecord>) {
        if let Some(pending) = pending {
            self.approval_state = Some("pending-approval");
            self.pending_request_id = Some(pending.request_id.clone());
            self.pending_declared_caps = Some(pending.caps.clone());
            self.pending_declared_commands = Some(pending.commands.clone());
        } else if self.approval_state.is_none() {
            let is_approved = record.is_some_and(|it| it.approved_at_ms.is_some());
            self.approval_state = Some(if is_approved { "approved" } else { "unapproved" });
        }
    }
}
