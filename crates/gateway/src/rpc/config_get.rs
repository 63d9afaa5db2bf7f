//! `config.get`: the configuration as the file has it and as it is in force, secrets masked.

use config::{Loaded, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Method, RpcError, config_file};

/// Shows the configuration.
pub(super) struct ConfigGet;

/// Nothing to choose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The configuration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    path: String,
    included_paths: Vec<String>,
    exists: bool,
    raw: Option<String>,
    parsed: Value,
    valid: bool,
    config: Value,
    hash: String,
    /// Of the file, and of the file as it was when it came into force.
    config_revision_hash: String,
    applied_config_hash: String,
    issues: Vec<Issue>,
    warnings: Vec<Issue>,
    legacy_issues: Vec<Issue>,
}

/// One thing that is wrong with the file.
#[derive(Serialize)]
pub(super) struct Issue {
    path: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Method for ConfigGet {
    const NAME: &'static str = "config.get";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let loaded = config_file::read(&cx.gateway).await?;
        let applied = cx.gateway.loaded.borrow().snapshot.hash.clone();
        Ok(reply(loaded, applied))
    }
}

fn reply(loaded: Loaded, applied: String) -> Reply {
    let snapshot = loaded.snapshot;
    Reply {
        path: snapshot.path.display().to_string(),
        included_paths: snapshot.included.iter().map(|it| it.display().to_string()).collect(),
        exists: snapshot.exists,
        raw: snapshot.raw.as_deref().and_then(config::redact_raw),
        parsed: config::redact(snapshot.parsed),
        valid: snapshot.valid,
        config: config::redact_resolved(snapshot.resolved, &loaded.env),
        hash: snapshot.hash.clone(),
        config_revision_hash: snapshot.hash,
        applied_config_hash: applied,
        issues: issues(&snapshot.problems),
        warnings: issues(&snapshot.warnings),
        legacy_issues: issues(&snapshot.legacy),
    }
}

/// Problems as clients see them.
pub(super) fn issues(problems: &[Problem]) -> Vec<Issue> {
    let issue = |problem: &Problem| Issue {
        path: problem.path.clone(),
        message: problem.message.clone(),
        line: problem.line,
        hint: problem.hint.clone(),
    };
    problems.iter().map(issue).collect()
}
