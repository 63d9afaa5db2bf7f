//! Which crate may use which: the rank table of ARCHITECTURE.md.
//!
//! A crate depends on lower ranks only. Anyone may dev-depend on `testkit`, whose own
//! dependencies stay below the things it tests.

use super::Problem;
use crate::workspace::Tree;

/// Rank of every crate. A crate that is not listed does not belong to the project.
const RANKS: [(&str, u8); 17] = [
    ("domain", 0),
    ("held", 0),
    ("config", 1),
    ("protocol", 1),
    ("store", 1),
    ("boxd", 1),
    ("policy", 2),
    ("models", 2),
    ("sandbox", 2),
    ("client", 2),
    ("tools", 3),
    ("onboard", 3),
    ("agent", 4),
    ("gateway", 5),
    ("cli", 6),
    ("testkit", 1),
    ("xtask", 7),
];

/// The only crates that may know the wire; `xtask` measures it.
const KNOW_PROTOCOL: [&str; 4] = ["gateway", "client", "cli", "xtask"];

/// Names that say nothing about what a crate is.
const FORBIDDEN: [&str; 5] = ["common", "utils", "core", "types", "helpers"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Normal,
    Dev,
    Other,
}

/// Checks every manifest below `crates/`.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files() {
        if let Some(name) =
            path.strip_prefix("crates/").and_then(|it| it.strip_suffix("/Cargo.toml"))
        {
            check_manifest(path, name, text, &mut problems);
        }
    }
    problems
}

fn check_manifest(path: &str, name: &str, text: &str, problems: &mut Vec<Problem>) {
    if FORBIDDEN.contains(&name) {
        problems.push(Problem::new(path, 0, format!("`{name}` is no name for a crate")));
    }
    let Some(own_rank) = rank(name) else {
        problems.push(Problem::new(path, 0, format!("crate `{name}` has no rank")));
        return;
    };
    for required in [format!("name = \"{name}\""), "[lints]".to_owned()] {
        if !text.lines().any(|line| line == required) {
            problems.push(Problem::new(path, 0, format!("the manifest lacks `{required}`")));
        }
    }
    if !text.contains("publish.workspace = true") {
        problems.push(Problem::new(path, 0, "the manifest lacks `publish.workspace = true`"));
    }
    for (line, section, dependency) in dependencies(text) {
        let Some(its_rank) = rank(dependency) else {
            continue;
        };
        let refused = match (section, dependency) {
            (Section::Dev | Section::Normal, "testkit") if name == "xtask" => None,
            (Section::Dev, "testkit") => None,
            (_, "testkit") => Some("only tests may use `testkit`".to_owned()),
            (_, "protocol") if !KNOW_PROTOCOL.contains(&name) => {
                Some(format!("`{name}` must not know `protocol`"))
            }
            _ if its_rank >= own_rank => Some(format!(
                "`{name}` (rank {own_rank}) must not depend on `{dependency}` (rank {its_rank})"
            )),
            _ => None,
        };
        problems.extend(refused.map(|text| Problem::new(path, line, text)));
    }
}

fn rank(name: &str) -> Option<u8> {
    RANKS.iter().find(|(it, _)| *it == name).map(|(_, rank)| *rank)
}

/// The dependencies that a manifest names: line, section, crate.
fn dependencies(text: &str) -> Vec<(usize, Section, &str)> {
    let mut section = Section::Other;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            let (kind, one) = match header.rsplit_once("dependencies.") {
                Some((before, name)) => (format!("{before}dependencies"), Some(name)),
                None => (header.to_owned(), None),
            };
            section = if kind.ends_with("dev-dependencies") {
                Section::Dev
            } else if kind.ends_with("dependencies") {
                Section::Normal
            } else {
                Section::Other
            };
            if let Some(name) = one {
                found.push((at + 1, section, name));
                section = Section::Other;
            }
        } else if section != Section::Other
            && let Some((key, _)) = line.split_once('=')
        {
            let name = key.trim().split('.').next().unwrap_or_default();
            found.push((at + 1, section, name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(name: &str, dependencies: &str) -> Vec<String> {
        let path = format!("crates/{name}/Cargo.toml");
        let text = format!(
            "[package]\nname = \"{name}\"\npublish.workspace = true\n[lints]\nworkspace = true\n{dependencies}"
        );
        check(&Tree::of(&[(&path, &text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_may_use_lower_ranks_only() {
        assert_eq!(problems_of("agent", "[dependencies]\ntools.workspace = true\n"), [""; 0]);
        assert_eq!(
            problems_of("tools", "[dependencies]\nagent.workspace = true\n"),
            ["crates/tools/Cargo.toml:7: `tools` (rank 3) must not depend on `agent` (rank 4)"]
        );
        assert_eq!(
            problems_of("store", "[dependencies.config]\nworkspace = true\n"),
            ["crates/store/Cargo.toml:6: `store` (rank 1) must not depend on `config` (rank 1)"]
        );
    }

    #[test]
    fn testkit_is_for_tests_alone() {
        assert_eq!(problems_of("store", "[dev-dependencies]\ntestkit.workspace = true\n"), [""; 0]);
        assert_eq!(
            problems_of("store", "[dependencies]\ntestkit.workspace = true\n"),
            ["crates/store/Cargo.toml:7: only tests may use `testkit`"]
        );
        assert_eq!(problems_of("xtask", "[dependencies]\ntestkit.workspace = true\n"), [""; 0]);
    }

    #[test]
    fn the_wire_is_known_at_the_edges_alone() {
        assert_eq!(
            problems_of("agent", "[dependencies]\nprotocol = { path = \"../protocol\" }\n"),
            ["crates/agent/Cargo.toml:7: `agent` must not know `protocol`"]
        );
    }

    #[test]
    fn a_crate_without_a_rank_is_refused() {
        assert_eq!(
            problems_of("utils", ""),
            [
                "crates/utils/Cargo.toml: `utils` is no name for a crate",
                "crates/utils/Cargo.toml: crate `utils` has no rank",
            ]
        );
    }
}
