//! From decisions to what is written: a patch for the config, a credential, directories.
//!
//! Pure. Keys that the decisions do not speak of are not in the patch and so stay as they are.

use std::path::PathBuf;

use domain::{Secret, UnixMillis};
use serde_json::{Map, Value, json};
use store::{AuthProfile, Credential};

use crate::{
    facts::{Facts, Token},
    offer::Proof,
    setup::{Auth, Channels, Dialect, GatewaySetup, ModelSetup, Reset, Setup, Target},
};

/// Tokens of context that a model of a server of one's own is taken to have.
const CONTEXT_TOKENS: u32 = 128_000;
/// Tokens that it is taken to write at most.
const OUTPUT_TOKENS: u32 = 8_192;

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is set aside first.
    pub reset: Option<Reset>,
    /// A merge patch (RFC 7396) for the config.
    pub patch: Value,
    /// A credential and its name.
    pub profile: Option<(String, AuthProfile)>,
    /// A key that is kept in the `.env` file of the state directory, and its variable.
    pub variable: Option<(&'static str, Secret)>,
    /// Whether a workspace is made on this machine.
    pub is_local: bool,
    /// Which command ran, for the note in the config; `None` leaves no note.
    pub command: Option<&'static str>,
}

impl Plan {
    /// What `setup` asks for, by the command of that name.
    pub fn of(setup: &Setup, facts: &Facts, command: Option<&'static str>) -> Self {
        let mut patch = Value::Object(Map::new());
        let mut add = |part: Value| merge(&mut patch, part);
        let is_local = match &setup.target {
            Some(Target::Remote { url, token }) => {
                add(json!({"gateway": {"mode": "remote", "remote": {"url": url}}}));
                if let Some(token) = token {
                    add(json!({"gateway": {"remote": {"token": token.expose()}}}));
                }
                false
            }
            Some(Target::Local) => {
                add(json!({"gateway": {"mode": "local"}}));
                true
            }
            None => facts.text("/gateway/mode") != Some("remote"),
        };
        if let Some(workspace) = &setup.workspace {
            let workspace = absolute(workspace, facts);
            add(json!({"agents": {"defaults": {"workspace": workspace}}}));
        }
        if let Some(model) = &setup.model {
            add(model_patch(model, facts));
        }
        if let Some(gateway) = &setup.gateway {
            add(gateway_patch(gateway, facts));
        }
        add(channels_patch(&setup.channels));
        if let Some(key) = &setup.web_key {
            let search = json!({"enabled": true, "apiKey": key.expose()});
            add(json!({"tools": {"web": {"search": search}}}));
        }
        if let Some(manager) = &setup.node_manager {
            add(json!({"skills": {"install": {"nodeManager": manager}}}));
        }
        let profile = setup.model.as_ref().and_then(profile_of);
        let variable = setup.model.as_ref().and_then(variable_of);
        Self { reset: setup.reset, patch, profile, variable, is_local, command }
    }

    /// The patch with the note of this run.
    pub(crate) fn patch_at(&self, version: &str, now: UnixMillis) -> Value {
        let mut patch = self.patch.clone();
        if let Some(command) = self.command {
            let mode = if self.is_local { "local" } else { "remote" };
            let note = json!({"wizard": {
                "lastRunAt": now.to_iso(),
                "lastRunVersion": version,
                "lastRunCommand": command,
                "lastRunMode": mode,
            }});
            merge(&mut patch, note);
        }
        patch
    }
}

/// Makes what a person typed a whole path; `~` is the home directory.
fn absolute(typed: &str, facts: &Facts) -> String {
    let typed = typed.trim();
    let path = match typed.strip_prefix('~') {
        Some("") => facts.home.clone(),
        Some(rest) if rest.starts_with('/') => facts.home.join(rest.trim_start_matches('/')),
        // A variable of the config is not ours to replace.
        _ if typed.starts_with("${") => PathBuf::from(typed),
        _ => facts.env.cwd().join(typed),
    };
    path.display().to_string()
}

fn model_patch(setup: &ModelSetup, facts: &Facts) -> Value {
    let mut patch = json!({});
    if setup.secret.is_some() && kept_in(setup) == Kept::Profile {
        let mode = if setup.offer.proof == Proof::Token { "token" } else { "api_key" };
        let profile = json!({"provider": setup.provider, "mode": mode});
        merge(&mut patch, json!({"auth": {"profiles": {(setup.profile.clone()): profile}}}));
    }
    let base_url = setup.base_url.as_deref().or(setup.offer.base_url);
    if let Some(base_url) = base_url.filter(|_| needs_provider_block(setup)) {
        merge(&mut patch, provider_patch(setup, base_url, facts));
    }
    if let Some(reference) = setup.reference() {
        let entry = match setup.offer.alias.filter(|_| is_default_model(setup)) {
            Some(alias) if !has_alias(facts, &reference) => json!({"alias": alias}),
            Some(_) | None => json!({}),
        };
        merge(
            &mut patch,
            json!({"agents": {"defaults": {
                "models": {(reference.clone()): entry},
                "model": {"primary": reference},
            }}}),
        );
    }
    patch
}

fn is_default_model(setup: &ModelSetup) -> bool {
    setup.model.as_deref() == Some(setup.offer.model)
}

fn has_alias(facts: &Facts, reference: &str) -> bool {
    let models = facts.written.pointer("/agents/defaults/models");
    models.and_then(|it| it.get(reference)?.get("alias")).is_some()
}

/// Where a secret is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Profile,
    /// In the `.env` file, as this variable.
    Variable(&'static str),
    Config,
}

/// Where the reference keeps it, so that either program finds it.
fn kept_in(setup: &ModelSetup) -> Kept {
    match (setup.offer.proof, setup.offer.variable) {
        (Proof::Key, Some(variable)) if setup.provider == "openai" => Kept::Variable(variable),
        (Proof::Key | Proof::Token, _) => Kept::Profile,
        (Proof::Address | Proof::AddressAndKey, _) => Kept::Config,
    }
}

fn needs_provider_block(setup: &ModelSetup) -> bool {
    setup.base_url.is_some() || setup.offer.base_url.is_some()
}

/// The block of a provider whose address is not the one that `models` knows.
fn provider_patch(setup: &ModelSetup, base_url: &str, facts: &Facts) -> Value {
    let api = match setup.dialect {
        Dialect::OpenAi => "openai-completions",
        Dialect::Anthropic => "anthropic-messages",
    };
    let mut block = json!({"baseUrl": base_url, "api": api});
    if let Some(secret) = setup.secret.as_ref().filter(|_| kept_in(setup) == Kept::Config) {
        merge(&mut block, json!({"apiKey": secret.expose()}));
    }
    let place = format!("/models/providers/{}/models", setup.provider);
    let known = facts.written.pointer(&place).and_then(Value::as_array);
    let mut models: Vec<Value> = known.cloned().unwrap_or_default();
    if let Some(model) = &setup.model
        && !models.iter().any(|it| it.get("id").and_then(Value::as_str) == Some(model))
    {
        models.push(json!({
            "id": model,
            "name": model,
            "contextWindow": CONTEXT_TOKENS,
            "maxTokens": OUTPUT_TOKENS,
        }));
    }
    merge(&mut block, json!({"models": models}));
    json!({"models": {"providers": {(setup.provider.clone()): block}}})
}

fn profile_of(setup: &ModelSetup) -> Option<(String, AuthProfile)> {
    let secret = setup.secret.clone().filter(|_| kept_in(setup) == Kept::Profile)?;
    let credential = if setup.offer.proof == Proof::Token {
        Credential::Token { token: secret, expires: setup.expires.map(UnixMillis) }
    } else {
        Credential::ApiKey { key: secret }
    };
    let profile = AuthProfile { provider: setup.provider.clone(), email: None, credential };
    Some((setup.profile.clone(), profile))
}

fn variable_of(setup: &ModelSetup) -> Option<(&'static str, Secret)> {
    let Kept::Variable(name) = kept_in(setup) else { return None };
    Some((name, setup.secret.clone()?))
}

fn gateway_patch(setup: &GatewaySetup, facts: &Facts) -> Value {
    let mut auth = json!({"mode": setup.auth.mode()});
    match &setup.auth {
        Auth::Token(Token::Given(token) | Token::Fresh(token)) => {
            merge(&mut auth, json!({"token": token.expose()}));
        }
        Auth::Token(Token::Variable(name)) => {
            merge(&mut auth, json!({"token": format!("${{{name}}}")}));
        }
        Auth::Password(Some(password)) => {
            merge(&mut auth, json!({"password": password.expose()}));
        }
        Auth::Token(Token::Kept) | Auth::Password(None) => {}
    }
    let mut gateway = json!({
        "port": setup.port,
        "bind": setup.bind,
        "auth": auth,
        "tailscale": {"mode": setup.tailscale, "resetOnExit": setup.tailscale_reset},
    });
    if let Some(host) = &setup.host {
        merge(&mut gateway, json!({"customBindHost": host}));
    }
    let has_origins = facts.written.pointer("/gateway/controlUi/allowedOrigins").is_some();
    if setup.bind != "loopback" && !has_origins {
        // Else the Control UI would be refused from this very machine.
        let origins =
            ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{}", setup.port));
        merge(&mut gateway, json!({"controlUi": {"allowedOrigins": origins}}));
    }
    json!({"gateway": gateway})
}

fn channels_patch(setup: &Channels) -> Value {
    let mut channels = json!({});
    let with_policy = |mut block: Value| {
        if let Some(policy) = &setup.dm_policy {
            merge(&mut block, json!({"dmPolicy": policy}));
            if policy == "open" {
                merge(&mut block, json!({"allowFrom": ["*"]}));
            }
        }
        block
    };
    if let Some(token) = &setup.telegram {
        let block = with_policy(json!({"enabled": true, "botToken": token.expose()}));
        merge(&mut channels, json!({"telegram": block}));
    }
    if let Some(token) = &setup.discord {
        let mut block = json!({"enabled": true, "token": token.expose()});
        if let Some(policy) = &setup.dm_policy {
            let mut dm = json!({"policy": policy});
            if policy == "open" {
                merge(&mut dm, json!({"allowFrom": ["*"]}));
            }
            merge(&mut block, json!({"dm": dm}));
        }
        merge(&mut channels, json!({"discord": block}));
    }
    if setup.whatsapp {
        merge(&mut channels, json!({"whatsapp": with_policy(json!({"enabled": true}))}));
    }
    if channels.as_object().is_some_and(Map::is_empty) {
        return json!({});
    }
    json!({"channels": channels})
}

/// Adds `part` to `whole`: objects key by key, everything else replaced.
fn merge(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                merge(whole.entry(key).or_insert(Value::Null), value);
            }
        }
        (whole, part) => *whole = part,
    }
}

/// Whether `secret` is worth keeping.
pub(crate) fn is_filled(secret: &Secret) -> bool {
    !secret.expose().trim().is_empty()
}
