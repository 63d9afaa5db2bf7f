//! The settings that pages of version 4 fetch once they hold a secret.

use config::Config;
use serde::Serialize;

use super::ui_avatar;
use crate::app::VERSION;

/// What the page is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the wire has these flags")]
pub(super) struct UiConfig {
    base_path: String,
    assistant_name: String,
    assistant_avatar: String,
    assistant_avatar_source: Option<String>,
    assistant_avatar_status: Option<&'static str>,
    assistant_avatar_reason: Option<&'static str>,
    assistant_agent_id: String,
    server_version: &'static str,
    embed_sandbox: &'static str,
    allow_external_embed_urls: bool,
    automatically_fetch_favicons: bool,
    community_invite: bool,
    terminal_enabled: bool,
    cli_agents_enabled: bool,
    plugin_assets_require_auth: bool,
    plugin_frame_grants: [(); 0],
}

/// Reads the settings off the configuration.
pub(super) fn of(config: &Config) -> UiConfig {
    let agent = config.agents.get(&config.agents.default);
    let identity = agent.map(|agent| agent.identity.clone()).unwrap_or_default();
    let name = identity.name.clone().or_else(|| agent.and_then(|agent| agent.name.clone()));
    let avatar = agent.map(ui_avatar::of).unwrap_or_default();
    let base = &config.gateway.control_ui.base_path;
    let shown = avatar.url(base, &config.agents.default).or(identity.emoji);
    UiConfig {
        base_path: base.clone(),
        assistant_name: name.unwrap_or_else(|| "Assistant".to_owned()),
        assistant_avatar: shown.unwrap_or_else(|| "A".to_owned()),
        assistant_avatar_source: avatar.source.clone(),
        assistant_avatar_status: avatar.status,
        assistant_avatar_reason: avatar.reason,
        assistant_agent_id: config.agents.default.to_string(),
        server_version: VERSION,
        embed_sandbox: "strict",
        allow_external_embed_urls: false,
        automatically_fetch_favicons: false,
        community_invite: false,
        terminal_enabled: false,
        cli_agents_enabled: false,
        plugin_assets_require_auth: true,
        plugin_frame_grants: [],
    }
}
