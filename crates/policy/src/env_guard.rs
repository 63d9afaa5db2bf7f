//! Which environment variables a call may set for a command outside a sandbox.

use std::collections::BTreeMap;

/// Prefixes that make the dynamic linker load foreign code.
const PREFIXES: &[&str] = &["LD_", "DYLD_"];

/// Names that make an interpreter or a shell load foreign code, or write keys to a file.
const NAMES: &[&str] = &[
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "RUBYLIB",
    "PERL5LIB",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "IFS",
    "SSLKEYLOGFILE",
];

/// A variable that may not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// It would bring foreign code into the command.
    #[error("Security Violation: a command on the host may not be given `{name}`")]
    Dangerous {
        /// As the call wrote it.
        name: String,
    },
    /// It would change which programs run.
    #[error(
        "Security Violation: a command on the host may not be given its own `PATH`; \
         directories are added by `tools.exec.pathPrepend`"
    )]
    Path,
}

/// Checks the variables that a call sets for a command on the host or on a node.
///
/// # Errors
///
/// The first [`Violation`], by name. Names are compared in upper case.
pub fn check(env: &BTreeMap<String, String>) -> Result<(), Violation> {
    for name in env.keys() {
        let upper = name.trim().to_uppercase();
        if upper == "PATH" {
            return Err(Violation::Path);
        }
        if NAMES.contains(&upper.as_str()) || PREFIXES.iter().any(|it| upper.starts_with(it)) {
            return Err(Violation::Dangerous { name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str) -> Result<(), Violation> {
        check(&BTreeMap::from([(name.to_owned(), "x".to_owned())]))
    }

    #[test]
    fn every_dangerous_name_is_refused_in_any_case() {
        for name in NAMES.iter().chain(&["LD_PRELOAD", "DYLD_INSERT_LIBRARIES"]) {
            for spelt in [(*name).to_owned(), name.to_lowercase()] {
                assert_eq!(check_one(&spelt), Err(Violation::Dangerous { name: spelt.clone() }));
            }
        }
    }

    #[test]
    fn path_is_refused_with_its_own_message() {
        assert_eq!(check_one("Path"), Err(Violation::Path));
    }

    #[test]
    fn ordinary_names_pass() {
        for name in ["HOME", "LANG", "GIT_DIR", "MY_ENV", "LDFLAGS", "PATHS"] {
            assert_eq!(check_one(name), Ok(()), "{name}");
        }
    }
}
