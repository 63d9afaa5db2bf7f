//! `wizard.start`: begins the setup wizard and answers its first step.

use onboard::Flags;
use protocol::error::{Code, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Cx, Method, RpcError};
use crate::wizards::{Refused, Standing, Step};

/// Begins the setup wizard.
pub(super) struct WizardStart;

/// What is decided beforehand.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    mode: Option<Mode>,
    workspace: Option<String>,
    /// The language of the questions, such as `zh-CN`. Ours.
    locale: Option<String>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Local,
    Remote,
}

/// How the session stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    session_id: String,
    #[serde(flatten)]
    standing: Progress,
}

/// Whether it is over, and what is asked if not.
#[derive(Serialize)]
pub(super) struct Progress {
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Progress {
    pub(super) fn of(standing: Standing) -> Self {
        let Standing { step, status, error, .. } = standing;
        Self { done: step.is_none(), step, status, error }
    }
}

impl Method for WizardStart {
    const NAME: &'static str = "wizard.start";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let mode = params.mode.map(|mode| match mode {
            Mode::Local => "local".to_owned(),
            Mode::Remote => "remote".to_owned(),
        });
        let workspace = params.workspace.filter(|text| !text.trim().is_empty());
        let flags = Flags { mode, workspace, ..Flags::default() };
        let locale = params.locale.as_deref();
        let started = cx.gateway.wizards.start(&cx.gateway, flags, locale).await;
        let standing = started.map_err(refusal)?;
        Ok(Reply { session_id: standing.id.clone(), standing: Progress::of(standing) })
    }
}

/// What clients are told when the wizard would not.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(super) fn refusal(refused: Refused) -> RpcError {
    match refused {
        // Who left a session behind, in another browser say, can end it.
        Refused::Running(ref id) => Error::new(Code::Unavailable, refused.to_string())
            .with_details(json!({"code": "WIZARD_RUNNING", "sessionId": id}))
            .into(),
        Refused::Busy => RpcError::unavailable(refused.to_string()),
        Refused::Unknown | Refused::NotAsked | Refused::Flags(_) => {
            RpcError::invalid(refused.to_string())
        }
    }
}
