//! `exec.approvals.node.get` and `.set`: a node's own approvals file, by way of that node.

use std::time::Duration;

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cx, Kind, Method, RpcError, node_invoke};
use crate::nodes::{Invocation, Listener};

/// How long a node may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct ExecApprovalsNodeGet;
pub(super) struct ExecApprovalsNodeSet;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Get {
    #[schemars(length(min = 1))]
    node_id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Set {
    #[schemars(length(min = 1))]
    node_id: String,
    file: Value,
    base_hash: Option<String>,
}

impl Method for ExecApprovalsNodeGet {
    const NAME: &'static str = "exec.approvals.node.get";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Read;
    type Params = Get;
    type Reply = Value;

    async fn call(cx: Cx, params: Get) -> Result<Value, RpcError> {
        forward(&cx, params.node_id, "get", json!({})).await
    }
}

impl Method for ExecApprovalsNodeSet {
    const NAME: &'static str = "exec.approvals.node.set";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Set;
    type Reply = Value;

    async fn call(cx: Cx, params: Set) -> Result<Value, RpcError> {
        let Set { node_id, file, base_hash } = params;
        forward(&cx, node_id, "set", json!({ "file": file, "baseHash": base_hash })).await
    }
}

async fn forward(cx: &Cx, node: String, verb: &str, params: Value) -> Result<Value, RpcError> {
    let invocation = Invocation {
        node,
        command: format!("system.execApprovals.{verb}"),
        params: Some(params),
        timeout: PATIENCE,
        key: uuid::Uuid::new_v4().to_string(),
        listener: Listener::default(),
    };
    node_invoke::call(cx, invocation).await.map(|reply| reply.payload)
}
