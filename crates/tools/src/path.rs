//! Paths as models write them. Lexical only: symlinks and `~` are the sandbox's business.

use sandbox::SandboxError;

use crate::typography::is_exotic_space;

/// Removes what models put around a path: blanks, a leading `@`, exotic spaces.
pub(crate) fn clean(path: &str) -> String {
    let path = path.trim();
    let path = path.strip_prefix('@').unwrap_or(path);
    path.chars().map(|c| if is_exotic_space(c) { ' ' } else { c }).collect()
}

/// `path` seen from `base`, without `.` and `..`. One that starts with `~` stays as it is.
pub(crate) fn absolute(base: &str, path: &str) -> String {
    if path == "~" || path.starts_with("~/") {
        return path.to_owned();
    }
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{base}/{path}") };
    let mut segments: Vec<&str> = Vec::new();
    for segment in joined.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Refuses a path that leads out of `base`.
///
/// # Errors
///
/// [`SandboxError::Escape`].
pub(crate) fn confine(base: &str, path: &str) -> Result<(), SandboxError> {
    let root = absolute("/", base);
    let target = absolute(base, path);
    let inside = target.strip_prefix(root.trim_end_matches('/'));
    if inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        Ok(())
    } else {
        Err(SandboxError::Escape { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoration_is_removed() {
        assert_eq!(clean(" @src/main.rs\n"), "src/main.rs");
        assert_eq!(clean("a\u{202f}b\u{a0}c"), "a b c");
    }

    #[test]
    fn dots_are_resolved_and_home_is_left_alone() {
        let cases = [
            ("a/./b", "/w/a/b"),
            ("../x", "/x"),
            ("/etc//passwd", "/etc/passwd"),
            ("~/x", "~/x"),
            ("../../../..", "/"),
        ];

        for (path, expected) in cases {
            assert_eq!(absolute("/w", path), expected, "{path:?}");
        }
    }

    #[test]
    fn what_leaves_the_workspace_is_refused() {
        for inside in ["a", "./a/../b", "/w/x", "."] {
            assert!(confine("/w/", inside).is_ok(), "{inside}");
        }
        for outside in ["..", "/etc/passwd", "a/../../x", "~/x", "/wx"] {
            assert!(confine("/w/", outside).is_err(), "{outside}");
        }
    }
}
