//! The sandbox images' Dockerfiles stand under two names, one of each generation, and must not
//! drift apart; the gateway's image says which version it holds.

use super::Problem;
use crate::workspace::Tree;

/// The file that the scripts use, and the same under its newer name.
const SAME: [(&str, &str); 3] = [
    ("Dockerfile.sandbox", "scripts/docker/sandbox/Dockerfile"),
    ("Dockerfile.sandbox-common", "scripts/docker/sandbox/Dockerfile.common"),
    ("Dockerfile.sandbox-browser", "scripts/docker/sandbox/Dockerfile.browser"),
];

/// Compares the files of each pair, and the image's version with the workspace's.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let differ = SAME.iter().filter(|(used, copy)| tree.get(used) != tree.get(copy));
    let mut problems: Vec<Problem> = differ
        .map(|(used, copy)| Problem::new(copy, 0, format!("is not the same as `{used}`")))
        .collect();
    let ours = value(tree, "Cargo.toml", "version = \"").map(|it| it.trim_end_matches('"'));
    let labelled = value(tree, "Dockerfile", "ARG OPENCLAW_VERSION=");
    if ours != labelled {
        let message = format!("OPENCLAW_VERSION is not `{}`", ours.unwrap_or_default());
        problems.push(Problem::new("Dockerfile", 0, message));
    }
    problems
}

/// What follows `start` in the first line of a file that begins so.
fn value<'a>(tree: &'a Tree, path: &str, start: &str) -> Option<&'a str> {
    tree.get(path)?.lines().find_map(|line| line.strip_prefix(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_says_another_version_is_told() {
        let files = [
            ("Cargo.toml", "[workspace.package]\nversion = \"2026.12.0\"\n"),
            ("Dockerfile", "FROM a\nARG OPENCLAW_VERSION=2026.11.0\n"),
        ];

        let problems = check(&Tree::of(&files));

        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["Dockerfile: OPENCLAW_VERSION is not `2026.12.0`"]);
    }

    #[test]
    fn a_copy_that_drifted_is_told() {
        let files = [
            ("Dockerfile.sandbox", "FROM a\n"),
            ("scripts/docker/sandbox/Dockerfile", "FROM b\n"),
            ("Dockerfile.sandbox-common", "FROM c\n"),
            ("scripts/docker/sandbox/Dockerfile.common", "FROM c\n"),
        ];

        let problems = check(&Tree::of(&files));

        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = "scripts/docker/sandbox/Dockerfile: is not the same as `Dockerfile.sandbox`";
        assert_eq!(shown, [expected]);
    }
}
