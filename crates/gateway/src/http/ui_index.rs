//! Readies the first page: where it lies, what it may do.
//!
//! Our page gets no script of ours put into it. A page of somebody else, which may be that of the
//! reference, is told by globals as well, and its policy is looser.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::app::VERSION;

/// Everything from here, nothing inline, no text becomes markup but through the page's own
/// cleaner, and no other site may frame it or be asked for anything.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'self'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types dompurify";

/// A page, and what the browser lets it do.
pub(super) struct Index {
    /// The page.
    pub(super) text: String,
    /// `Content-Security-Policy`.
    pub(super) policy: String,
}

/// Our own page.
pub(super) fn ours(text: &str, base: &str) -> Index {
    let text = placed(text, base, "");
    Index { text, policy: POLICY.to_owned() }
}

/// A page from a folder.
pub(super) fn foreign(text: &str, base: &str) -> Index {
    let globals = [
        ("__OPENCLAW_CONTROL_UI_BASE_PATH__", base),
        ("__OPENCLAW_ASSISTANT_NAME__", "Assistant"),
        ("__OPENCLAW_ASSISTANT_AVATAR__", "A"),
    ];
    let is_told = text.contains("__OPENCLAW_ASSISTANT_NAME__");
    let script: String = globals
        .iter()
        .filter(|_| !is_told)
        .map(|(name, value)| {
            format!("window.{name}={};", Value::from(*value)).replace('<', "\\u003c")
        })
        .collect();
    let hash = STANDARD.encode(Sha256::digest(&script));
    let policy = format!(
        "default-src 'self'; script-src 'self' 'sha256-{hash}'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob: https:; connect-src 'self' ws: wss:; base-uri 'self'; \
         object-src 'none'; frame-ancestors 'none'"
    );
    let script = if is_told { String::new() } else { format!("<script>{script}</script>") };
    Index { text: placed(text, base, &script), policy }
}

/// Tells the page where it lies, so that a deep link finds its files.
fn placed(text: &str, base: &str, script: &str) -> String {
    let base = escaped(base);
    let attributes = format!(
        "<html data-openclaw-control-ui-base-path=\"{base}\" \
         data-openclaw-terminal-enabled=\"false\" \
         data-openclaw-control-ui-build-id=\"{VERSION}\""
    );
    let head = format!("<head><base href=\"{base}/\">{script}");
    text.replacen("<html", &attributes, 1).replacen("<head>", &head, 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><html lang=\"en\"><head><title>x</title></head></html>";

    #[test]
    fn our_page_knows_its_place_and_holds_no_script() {
        let made = ours(PAGE, "/a\"b");

        assert!(made.text.contains("<head><base href=\"/a&quot;b/\"><title>"), "{}", made.text);
        assert!(made.text.contains("data-openclaw-control-ui-base-path=\"/a&quot;b\""));
        assert!(!made.text.contains("<script") && !made.policy.contains("unsafe"));
    }

    #[test]
    fn a_page_of_others_gets_globals_whose_hash_is_allowed() {
        let made = foreign(PAGE, "/</script>");

        let from = made.text.split_once("<script>").unwrap().1;
        let script = from.split_once("</script>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(script));
        assert!(script.contains("BASE_PATH__=\"/\\u003c/script>\";"), "{script}");
        assert!(made.policy.contains(&hash));
        assert!(!foreign("<head>__OPENCLAW_ASSISTANT_NAME__", "").text.contains("<script>"));
    }
}
