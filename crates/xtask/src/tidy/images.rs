//! The sandbox images' Dockerfiles stand under two names, one of each generation, and must not
//! drift apart.

use super::Problem;
use crate::workspace::Tree;

/// The file that the scripts use, and the same under its newer name.
const SAME: [(&str, &str); 2] = [
    ("Dockerfile.sandbox", "scripts/docker/sandbox/Dockerfile"),
    ("Dockerfile.sandbox-common", "scripts/docker/sandbox/Dockerfile.common"),
];

/// Compares the files of each pair.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let differ = SAME.iter().filter(|(used, copy)| tree.get(used) != tree.get(copy));
    differ
        .map(|(used, copy)| Problem::new(copy, 0, format!("is not the same as `{used}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
