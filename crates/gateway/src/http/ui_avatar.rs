//! Pictures of agents: `<base>/avatar/<agent>`, a file of the agent's workspace.

use std::path::PathBuf;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use config::{Agent, Config};
use domain::AgentId;
use held::Dir;
use serde_json::json;

use super::{assets, reply, reply::Reply, ui::blocking};

/// Largest picture.
const BYTES_MAX: u64 = 2 << 20;
const KINDS: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "svg"];

/// What an agent's picture is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Avatar {
    /// What the config says.
    pub(super) source: Option<String>,
    /// `remote`, `data`, `local` or `text`.
    pub(super) status: Option<&'static str>,
    /// Why it is not shown.
    pub(super) reason: Option<&'static str>,
    workspace: PathBuf,
}

/// Reads an agent's picture off its settings.
pub(super) fn of(agent: &Agent) -> Avatar {
    let Some(source) = agent.identity.avatar.clone() else { return Avatar::default() };
    let starts = |heads: &[&str]| heads.iter().any(|head| source.starts_with(head));
    let status = if starts(&["http://", "https://"]) {
        "remote"
    } else if starts(&["data:image/"]) {
        "data"
    } else if is_picture(&source) {
        "local"
    } else {
        "text"
    };
    let reason = (status == "remote").then_some("pictures from elsewhere are not fetched");
    Avatar {
        source: Some(source),
        status: Some(status),
        reason,
        workspace: agent.workspace.clone(),
    }
}

impl Avatar {
    /// Where a page finds it.
    pub(super) fn url(&self, base: &str, agent: &AgentId) -> Option<String> {
        match self.status? {
            "local" => Some(format!("{base}/avatar/{agent}")),
            _ => self.source.clone(),
        }
    }
}

/// Answers with the picture, or with where it is.
pub(super) async fn answer(config: &Config, agent: &str, query: Option<&str>) -> Reply {
    let id = AgentId::normalise(agent);
    let avatar = config.agents.get(&id).map(of).unwrap_or_default();
    if query.is_some_and(|query| query.split('&').any(|it| it == "meta=1")) {
        let url = avatar.url(&config.gateway.control_ui.base_path, &id);
        let body = json!({"avatarUrl": url, "avatarSource": avatar.source,
            "avatarStatus": avatar.status, "avatarReason": avatar.reason});
        return reply::json(StatusCode::OK, &body);
    }
    let Some(name) = avatar.source.filter(|_| avatar.status == Some("local")) else {
        return reply::not_found();
    };
    let kind = assets::kind_of(&name);
    // A tool may write in the workspace at any moment.
    let exposed = config.agents.exposed();
    let read = blocking(move || {
        let workspace = Dir::find(&avatar.workspace, &exposed).ok()?;
        assets::read_inside(&workspace, &name, BYTES_MAX)
    });
    let Some(bytes) = read.await.flatten() else { return reply::not_found() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}

fn is_picture(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    assets::is_plain(name) && ending.is_some_and(|ending| KINDS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_of_pictures_are_files() {
        for name in ["me.png", "art/me.SVG"] {
            assert!(is_picture(name), "{name}");
        }
        for name in ["../me.png", "/etc/me.png", "me.txt", "png", "🦀"] {
            assert!(!is_picture(name), "{name}");
        }
    }
}
