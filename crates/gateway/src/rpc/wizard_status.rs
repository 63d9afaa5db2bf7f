//! `wizard.status`: how the setup wizard stands.

use super::{
    Cx, Method, RpcError,
    wizard_cancel::{Params, Reply},
    wizard_start::refusal,
};

/// Says how the setup wizard stands.
pub(super) struct WizardStatus;

impl Method for WizardStatus {
    const NAME: &'static str = "wizard.status";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        cx.gateway.wizards.status(&params.session_id).map(Reply::of).map_err(refusal)
    }
}
