//! `agent.wait`: waits a while for a turn to end.

use std::time::Duration;

use agent::{Lookup, Stop};
use domain::{Scope, TurnId, UnixMillis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// How long to wait when the client does not say.
const PATIENCE_MS: u64 = 30_000;

pub(crate) struct AgentWait;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    run_id: String,
    timeout_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    run_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Method for AgentWait {
    const NAME: &'static str = "agent.wait";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let run_id = params.run_id;
        let patience = Duration::from_millis(params.timeout_ms.unwrap_or(PATIENCE_MS));
        let outcome = match cx.gateway.sessions.wait(&TurnId::new(&*run_id), patience).await {
            Lookup::Done(outcome) => outcome,
            Lookup::Pending => {
                let (started_at, ended_at, error) = (None, None, None);
                return Ok(Reply { run_id, status: "timeout", started_at, ended_at, error });
            }
        };
        let (status, error) = match &outcome.stop {
            Stop::Done | Stop::Aborted { .. } => ("ok", None),
            Stop::Failed { error, .. } => ("error", Some(error.clone())),
        };
        Ok(Reply {
            run_id,
            status,
            started_at: Some(outcome.started),
            ended_at: Some(outcome.ended),
            error,
        })
    }
}
