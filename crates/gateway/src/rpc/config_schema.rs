//! `config.schema`: what the configuration may say, for forms that edit it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Method, RpcError};
use crate::app::VERSION;

/// Describes the configuration.
pub(super) struct ConfigSchema;

/// Nothing to choose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The description.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    schema: Value,
    ui_hints: Value,
    version: &'static str,
    generated_at: String,
}

impl Method for ConfigSchema {
    const NAME: &'static str = "config.schema";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(Reply {
            schema: config::schema(),
            ui_hints: config::ui_hints(),
            version: VERSION,
            generated_at: cx.gateway.clock.now().to_iso(),
        })
    }
}
