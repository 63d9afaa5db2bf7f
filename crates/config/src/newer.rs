//! Keys of OpenClaw 2026.9 that this version knows of and does not follow.
//!
//! A file that names them opens: they are left out of what is resolved, stay in the file, and
//! are warned about. A key that neither version has stays a problem, since it is likely a slip.

mod table;

use serde_json::Value;

use crate::{
    file::check::{self, UNKNOWN},
    names::Renamed,
    problem::{Finding, Path},
    tree,
};

/// Takes the newer keys out of `root` and returns a warning for each.
///
/// `renamed` translates a path of `root` to the one in the file, which the warning names.
pub(crate) fn set_aside(root: &mut Value, renamed: &Renamed) -> Vec<Finding> {
    let mut warnings = Vec::new();
    loop {
        let unknown = check::whole(root).into_iter().filter(|it| it.message == UNKNOWN);
        let before = warnings.len();
        for finding in unknown {
            let place = finding.path.clone();
            let written = renamed.as_written(finding);
            let Some(message) = message(&written.path) else { continue };
            if tree::take(root, &place.0).is_some() {
                warnings.push(Finding::new(written.path, message));
            }
        }
        // A list of findings has a limit, so there may be more behind them.
        if warnings.len() == before || warnings.len() >= check::FINDINGS_MAX {
            return warnings;
        }
    }
}

/// What is said of the key at `path`; `None` when 2026.9 does not have it either.
fn message(path: &Path) -> Option<&'static str> {
    let mut parts: Vec<&str> = path.0.iter().map(String::as_str).collect();
    // The list of 2026.2 and the map of 2026.9 hold the same entries.
    if let [section @ "agents", list @ "list", ..] = parts.as_mut_slice() {
        (*section, *list) = ("agents", "entries");
    }
    if table::LIMITS.iter().any(|pattern| matches(pattern, &parts)) {
        return Some("not followed by this version: what it forbids is not forbidden");
    }
    is_known(&parts).then_some("not used by this version; it stays in the file")
}

fn is_known(parts: &[&str]) -> bool {
    let listed = table::KEYS.iter().any(|(section, keys)| {
        let depth = if section.is_empty() { 0 } else { section.split('.').count() };
        parts.len() > depth
            && (depth == 0 || matches(section, &parts[..depth]))
            && keys.iter().any(|key| matches(key, &parts[depth..]))
    });
    listed || is_of_channel(parts)
}

fn is_of_channel(parts: &[&str]) -> bool {
    let Some((&"channels", rest)) = parts.split_first() else { return false };
    match rest {
        [id] => table::CHANNELS.contains(id),
        [id, "accounts", _, below @ ..] => {
            let of_channel: Vec<&str> =
                ["channels", *id].into_iter().chain(below.iter().copied()).collect();
            below.last().is_some_and(|key| table::CHANNEL_KEYS.contains(key))
                || (!below.is_empty() && is_known(&of_channel))
        }
        [_, .., key] => table::CHANNEL_KEYS.contains(key),
        [] => false,
    }
}

/// Whether the dotted `pattern` names exactly the place `parts`.
fn matches(pattern: &str, parts: &[&str]) -> bool {
    let mut parts = parts.iter();
    pattern.split('.').all(|name| parts.next().is_some_and(|part| name == "*" || name == *part))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names;

    fn warned(mut tree: Value) -> (Value, Vec<String>) {
        let renamed = names::normalise(&mut tree);
        let warnings = set_aside(&mut tree, &renamed);
        (tree, warnings.iter().map(|it| format!("{}: {}", it.path, it.message)).collect())
    }

    #[test]
    fn newer_keys_are_set_aside_with_the_path_that_was_written() {
        let kept = "not used by this version; it stays in the file";

        let (tree, warnings) = warned(json!({
            "telemetry": { "enabled": false },
            "agents": { "entries": { "ops": { "description": "x" } } },
            "models": { "providers": { "p": { "baseUrl": "u", "localService": { "command": "x" },
                "models": [{ "id": "m", "name": "m", "compat": { "supportsTools": true } }] } } },
            "channels": {
                "irc": { "host": "x" },
                "telegram": { "accounts": { "a": { "apiRoot": "x", "defaultTo": "y" } } },
            },
        }));

        assert_eq!(
            warnings,
            [
                format!("telemetry: {kept}"),
                format!("agents.entries.ops.description: {kept}"),
                format!("models.providers.p.localService: {kept}"),
                format!("models.providers.p.models.0.compat.supportsTools: {kept}"),
                format!("channels.irc: {kept}"),
                format!("channels.telegram.accounts.a.apiRoot: {kept}"),
                format!("channels.telegram.accounts.a.defaultTo: {kept}"),
            ]
        );
        assert_eq!(tree["agents"]["list"], json!([{ "id": "ops" }]));
        assert_eq!(tree["channels"], json!({ "telegram": { "accounts": { "a": {} } } }));
    }

    #[test]
    fn a_limit_that_is_not_followed_is_named_as_one_and_a_slip_stays_a_problem() {
        let (tree, warnings) = warned(json!({
            "commands": { "allowFrom": { "x": ["y"] } },
            "tools": { "denny": ["exec"] },
        }));

        assert_eq!(
            warnings,
            ["commands.allowFrom: not followed by this version: what it forbids is not forbidden"]
        );
        assert_eq!(tree["tools"], json!({ "denny": ["exec"] }));
    }
}
