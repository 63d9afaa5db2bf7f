//! The environment, captured once and passed around as a value.
//!
//! [`Env::capture`] is the only place that reads the process environment; nothing here ever
//! changes it. What `.env` files and the `env` block of the config add is added to the value.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Component, Path, PathBuf},
};

/// A `.env` file larger than this is ignored.
const DOTENV_BYTES_MAX: u64 = 1024 * 1024;

/// Variables, home and working directory of the process.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env {
    vars: BTreeMap<String, String>,
    home: PathBuf,
    cwd: PathBuf,
}

impl Env {
    /// Reads the process environment. Variables that are not UTF-8 are left out.
    pub fn capture() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        Self { vars, home: home.unwrap_or_else(|| cwd.clone()), cwd }
    }

    /// Makes an environment from its parts.
    pub fn of(
        vars: BTreeMap<String, String>,
        home: impl Into<PathBuf>,
        cwd: impl Into<PathBuf>,
    ) -> Self {
        Self { vars, home: home.into(), cwd: cwd.into() }
    }

    /// The value of `name`; blank counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The first of `names` that is set: today's name first, older names after it.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// All variables, for the environment of child processes.
    pub fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    /// The home directory of the operating system's user.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The working directory.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Sets `name` unless it is set already; blank counts as unset.
    pub fn fill(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.vars.insert(name.to_owned(), value.to_owned());
        }
    }

    /// Adds what the dotenv file at `path` holds, never over a variable that is set.
    ///
    /// A missing file adds nothing. Lines that cannot be read are skipped and counted in the log.
    #[must_use]
    pub fn with_dotenv(mut self, path: &Path) -> Self {
        let small = std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.len() <= DOTENV_BYTES_MAX);
        if !small {
            return self;
        }
        let Ok(lines) = dotenvy::from_path_iter(path) else { return self };
        let mut skipped = 0_usize;
        for line in lines {
            match line {
                Ok((name, value)) => self.fill(&name, &value),
                Err(dotenvy::Error::Io(_)) => break,
                Err(_) => skipped += 1,
            }
        }
        if skipped > 0 {
            tracing::warn!(path = %path.display(), skipped, "unreadable lines in dotenv file");
        }
        self
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env")
            .field("names", &self.vars.keys())
            .field("home", &self.home)
            .field("cwd", &self.cwd)
            .finish()
    }
}

/// Makes `text` absolute: a leading `~` is `home`, anything relative is below `base`.
pub(crate) fn absolute(text: &str, home: &Path, base: &Path) -> PathBuf {
    let path = match text.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with(['/', '\\']) => {
            home.join(rest.trim_start_matches(['/', '\\']))
        }
        Some(_) | None => base.join(text),
    };
    normalised(&path)
}

/// Takes `.` and `..` out of `path` by text alone.
pub(crate) fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(part),
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out real files")]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)]) -> Env {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Env::of(vars, "/home/ada", "/srv")
    }

    #[test]
    fn a_dotenv_file_fills_blanks_and_overrides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        std::fs::write(&file, "A=file\nB=file\n# note\nC='x $y'\nnot a line\nD=1\n").unwrap();

        let env = env(&[("A", "process"), ("B", " ")]).with_dotenv(&file);

        assert_eq!(env.get("A"), Some("process"));
        assert_eq!(env.get("B"), Some("file"));
        assert_eq!(env.get("C"), Some("x $y"));
        assert_eq!(env.get("D"), Some("1"));
    }

    #[test]
    fn debug_output_shows_no_values() {
        assert!(!format!("{:?}", env(&[("TOKEN", "hush")])).contains("hush"));
    }

    #[test]
    fn tilde_means_home_only_as_a_whole_first_part() {
        let (home, base) = (Path::new("/home/ada"), Path::new("/srv"));

        assert_eq!(absolute("~", home, base), Path::new("/home/ada"));
        assert_eq!(absolute("~/x/../y", home, base), Path::new("/home/ada/y"));
        assert_eq!(absolute("~bob/x", home, base), Path::new("/srv/~bob/x"));
        assert_eq!(absolute("./x", home, base), Path::new("/srv/x"));
    }
}
