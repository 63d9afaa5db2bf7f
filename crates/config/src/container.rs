//! Whether this process runs in a container, for hints and never for decisions.
//!
//! The signs lie both ways (a virtual machine can carry them), so a variable overrules them.

use std::path::Path;

use crate::env::Env;

/// Overrules the signs: `1` is yes, `0` is no.
const OVERRIDE: &str = "OPENCLAW_IN_CONTAINER";
/// Set by Podman and systemd inside what they start.
const CONVENTION: &str = "container";
/// Put there by Docker and Podman.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Whether this process seems to run in a container.
pub fn in_container(env: &Env) -> bool {
    match env.get(OVERRIDE).map(str::trim) {
        Some("0" | "false" | "no") => false,
        Some(_) => true,
        None => {
            env.get(CONVENTION).is_some()
                || env.get("KUBERNETES_SERVICE_HOST").is_some()
                || MARKS.iter().any(|mark| Path::new(mark).exists())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_overrules_every_sign() {
        let env = |vars: &[(&str, &str)]| {
            let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Env::of(vars, "/h", "/")
        };

        assert!(in_container(&env(&[("container", "podman")])));
        assert!(in_container(&env(&[(OVERRIDE, "1")])));
        assert!(!in_container(&env(&[(OVERRIDE, "0"), ("container", "podman")])));
    }
}
