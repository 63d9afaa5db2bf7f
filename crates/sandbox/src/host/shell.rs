//! Which shell runs a command line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// Shells whose language is not that of the command lines, and programs that are no shells
/// though accounts of services have them as such.
const UNFIT: &[&str] = &["fish", "nologin", "false"];

/// Takes `SHELL`, unless it is unfit or missing; then bash for fish users, else sh.
///
/// The answer is an absolute path: the system's fast way of starting processes needs one.
pub(super) fn choose(env: &BTreeMap<String, String>) -> PathBuf {
    let path = env.get("PATH").map_or("", String::as_str);
    let configured = Path::new(env.get("SHELL").map_or("", |shell| shell.trim()));
    let name = configured.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fit = configured.is_absolute() && !UNFIT.contains(&name) && is_executable(configured);
    if fit {
        return configured.to_owned();
    }
    let bash = if name == "fish" { find("bash", path) } else { None };
    bash.or_else(|| find("sh", path)).unwrap_or_else(|| PathBuf::from("/bin/sh"))
}

fn find(program: &str, path: &str) -> Option<PathBuf> {
    path.split(':')
        .map(Path::new)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(shell: Option<&str>, path: &str) -> PathBuf {
        let mut env = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
        env.extend(shell.map(|shell| ("SHELL".to_owned(), shell.to_owned())));
        choose(&env)
    }

    #[test]
    fn the_configured_shell_runs_unless_it_is_unfit() {
        assert_eq!(chosen(Some("/bin/bash"), "/bin"), Path::new("/bin/bash"));
        assert_eq!(chosen(Some("/usr/bin/fish"), "/nowhere:/bin"), Path::new("/bin/bash"));
        assert_eq!(chosen(Some("/usr/bin/fish"), "/nowhere"), Path::new("/bin/sh"));
        assert_eq!(chosen(Some("/usr/sbin/nologin"), "/bin"), Path::new("/bin/sh"));
        assert_eq!(chosen(Some("/no/such/shell"), "/bin"), Path::new("/bin/sh"));
        assert_eq!(chosen(Some("bash"), "relative:/bin"), Path::new("/bin/sh"));
        assert_eq!(chosen(None, ""), Path::new("/bin/sh"));
    }
}
