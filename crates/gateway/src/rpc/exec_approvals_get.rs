//! `exec.approvals.get`: what this machine's approvals file says.

use config::{ExecAsk, ExecSecurity};
use domain::Scope;
use protocol::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{ApprovalsError, ApprovalsSnapshot};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct ExecApprovalsGet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The file, without its token.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    path: String,
    exists: bool,
    hash: String,
    file: domain::ExecApprovals,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_defaults: Option<Resolved>,
}

/// What holds where the file and its agents say nothing; version 4.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    security: &'static str,
    ask: &'static str,
    ask_fallback: &'static str,
    auto_allow_skills: bool,
}

impl Method for ExecApprovalsGet {
    const NAME: &'static str = "exec.approvals.get";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _params: Params) -> Result<Reply, RpcError> {
        let snapshot = cx.gateway.store.exec_approvals().ensure().await.map_err(refusal)?;
        Ok(reply(&cx, snapshot))
    }
}

pub(super) fn reply(cx: &Cx, snapshot: ApprovalsSnapshot) -> Reply {
    let config = cx.gateway.config();
    let asked = config.agents.get(&config.agents.default).map(|agent| agent.host_exec);
    let defaults = &snapshot.file.defaults;
    let own_security = defaults.security.as_deref().and_then(ExecSecurity::parse);
    let own_ask = defaults.ask.as_deref().and_then(ExecAsk::parse);
    let fallback = defaults.ask_fallback.as_deref().and_then(ExecSecurity::parse);
    let asked = asked.unwrap_or_default();
    let resolved_defaults = Resolved {
        security: own_security.unwrap_or(asked.security).as_str(),
        ask: own_ask.unwrap_or(asked.ask).as_str(),
        ask_fallback: fallback.unwrap_or(ExecSecurity::Deny).as_str(),
        auto_allow_skills: defaults.auto_allow_skills.unwrap_or_default(),
    };
    Reply {
        path: snapshot.path.display().to_string(),
        exists: snapshot.exists,
        hash: snapshot.hash,
        file: snapshot.file.redacted(),
        resolved_defaults: (cx.caller.version >= Version::V4).then_some(resolved_defaults),
    }
}

pub(super) fn refusal(error: ApprovalsError) -> RpcError {
    match error {
        ApprovalsError::Changed | ApprovalsError::NoBase | ApprovalsError::Damaged { .. } => {
            RpcError::invalid(super::error::chain(&error))
        }
        ApprovalsError::Store(cause) => cause.into(),
        other => RpcError::internal("cannot reach the approvals file", &other),
    }
}
