//! `config.set`: replaces the text of the config file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Method, RpcError, config_file};

/// Replaces the text of the config file.
pub(super) struct ConfigSet;

/// The new text, and the hash of the one it replaces.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    raw: String,
    base_hash: Option<String>,
}

/// What is in the file now.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    path: String,
    config: Value,
}

impl Method for ConfigSet {
    const NAME: &'static str = "config.set";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let written = config_file::write(&cx.gateway, params.base_hash, move |editor, present| {
            config_file::replace(editor, present, &params.raw)
        })
        .await?;
        Ok(Reply { ok: true, path: written.path, config: written.config })
    }
}
