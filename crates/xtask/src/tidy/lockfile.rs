//! Rules for what is linked: one copy of each heavy crate, one TLS crypto provider, no C TLS.

use super::Problem;
use crate::workspace::Tree;

/// Crates of which a second version would cost build time, size or sense.
const SINGLE: [&str; 16] = [
    "axum",
    "http",
    "hyper",
    "hyper-util",
    "indexmap",
    "jiff",
    "regex",
    "reqwest",
    "rustls",
    "serde",
    "serde_json",
    "tokio",
    "tokio-tungstenite",
    "tower",
    "tracing",
    "tungstenite",
];

/// Crypto providers of rustls: at most one may be linked, or the first use panics.
const PROVIDERS: [&str; 2] = ["aws-lc-rs", "ring"];

/// Never linked: TLS libraries of the system.
const BANNED: [&str; 2] = ["native-tls", "openssl-sys"];

/// Checks `Cargo.lock` for second copies.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let path = "Cargo.lock";
    let names: Vec<&str> = tree
        .get(path)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    SINGLE
        .iter()
        .filter_map(|heavy| {
            let copies = names.iter().filter(|name| *name == heavy).count();
            (copies > 1).then(|| Problem::new(path, 0, format!("{copies} copies of `{heavy}`")))
        })
        .collect()
}

/// Checks the names of the packages that are really built.
pub(super) fn check_linked(names: &[String]) -> Vec<Problem> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let mut problems = Vec::new();
    if PROVIDERS.iter().all(|it| has(it)) {
        let text = format!("both `{}` and `{}` are linked", PROVIDERS[0], PROVIDERS[1]);
        problems.push(Problem::new("Cargo.lock", 0, text));
    }
    for banned in BANNED.iter().filter(|it| has(it)) {
        problems.push(Problem::new("Cargo.lock", 0, format!("`{banned}` is linked")));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_copy_of_a_heavy_crate_is_found() {
        let lock = "name = \"tokio\"\nname = \"syn\"\nname = \"syn\"\nname = \"tokio\"\n";

        let problems = check(&Tree::of(&[("Cargo.lock", lock)]));

        assert_eq!(problems, [Problem::new("Cargo.lock", 0, "2 copies of `tokio`")]);
    }

    #[test]
    fn two_crypto_providers_are_one_too_many() {
        let own =
            |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };

        let one = check_linked(&own(&["aws-lc-rs", "rustls"]));
        let two = check_linked(&own(&["aws-lc-rs", "openssl-sys", "ring"]));

        assert_eq!(one, []);
        assert_eq!(
            two,
            [
                Problem::new("Cargo.lock", 0, "both `aws-lc-rs` and `ring` are linked"),
                Problem::new("Cargo.lock", 0, "`openssl-sys` is linked"),
            ]
        );
    }
}
