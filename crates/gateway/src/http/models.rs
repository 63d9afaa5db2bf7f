//! `GET /v1/models`: the agents, as models of `OpenAI`'s API.

use axum::http::StatusCode;
use serde::Serialize;

use super::reply::{self, Kind, Reply};
use crate::state::Gateway;

#[derive(Serialize)]
struct List {
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
    permission: [(); 0],
}

/// All of them.
pub(crate) fn list(gateway: &Gateway) -> Reply {
    let data = ids(gateway).into_iter().map(model).collect();
    reply::json(StatusCode::OK, &List { object: "list", data })
}

/// The one called `id`, still in its URL form.
pub(crate) fn one(gateway: &Gateway, id: &str) -> Reply {
    let id = id.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":").replace("%3a", ":");
    if ids(gateway).contains(&id) {
        return reply::json(StatusCode::OK, &model(id));
    }
    reply::error(StatusCode::BAD_REQUEST, Kind::InvalidRequestError, "Invalid model id.")
}

fn ids(gateway: &Gateway) -> Vec<String> {
    let config = gateway.config();
    let agents = config.agents.list.iter().map(|agent| format!("openclaw/{}", agent.id));
    ["openclaw", "openclaw/default"].map(str::to_owned).into_iter().chain(agents).collect()
}

fn model(id: String) -> Model {
    Model { id, object: "model", created: 0, owned_by: "openclaw", permission: [] }
}
