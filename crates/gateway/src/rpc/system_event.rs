//! `system-event`: something happened that the main conversation should know of.

use domain::Scope;
use protocol::event::PresenceEntry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Takes a note for the main conversation, and who sent it into the roster.
pub(super) struct SystemEvent;

/// The note, and what is known of its sender.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    text: String,
    session_key: Option<String>,
    device_id: Option<String>,
    instance_id: Option<String>,
    host: Option<String>,
    ip: Option<String>,
    mode: Option<String>,
    version: Option<String>,
    platform: Option<String>,
    device_family: Option<String>,
    model_identifier: Option<String>,
    last_input_seconds: Option<f64>,
    reason: Option<String>,
    roles: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    tags: Option<Vec<String>>,
}

/// It was taken.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
}

impl Method for SystemEvent {
    const NAME: &'static str = "system-event";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let text = params.text.trim().to_owned();
        if text.is_empty() {
            return Err(RpcError::invalid("text required"));
        }
        let session = gateway.session_key(params.session_key.as_deref().unwrap_or("main"), None);
        gateway.sessions.notify(&session, text)?;
        let (key, entry) = params.presence(gateway.clock.now().0);
        gateway.roster.put(&key, entry);
        gateway.events.presence_changed();
        Ok(Reply { ok: true })
    }
}

impl Params {
    /// What the roster keeps, and under which name.
    fn presence(self, ts: i64) -> (String, PresenceEntry) {
        let names = [&self.device_id, &self.instance_id, &self.host, &self.ip];
        let key = names.into_iter().flatten().next().cloned();
        let key = key.unwrap_or_else(|| self.text.chars().take(64).collect());
        let entry = PresenceEntry {
            host: self.host,
            ip: self.ip,
            mode: self.mode,
            version: self.version,
            platform: self.platform,
            device_family: self.device_family,
            model_identifier: self.model_identifier,
            last_input_seconds: self.last_input_seconds,
            reason: self.reason,
            device_id: self.device_id,
            instance_id: self.instance_id,
            roles: self.roles,
            scopes: self.scopes,
            tags: self.tags,
            text: Some(self.text),
            ts,
        };
        (key, entry)
    }
}
