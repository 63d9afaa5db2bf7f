//! Which commands of a node a person has approved, and who asks for it: a node of version 4 by
//! connecting, or an operator for a node that is not here (`node.pair.request`). The latter gets a
//! token that tells it again (`node.pair.verify`).

use std::time::Duration;

use domain::{Scope, UnixMillis};
use protocol::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::NodeRecord;
use subtle::ConstantTimeEq as _;
use tracing::info;

use super::{Nodes, State};
use crate::{conn::Caller, devices::fresh_token, rpc::RpcError};

/// Nodes that may wait for approval; the oldest request goes when one more comes.
const PENDING_MAX: usize = 64;
/// How long a request waits that somebody made for a node.
const REQUEST_KEPT: Duration = Duration::from_mins(5);
/// What an operator must hold to approve commands.
const APPROVE_SCOPES: [&str; 2] = ["operator.pairing", "operator.admin"];

/// A node that asks for its commands to be approved.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PairRequest {
    pub(crate) request_id: String,
    pub(crate) node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ui_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_ip: Option<String>,
    pub(crate) caps: Vec<String>,
    pub(crate) commands: Vec<String>,
    required_approve_scopes: [&'static str; 2],
    silent: bool,
    /// Its commands were approved before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_repair: bool,
    ts: UnixMillis,
    /// Somebody asked for it, and it is not here itself.
    #[serde(skip)]
    is_for_another: bool,
}

/// A node that somebody asks for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct About {
    #[schemars(length(min = 1))]
    node_id: String,
    #[schemars(length(min = 1))]
    display_name: Option<String>,
    #[schemars(length(min = 1))]
    platform: Option<String>,
    #[schemars(length(min = 1))]
    version: Option<String>,
    #[schemars(length(min = 1))]
    core_version: Option<String>,
    #[schemars(length(min = 1))]
    ui_version: Option<String>,
    #[schemars(length(min = 1))]
    device_family: Option<String>,
    #[schemars(length(min = 1))]
    model_identifier: Option<String>,
    caps: Option<Vec<String>>,
    commands: Option<Vec<String>>,
    #[schemars(length(min = 1))]
    remote_ip: Option<String>,
    silent: Option<bool>,
}

impl Nodes {
    /// Requests that wait, and what was approved.
    pub(crate) fn pairings(&self) -> (Vec<PairRequest>, Vec<NodeRecord>) {
        let mut state = self.lock();
        forget_old(&mut state, self.shared.clock.now());
        let approved = state.records.values().filter(|it| it.approved_at_ms.is_some());
        (state.pending.iter().cloned().collect(), approved.map(without_token).collect())
    }

    /// Approves the commands that a request names. The record has the node's token if somebody
    /// asked for it, who must hand it over.
    pub(crate) async fn approve(&self, request: &str) -> Result<NodeRecord, RpcError> {
        let asked = self.take_request(request)?;
        let (node, now) = (asked.node_id.clone(), self.shared.clock.now());
        let record = self
            .change(&node, |record| {
                record.caps.clone_from(&asked.caps);
                record.commands.clone_from(&asked.commands);
                record.approved_at_ms = Some(now);
                if asked.is_for_another {
                    record.token.get_or_insert_with(fresh_token);
                }
            })
            .await?;
        let record = if asked.is_for_another { record } else { without_token(&record) };
        info!(node, request, "commands of a node approved");
        self.told(&asked, "approved");
        Ok(record)
    }

    /// Turns a request down. The node stays connected, its commands cannot be called.
    pub(crate) fn reject(&self, request: &str) -> Result<PairRequest, RpcError> {
        let asked = self.take_request(request)?;
        self.told(&asked, "rejected");
        Ok(asked)
    }

    /// Takes an approval back; says whether there was one.
    pub(crate) async fn remove(&self, node: &str) -> Result<bool, RpcError> {
        let Some(before) = self.lock().records.remove(node) else { return Ok(false) };
        self.write_or_undo(node, Some(before)).await?;
        Ok(true)
    }

    /// Notes that somebody asks for a node. Asking again changes nothing; says whether it did.
    pub(crate) fn ask_for(&self, about: About) -> (PairRequest, bool) {
        let now = self.shared.clock.now();
        let mut state = self.lock();
        forget_old(&mut state, now);
        if let Some(known) = state.pending.iter().find(|it| it.node_id == about.node_id) {
            return (known.clone(), false);
        }
        let record = state.records.get(&about.node_id);
        let is_repair = record.is_some_and(|it| it.approved_at_ms.is_some());
        drop(state);
        let mut commands = about.commands.unwrap_or_default();
        commands.sort();
        let request = PairRequest {
            request_id: uuid::Uuid::new_v4().to_string(),
            node_id: about.node_id,
            display_name: about.display_name,
            client_id: None,
            client_mode: None,
            platform: about.platform,
            version: about.version,
            core_version: about.core_version,
            ui_version: about.ui_version,
            device_family: about.device_family,
            model_identifier: about.model_identifier,
            remote_ip: about.remote_ip,
            caps: about.caps.unwrap_or_default(),
            commands,
            required_approve_scopes: APPROVE_SCOPES,
            silent: about.silent.unwrap_or_default(),
            is_repair,
            ts: now,
            is_for_another: true,
        };
        self.put_request(&request);
        (request, true)
    }

    /// The node whose token this is.
    pub(crate) fn verify(&self, node: &str, token: &str) -> Option<NodeRecord> {
        let state = self.lock();
        let record = state.records.get(node)?;
        let known = record.token.as_ref().filter(|_| record.approved_at_ms.is_some())?;
        bool::from(known.as_bytes().ct_eq(token.as_bytes())).then(|| without_token(record))
    }

    /// Puts a request in the place of an older one of the same node, and tells who may answer.
    pub(super) fn put_request(&self, request: &PairRequest) {
        let mut state = self.lock();
        let known = state.pending.iter().position(|it| it.node_id == request.node_id);
        let replaced = known.or_else(|| (state.pending.len() >= PENDING_MAX).then_some(0));
        let gone = replaced.and_then(|at| state.pending.remove(at));
        state.pending.push_back(request.clone());
        drop(state);
        if let Some(gone) = gone {
            self.told(&gone, "rejected");
        }
        self.shared.events.tell_holders(Scope::Pairing, "node.pair.requested", request);
    }

    fn take_request(&self, request: &str) -> Result<PairRequest, RpcError> {
        let mut state = self.lock();
        forget_old(&mut state, self.shared.clock.now());
        let at = state.pending.iter().position(|it| it.request_id == request);
        let asked = at.and_then(|at| state.pending.remove(at));
        asked.ok_or_else(|| RpcError::invalid("unknown requestId"))
    }

    fn told(&self, asked: &PairRequest, decision: &str) {
        let told = json!({
            "requestId": asked.request_id,
            "nodeId": asked.node_id,
            "decision": decision,
            "ts": self.shared.clock.now(),
        });
        self.shared.events.tell_holders(Scope::Pairing, "node.pair.resolved", &told);
    }
}

/// The request that a node makes by connecting; none when all it declares is approved, or when
/// its version needs no approval.
pub(super) fn asked_by_connecting(
    id: &str,
    caller: &Caller,
    state: &State,
    now: UnixMillis,
) -> Option<PairRequest> {
    let about = caller.node.as_ref()?;
    let mut declared = about.commands.clone().unwrap_or_default();
    declared.sort();
    let approved = state.records.get(id);
    let is_covered = approved.is_some_and(|record| {
        record.approved_at_ms.is_some() && declared.iter().all(|it| record.commands.contains(it))
    });
    if caller.version < Version::V4 || is_covered {
        return None;
    }
    Some(PairRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        node_id: id.to_owned(),
        display_name: about.client.display_name.clone(),
        client_id: Some(caller.client_id.clone()),
        client_mode: Some(caller.client_mode.clone()),
        platform: Some(about.client.platform.clone()),
        version: Some(about.client.version.clone()),
        device_family: about.client.device_family.clone(),
        caps: about.caps.clone(),
        commands: declared,
        required_approve_scopes: APPROVE_SCOPES,
        ts: now,
        ..PairRequest::default()
    })
}

fn forget_old(state: &mut State, now: UnixMillis) {
    let kept_ms = u64::try_from(REQUEST_KEPT.as_millis()).unwrap_or(u64::MAX);
    state.pending.retain(|it| !it.is_for_another || now.since(it.ts) < kept_ms);
}

fn without_token(record: &NodeRecord) -> NodeRecord {
    NodeRecord { token: None, ..record.clone() }
}
