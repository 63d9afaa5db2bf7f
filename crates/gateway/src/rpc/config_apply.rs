//! `config.apply`: replaces the text of the config file and brings it into force.

use domain::UnixMillis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Cx, Method, RpcError,
    config_file::{self, Restart, Written},
};

/// Replaces the text of the config file and brings it into force.
pub(super) struct ConfigApply;

/// The new text, the hash of the one it replaces, and what is noted about it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    raw: String,
    base_hash: Option<String>,
    session_key: Option<String>,
    note: Option<String>,
    /// Accepted, though nothing here waits.
    #[serde(rename = "restartDelayMs")]
    _restart_delay_ms: Option<u64>,
    #[serde(rename = "deliveryContext")]
    _delivery_context: Option<Value>,
}

/// What is in the file now, and what becomes of it.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    path: String,
    config: Value,
    restart: Restart,
    sentinel: Sentinel,
}

/// A note for after the restart; without a restart by ourselves it is not written down.
#[derive(Serialize)]
struct Sentinel {
    path: Option<String>,
    payload: Payload,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    kind: &'static str,
    status: &'static str,
    ts: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_key: Option<String>,
    message: Option<String>,
}

/// What a client noted about a change.
pub(super) struct Note {
    /// What made the change.
    pub(super) kind: &'static str,
    /// The conversation that asked for it.
    pub(super) session_key: Option<String>,
    /// Why.
    pub(super) text: Option<String>,
}

impl Method for ConfigApply {
    const NAME: &'static str = "config.apply";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let Params { raw, base_hash, session_key, note, .. } = params;
        let written = config_file::write(&cx.gateway, base_hash, move |editor, present| {
            config_file::replace(editor, present, &raw)
        })
        .await?;
        let note = Note { kind: "config-apply", session_key, text: note };
        Ok(Reply::of(written, note, cx.gateway.clock.now()))
    }
}

impl Reply {
    /// Tells of a change that was written.
    pub(super) fn of(written: Written, note: Note, now: UnixMillis) -> Self {
        let payload = Payload {
            kind: note.kind,
            status: "ok",
            ts: now,
            session_key: note.session_key,
            message: note.text,
        };
        Self {
            ok: true,
            path: written.path,
            config: written.config,
            restart: written.restart,
            sentinel: Sentinel { path: None, payload },
        }
    }
}
