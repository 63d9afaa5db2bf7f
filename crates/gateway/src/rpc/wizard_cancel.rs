//! `wizard.cancel`: ends the setup wizard; nothing is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError, wizard_start::refusal};
use crate::wizards::Standing;

/// Ends the setup wizard.
pub(super) struct WizardCancel;

/// The session.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    pub(super) session_id: String,
}

/// How it stands.
#[derive(Serialize)]
pub(super) struct Reply {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Reply {
    pub(super) fn of(standing: Standing) -> Self {
        Self { status: standing.status, error: standing.error }
    }
}

impl Method for WizardCancel {
    const NAME: &'static str = "wizard.cancel";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        cx.gateway.wizards.cancel(&params.session_id).map(Reply::of).map_err(refusal)
    }
}
