//! `sessions.abort`: stops one turn, or all of a conversation.

use agent::Aborted;
use domain::{Scope, SessionKey, TurnId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, session_target::agent_of};

pub(super) struct SessionsAbort;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// May be left out when the turn is named.
    #[schemars(length(min = 1))]
    key: Option<String>,
    #[schemars(length(min = 1))]
    run_id: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    /// What waits in the queue goes with what runs.
    #[serde(rename = "clearQueued")]
    _clear_queued: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    aborted_run_id: Option<TurnId>,
    status: &'static str,
}

impl Method for SessionsAbort {
    const NAME: &'static str = "sessions.abort";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let turn = params.run_id.map(TurnId::new);
        let Some(key) =
            target(&cx, params.key.as_deref(), params.agent_id.as_deref(), turn.as_ref())?
        else {
            return Ok(none());
        };
        match cx.gateway.sessions.abort(&key, turn.as_ref()).await {
            Aborted::Turns(turns) if turns.is_empty() => Ok(none()),
            Aborted::Turns(turns) => {
                Ok(Reply { ok: true, aborted_run_id: turns.into_iter().next(), status: "aborted" })
            }
            Aborted::OtherSession => Err(RpcError::invalid("runId does not match sessionKey")),
        }
    }
}

fn none() -> Reply {
    Reply { ok: true, aborted_run_id: None, status: "no-active-run" }
}

/// The conversation that is meant: the named one, or the one that the turn runs in.
fn target(
    cx: &Cx,
    key: Option<&str>,
    agent: Option<&str>,
    turn: Option<&TurnId>,
) -> Result<Option<SessionKey>, RpcError> {
    match (key, turn) {
        (Some(key), _) => Ok(Some(cx.gateway.session_key(key, agent_of(agent).as_ref()))),
        (None, Some(turn)) => {
            let running = cx.gateway.sessions.running();
            Ok(running.into_iter().find(|(_, it)| it == turn).map(|(key, _)| key))
        }
        (None, None) => Err(RpcError::invalid("key or runId required")),
    }
}
