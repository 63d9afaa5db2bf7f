//! What a person sees when the gateway has started: where it is and what to do next.

use std::net::SocketAddr;

use config::{AuthMode, Config};
use domain::Secret;

use crate::{program::Program, ui};

/// What a person sees when the gateway has started.
pub(super) struct Banner<'a> {
    pub(super) program: &'a Program,
    pub(super) config: Option<&'a Config>,
    /// The proof that a flag asks for.
    pub(super) auth: Option<AuthMode>,
    pub(super) address: SocketAddr,
    /// A token that nobody else knows, made for this run.
    pub(super) ephemeral: Option<&'a Secret>,
    /// Whether the provider of the first model has a key.
    pub(super) has_key: bool,
}

impl Banner<'_> {
    pub(super) fn print(&self) {
        let title = format!("OpenClaw {}", env!("CARGO_PKG_VERSION"));
        ui::say(ui::paint(ui::ACCENT, title) + " " + self.listening());
        for (name, value) in self.rows() {
            ui::say(
                ui::Line::from("  ") + ui::paint(ui::MUTED, format!("{name:<8}")) + " " + value,
            );
        }
    }

    fn listening(&self) -> String {
        let scope = if self.address.ip().is_loopback() { "this machine" } else { "the network" };
        format!("listens on {} for {scope}", self.address)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let program = self.program;
        let host = match self.address {
            it if it.ip().is_unspecified() => format!("127.0.0.1:{}", it.port()),
            it => it.to_string(),
        };
        let base = self.config.map_or("", |config| &config.gateway.control_ui.base_path);
        let page = format!("http://{host}{base}/");
        let mut rows = vec![("page", page.clone())];
        rows.extend(self.proof(&page));
        let missing = if program.snapshot().exists { "" } else { " (none: defaults apply)" };
        rows.push(("config", format!("{}{missing}", program.config_path_shown())));
        rows.push(("state", program.locations.shorten(&program.locations.state_dir)));
        let agents = self.config.map(|config| &config.agents);
        let agent = agents.and_then(|agents| agents.get(&agents.default));
        if let Some(model) = agent.and_then(|agent| agent.models.first()) {
            rows.push(("model", model.to_string()));
            if !self.has_key {
                rows.push(("next", self.key_hint(&model.provider)));
            }
        }
        rows.push(("stop", format!("Ctrl-C, or {} gateway stop", program.invocation())));
        rows
    }

    /// How to get in: never the secret itself, unless nobody else knows it.
    fn proof(&self, page: &str) -> Vec<(&'static str, String)> {
        if let Some(token) = self.ephemeral {
            let token = token.expose();
            return vec![
                ("open", format!("{page}#token={token}")),
                ("clients", format!("export OPENCLAW_GATEWAY_TOKEN={token}")),
                (
                    "note",
                    format!(
                        "this token ends with this run; keep one with \
                         {} config set gateway.auth.token <token>",
                        self.program.invocation()
                    ),
                ),
            ];
        }
        let configured = self.config.map_or(AuthMode::Token, |config| config.gateway.auth.mode);
        match self.auth.unwrap_or(configured) {
            AuthMode::Token if self.program.setting_text("/gateway/auth/token").is_some() => {
                let get = format!("{} config get gateway.auth.token", self.program.invocation());
                vec![("open", format!("echo \"{page}#token=$({get})\""))]
            }
            AuthMode::Token => vec![("open", format!("{page}#token=<the token you gave>"))],
            AuthMode::Password => vec![("proof", "the password you gave".to_owned())],
            AuthMode::None => vec![("proof", "none: whoever is on this machine may".to_owned())],
            AuthMode::TrustedProxy => vec![("proof", "headers of your proxy".to_owned())],
        }
    }

    fn key_hint(&self, provider: &str) -> String {
        let name = provider.to_uppercase().replace('-', "_");
        let dotenv = self.program.locations.state_dir.join(".env");
        format!(
            "no key for {provider}: put {name}_API_KEY=… into {} and start again",
            self.program.locations.shorten(&dotenv)
        )
    }
}
