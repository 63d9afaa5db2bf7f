//! `dashboard`: the address of the Control UI, with the token in it, opened where that is
//! possible.
//!
//! The token stands in the fragment, which browsers keep to themselves: no log and no proxy
//! sees it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use config::{AuthMode, Env};
use serde_json::json;

use crate::{error::Failure, program::Program, target, ui};

/// Print the address of the Control UI, and open it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw dashboard --no-open")]
pub(crate) struct Args {
    /// Print the address only
    #[arg(long)]
    no_open: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the page is, and how one gets in.
struct Page {
    url: String,
    has_token: bool,
    port: u16,
}

/// What became of the wish to have it opened.
enum Opening {
    Opened,
    NotAsked,
    /// Nobody here could see it.
    Elsewhere(Elsewhere),
}

#[derive(Clone, Copy)]
enum Elsewhere {
    Container,
    Ssh,
    NoBrowser,
}

impl Elsewhere {
    fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Ssh => "ssh",
            Self::NoBrowser => "no-browser",
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all commands have this shape")]
pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let page = page(program);
    let env = program.env();
    let opening = if args.no_open { Opening::NotAsked } else { open(env, &page.url) };
    let copied = !args.no_open && copy(env, &page.url);
    if args.json {
        let (opened, reason) = match &opening {
            Opening::Opened => (true, None),
            Opening::NotAsked => (false, Some("not-asked")),
            Opening::Elsewhere(where_) => (false, Some(where_.as_str())),
        };
        ui::answer_json(&json!({
            "url": page.url,
            "hasToken": page.has_token,
            "copied": copied,
            "opened": opened,
            "reason": reason,
        }));
        return Ok(());
    }
    ui::answer(format!("Dashboard URL: {}", page.url));
    if copied {
        ui::answer("Copied to the clipboard.");
    }
    if !page.has_token {
        ui::answer(no_token(program));
    }
    match opening {
        Opening::Opened => ui::answer("Opened in the browser."),
        Opening::NotAsked => {}
        Opening::Elsewhere(where_) => tell_way(program, &page, where_),
    }
    Ok(())
}

fn page(program: &Program) -> Page {
    let base = program.setting_text("/gateway/controlUi/basePath").unwrap_or_default();
    let base = match base.trim().trim_matches('/') {
        "" => String::new(),
        base => format!("/{base}"),
    };
    let is_remote = program.setting_text("/gateway/mode") == Some("remote");
    let remote = program.setting_text("/gateway/remote/url").filter(|_| is_remote);
    let ws = remote.map_or_else(|| target::local_url(program), str::to_owned);
    let http = ws.replacen("ws", "http", 1);
    let mut url = format!("{}{base}/", http.trim_end_matches('/'));
    let token = match remote {
        Some(_) => program.setting_text("/gateway/remote/token").map(str::to_owned),
        None => local_token(program),
    };
    if let Some(token) = &token {
        url.push_str("#token=");
        url.push_str(&escaped(token));
    }
    Page { url, has_token: token.is_some(), port: target::local_port(program) }
}

/// The token that the gateway of this config takes.
fn local_token(program: &Program) -> Option<String> {
    let config = program.loaded().config.as_ref()?;
    let auth = &config.gateway.auth;
    let token = auth.token.as_ref().filter(|_| auth.mode == AuthMode::Token)?;
    Some(token.expose().to_owned())
}

/// As a fragment takes it: letters, digits and a few marks stay.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push_str(&hex::encode_upper([byte]));
        }
    }
    escaped
}

fn no_token(program: &Program) -> &'static str {
    match program.loaded().config.as_ref().map(|config| config.gateway.auth.mode) {
        Some(AuthMode::Password) => "The page asks for the gateway's password.",
        Some(AuthMode::None) => "No token is needed.",
        Some(AuthMode::TrustedProxy) => "Your proxy proves who you are.",
        Some(AuthMode::Token) | None => {
            "No token is known here; the page asks for the one the gateway was started with."
        }
    }
}

fn tell_way(program: &Program, page: &Page, elsewhere: Elsewhere) {
    let port = page.port;
    match elsewhere {
        Elsewhere::Container => {
            ui::say("Open it in a browser on the host, with the port that is published there:");
            ui::hint(format!("docker compose port openclaw-gateway {port}"));
        }
        Elsewhere::Ssh => {
            let user = program.env().get("USER").unwrap_or("<user>");
            let host = rustix::system::uname();
            let host = host.nodename().to_string_lossy().into_owned();
            ui::say("This is a remote shell. On your own machine run this, then open the address:");
            ui::hint(format!("ssh -N -L {port}:127.0.0.1:{port} {user}@{host}"));
        }
        Elsewhere::NoBrowser => ui::say("No browser was found here; open the address yourself."),
    }
}

/// Opens `url` in the person's browser, if there is a screen to see it on.
fn open(env: &Env, url: &str) -> Opening {
    if let Some(browser) = env.get("BROWSER").and_then(|it| find(env, it)) {
        return if start(&browser, url) {
            Opening::Opened
        } else {
            Opening::Elsewhere(Elsewhere::NoBrowser)
        };
    }
    if config::in_container(env) {
        return Opening::Elsewhere(Elsewhere::Container);
    }
    if env.first(&["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]).is_some() {
        return Opening::Elsewhere(Elsewhere::Ssh);
    }
    let name = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opener = find(env, name).filter(|_| has_screen(env));
    if opener.is_some_and(|opener| start(&opener, url)) {
        Opening::Opened
    } else {
        Opening::Elsewhere(Elsewhere::NoBrowser)
    }
}

fn has_screen(env: &Env) -> bool {
    cfg!(target_os = "macos") || env.first(&["WAYLAND_DISPLAY", "DISPLAY"]).is_some()
}

/// Puts `text` into the clipboard, if there is one.
fn copy(env: &Env, text: &str) -> bool {
    if !has_screen(env) {
        return false;
    }
    let tools: [(&str, &[&str]); 4] = [
        ("pbcopy", &[]),
        ("wl-copy", &[]),
        ("xclip", &["-selection", "clipboard"]),
        ("xsel", &["--clipboard", "--input"]),
    ];
    tools
        .into_iter()
        .any(|(name, args)| find(env, name).is_some_and(|program| feed(&program, args, text)))
}

/// The program called `name`, by itself or on the path.
fn find(env: &Env, name: &str) -> Option<PathBuf> {
    let name = name.split_whitespace().next()?;
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.is_file());
    }
    let path = env.get("PATH").unwrap_or_default();
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

#[expect(clippy::disallowed_methods, reason = "the person's own browser is no tool of an agent")]
fn start(program: &Path, url: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It lives on as long as the person likes.
    command.spawn().is_ok()
}

#[expect(clippy::disallowed_methods, reason = "the person's own clipboard is no tool of an agent")]
fn feed(program: &Path, args: &[&str], text: &str) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let written =
        child.stdin.take().is_some_and(|mut pipe| pipe.write_all(text.as_bytes()).is_ok());
    written && child.wait().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_fragment_is_escaped() {
        assert_eq!(escaped("ab-12._~"), "ab-12._~");
        assert_eq!(escaped("a b#c/é"), "a%20b%23c%2F%C3%A9");
    }
}
