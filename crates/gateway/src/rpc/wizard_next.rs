//! `wizard.next`: takes the answer to a step and answers the next one.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Cx, Method, RpcError,
    wizard_start::{Progress, refusal},
};
use crate::wizards::Given;

/// Goes on with the setup wizard.
pub(super) struct WizardNext;

/// The session, and the answer to its step; without one the step is told again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_id: String,
    answer: Option<Answer>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Answer {
    #[schemars(length(min = 1))]
    step_id: String,
    value: Option<Value>,
}

impl Method for WizardNext {
    const NAME: &'static str = "wizard.next";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Progress;

    async fn call(cx: Cx, params: Params) -> Result<Progress, RpcError> {
        let given = params.answer.map(|it| Given { step: it.step_id, value: it.value });
        let wizards = &cx.gateway.wizards;
        let standing =
            wizards.next(&cx.gateway, &params.session_id, given).await.map_err(refusal)?;
        Ok(Progress::of(standing))
    }
}
