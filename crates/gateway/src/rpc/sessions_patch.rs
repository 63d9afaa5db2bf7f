//! `sessions.patch`: changes the settings of a conversation.
//!
//! A setting that is left out stays, `null` clears it.

use std::sync::Arc;

use domain::SessionKey;
use models::Model;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{
    Cx, Method, RpcError,
    change::Change,
    levels,
    session_row::{self, Resolved},
    sessions_list,
};
use crate::state::Gateway;

const LABEL_CHARS_MAX: usize = 64;

/// Changes the settings of a conversation.
pub(super) struct SessionsPatch;

/// Which conversation, and what changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    #[serde(flatten)]
    changes: Changes,
}
