//! `config.patch`: changes some values of the config file (JSON merge patch, RFC 7396).

use std::collections::BTreeSet;

use config::{Edited, Editor, Loaded};
use protocol::Version;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Cx, Method, RpcError,
    config_apply::{Note, Reply},
    config_file,
};

/// Changes some values of the config file.
pub(super) struct ConfigPatch;

/// The patch, the hash of the text it changes, and what is noted about it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    raw: String,
    base_hash: Option<String>,
    session_key: Option<String>,
    note: Option<String>,
    /// Lists that may get shorter.
    replace_paths: Option<BTreeSet<String>>,
    /// Accepted, though nothing here waits.
    #[serde(rename = "restartDelayMs")]
    _restart_delay_ms: Option<u64>,
    #[serde(rename = "deliveryContext")]
    _delivery_context: Option<Value>,
}

impl Method for ConfigPatch {
    const NAME: &'static str = "config.patch";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let Params { raw, base_hash, session_key, note, replace_paths, .. } = params;
        let keeps_lists = cx.caller.version >= Version::V4;
        let written = config_file::write(&cx.gateway, base_hash, move |editor, present| {
            let patch = parsed(&raw, editor)?;
            let allowed = replace_paths.unwrap_or_default();
            if keeps_lists {
                check_lists(present, &patch, &allowed)?;
            }
            edit(editor, present, &patch)
        })
        .await?;
        let note = Note { kind: "config-patch", session_key, text: note };
        Ok(Reply::of(written, note, cx.gateway.clock.now()))
    }
}

fn edit(editor: &Editor<'_>, present: &Loaded, patch: &Value) -> Result<Edited, RpcError> {
    let raw = present.snapshot.raw.as_deref().unwrap_or_default();
    editor.merge_patch(raw, patch).map_err(config_file::refusal)
}

/// Newer clients must say so when they mean to drop items of a list.
fn check_lists(
    present: &Loaded,
    patch: &Value,
    allowed: &BTreeSet<String>,
) -> Result<(), RpcError> {
    let shrunk = config_file::shrunk(&present.snapshot.parsed, patch, allowed);
    if shrunk.is_empty() {
        return Ok(());
    }
    let text = format!(
        "the patch makes lists shorter: {}; name them in replacePaths if that is meant",
        shrunk.join(", ")
    );
    Err(RpcError::invalid(text))
}

/// Reads the patch as config text is read, with the same limits.
fn parsed(raw: &str, editor: &Editor<'_>) -> Result<Value, RpcError> {
    let snapshot = config::load_text(raw, editor.locations, editor.env).snapshot;
    if !snapshot.parsed.is_object() {
        return Err(RpcError::invalid("config.patch raw must be an object"));
    }
    // Text that cannot be read parses to nothing and has one problem.
    let is_empty = snapshot.parsed.as_object().is_some_and(serde_json::Map::is_empty);
    match snapshot.problems.first() {
        Some(problem) if is_empty => Err(RpcError::invalid(problem.message.clone())),
        Some(_) | None => Ok(snapshot.parsed),
    }
}
