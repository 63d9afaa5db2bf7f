//! Where the files of this installation are.
//!
//! Decides by flags, variables and what exists on disk; opens nothing and creates nothing.

use std::path::{Path, PathBuf};

use crate::env::{Env, absolute};

/// State directories of earlier names, newest first.
const LEGACY_DIRS: [&str; 3] = [".clawdbot", ".moltbot", ".moldbot"];

/// Names the config file had, newest first.
const FILE_NAMES: [&str; 4] = ["openclaw.json", "clawdbot.json", "moltbot.json", "moldbot.json"];

/// The port of `--dev`.
const DEV_PORT: u16 = 19001;

/// Where the files of this installation are. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    /// Home, after `OPENCLAW_HOME`; what `~` means in the config.
    pub home: PathBuf,
    /// Everything the gateway remembers.
    pub state_dir: PathBuf,
    /// The config file, which need not exist.
    pub config_path: PathBuf,
    /// Pairing files and channel credentials.
    pub oauth_dir: PathBuf,
    /// Workspace of the default agent unless the config names another.
    pub workspace_default: PathBuf,
    /// The profile in force, unless it is `default`.
    pub profile: Option<String>,
    /// Port that `--dev` asks for when no variable does.
    pub dev_port: Option<u16>,
}

/// Why a profile cannot be used. The exit status is 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// `--dev` and `--profile` at once.
    #[error("`--dev` and `--profile` exclude each other")]
    Both,
    /// A name with other characters than letters, digits, `_` and `-`.
    #[error("invalid profile name `{0}`; use letters, digits, `_` and `-`")]
    Name(String),
}

impl Locations {
    /// Finds the files for `env` and the flags `--profile` and `--dev`.
    ///
    /// # Errors
    ///
    /// When both flags are given or the name is not one.
    pub fn find(env: &Env, profile: Option<&str>, dev: bool) -> Result<Self, ProfileError> {
        let flag = match (profile, dev) {
            (Some(_), true) => return Err(ProfileError::Both),
            (None, true) => Some("dev"),
            (name, false) => name,
        };
        if let Some(name) = flag
            && !is_profile_name(name)
        {
            return Err(ProfileError::Name(name.to_owned()));
        }
        let home = home_of(env);
        let path = |text: &str| absolute(text.trim(), &home, env.cwd());
        let state_set = env.first(&["OPENCLAW_STATE_DIR", "CLAWDBOT_STATE_DIR"]).map(path);
        let state_dir = state_set.clone().unwrap_or_else(|| match flag {
            Some(name) => profile_dir(&home, name),
            None => existing_state_dir(&home),
        });
        let config_set = env.first(&["OPENCLAW_CONFIG_PATH", "CLAWDBOT_CONFIG_PATH"]).map(path);
        let config_path = config_set.unwrap_or_else(|| match flag {
            Some(_) => state_dir.join(FILE_NAMES[0]),
            None => existing_config(&home, &state_dir, state_set.is_some()),
        });
        let oauth_dir = env.get("OPENCLAW_OAUTH_DIR").map(path);
        let profile = flag
            .or_else(|| env.get("OPENCLAW_PROFILE").map(str::trim))
            .filter(|name| is_profile_name(name) && !name.eq_ignore_ascii_case("default"))
            .map(str::to_owned);
        let workspace = match &profile {
            Some(name) => format!("workspace-{name}"),
            None => "workspace".to_owned(),
        };
        Ok(Self {
            oauth_dir: oauth_dir.unwrap_or_else(|| state_dir.join("credentials")),
            workspace_default: home.join(".openclaw").join(workspace),
            profile,
            dev_port: dev.then_some(DEV_PORT),
            home,
            state_dir,
            config_path,
        })
    }

    /// Like [`Locations::find`], with the dotenv files read on the way: `./.env` before the
    /// search, that of the state directory after it. Yields the completed environment too.
    ///
    /// # Errors
    ///
    /// Those of [`Locations::find`].
    pub fn open(env: Env, profile: Option<&str>, dev: bool) -> Result<(Self, Env), ProfileError> {
        let beside = env.cwd().join(".env");
        let env = env.with_dotenv(&beside);
        let locations = Self::find(&env, profile, dev)?;
        let env = env.with_dotenv(&locations.state_dir.join(".env"));
        Ok((locations, env))
    }

    /// The directory that relative includes start from.
    pub fn config_dir(&self) -> &Path {
        self.config_path.parent().unwrap_or(&self.state_dir)
    }

    /// `path` for people: the home directory becomes `~`.
    pub fn shorten(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

fn is_profile_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn home_of(env: &Env) -> PathBuf {
    match env.get("OPENCLAW_HOME").map(str::trim) {
        None | Some("undefined" | "null") => env.home().to_owned(),
        Some(text) => absolute(text, env.home(), env.cwd()),
    }
}

fn profile_dir(home: &Path, name: &str) -> PathBuf {
    if name.eq_ignore_ascii_case("default") {
        home.join(".openclaw")
    } else {
        home.join(format!(".openclaw-{name}"))
    }
}

fn existing_state_dir(home: &Path) -> PathBuf {
    let current = home.join(".openclaw");
    if current.exists() {
        return current;
    }
    LEGACY_DIRS.iter().map(|name| home.join(name)).find(|dir| dir.is_dir()).unwrap_or(current)
}

fn existing_config(home: &Path, state_dir: &Path, state_is_set: bool) -> PathBuf {
    let mut dirs = vec![state_dir.to_owned()];
    if !state_is_set {
        dirs.push(home.join(".openclaw"));
        dirs.extend(LEGACY_DIRS.iter().map(|name| home.join(name)));
    }
    dirs.iter()
        .flat_map(|dir| FILE_NAMES.iter().map(move |name| dir.join(name)))
        .find(|path| path.is_file())
        .unwrap_or_else(|| state_dir.join(FILE_NAMES[0]))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out real files")]
mod tests {
    use super::*;

    fn env(home: &Path, vars: &[(&str, &str)]) -> Env {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Env::of(vars, home, "/srv")
    }

    #[test]
    fn an_empty_home_gets_todays_names() {
        let home = tempfile::tempdir().unwrap();

        let found = Locations::find(&env(home.path(), &[]), None, false).unwrap();

        let state = home.path().join(".openclaw");
        assert_eq!(found.config_path, state.join("openclaw.json"));
        assert_eq!(found.oauth_dir, state.join("credentials"));
        assert_eq!(found.workspace_default, state.join("workspace"));
        assert_eq!(found.state_dir, state);
    }

    #[test]
    fn a_legacy_directory_and_file_are_found() {
        let home = tempfile::tempdir().unwrap();
        let legacy = home.path().join(".moltbot");
        std::fs::create_dir_all(&legacy).unwrap();
        std::fs::write(legacy.join("clawdbot.json"), "{}").unwrap();

        let found = Locations::find(&env(home.path(), &[]), None, false).unwrap();

        assert_eq!(found.state_dir, legacy);
        assert_eq!(found.config_path, legacy.join("clawdbot.json"));
    }

    #[test]
    fn variables_beat_profiles_and_older_names() {
        let home = Path::new("/home/ada");
        let vars = [
            ("OPENCLAW_STATE_DIR", "~/state"),
            ("CLAWDBOT_STATE_DIR", "/old"),
            ("OPENCLAW_CONFIG_PATH", "conf/o.json"),
        ];

        let found = Locations::find(&env(home, &vars), Some("work"), false).unwrap();

        assert_eq!(found.state_dir, Path::new("/home/ada/state"));
        assert_eq!(found.config_path, Path::new("/srv/conf/o.json"));
        assert_eq!(found.workspace_default, Path::new("/home/ada/.openclaw/workspace-work"));
    }

    #[test]
    fn dev_is_a_profile_with_a_port_of_its_own() {
        let found = Locations::find(&env(Path::new("/h"), &[]), None, true).unwrap();

        assert_eq!(found.config_path, Path::new("/h/.openclaw-dev/openclaw.json"));
        assert_eq!(found.dev_port, Some(19001));
    }

    #[test]
    fn wrong_profiles_are_refused() {
        let env = env(Path::new("/h"), &[]);

        assert_eq!(Locations::find(&env, Some("a"), true), Err(ProfileError::Both));
        assert_eq!(
            Locations::find(&env, Some("a/b"), false),
            Err(ProfileError::Name("a/b".to_owned()))
        );
    }

    #[test]
    fn openclaw_home_moves_everything() {
        let home = [("OPENCLAW_HOME", "~/other")];
        let unset = [("OPENCLAW_HOME", "undefined")];

        let moved = Locations::find(&env(Path::new("/h"), &home), None, false).unwrap();
        let stays = Locations::find(&env(Path::new("/h"), &unset), None, false).unwrap();

        assert_eq!(moved.state_dir, Path::new("/h/other/.openclaw"));
        assert_eq!(stays.home, Path::new("/h"));
    }
}
