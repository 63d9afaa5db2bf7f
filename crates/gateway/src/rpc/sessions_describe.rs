//! `sessions.describe`: one conversation as `sessions.list` has it.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cx, Kind, Method, RpcError,
    session_row::{self, Row, Rows},
};

pub(super) struct SessionsDescribe;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    include_derived_titles: Option<bool>,
    include_last_message: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    /// `null` when there is no such conversation.
    session: Option<Row>,
}

impl Method for SessionsDescribe {
    const NAME: &'static str = "sessions.describe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let key = gateway.session_key(&params.key, None);
        let Some(entry) = gateway.sessions_of(&key).get(&key) else {
            return Ok(Reply { session: None });
        };
        let mut row = Rows::new(gateway).row(&key, &entry);
        let (titled, last) = (params.include_derived_titles, params.include_last_message);
        if titled == Some(true) || last == Some(true) {
            let told = session_row::told(gateway, &key, &entry).await;
            row.derived_title = (titled == Some(true)).then(|| session_row::title(&entry, &told));
            row.last_message_preview = told.last.filter(|_| last == Some(true));
        }
        Ok(Reply { session: Some(row) })
    }
}
