//! Finds programs on this machine as a shell would, without starting one.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Where to look.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// Directory that relative paths start from.
    pub cwd: PathBuf,
    /// What `~` stands for.
    pub home: PathBuf,
    /// Directories, joined by `:`.
    pub path: String,
}

/// A program that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The path by which it was found, absolute.
    pub found: PathBuf,
    /// The file that this path leads to, links followed.
    pub real: PathBuf,
}

impl Whereabouts {
    /// Finds `program`: a path is taken as it is, a bare name is looked for. `has_tilde` says
    /// that a leading `~` is the home directory.
    pub fn locate(&self, program: &str, has_tilde: bool) -> Option<Located> {
        let candidates: Vec<PathBuf> = if program.contains('/') {
            vec![self.absolute(program, has_tilde)?]
        } else if has_tilde || program.is_empty() {
            return None;
        } else {
            // An empty directory is the current one, for a shell too.
            self.path.split(':').map(|dir| self.cwd.join(dir).join(program)).collect()
        };
        let found = candidates.into_iter().find(|path| is_program(path))?;
        let real = fs::canonicalize(&found).ok()?;
        Some(Located { found, real })
    }

    /// Whether `word` names something in the working directory.
    pub fn names_something(&self, word: &str) -> bool {
        !word.is_empty() && fs::symlink_metadata(self.cwd.join(word)).is_ok()
    }

    /// Whether `path` is a directory.
    pub fn is_directory(path: &Path) -> bool {
        path.is_dir()
    }

    fn absolute(&self, program: &str, has_tilde: bool) -> Option<PathBuf> {
        if !has_tilde {
            return Some(self.cwd.join(program));
        }
        // Another person's home is not ours to know.
        let rest = program.strip_prefix("~/")?;
        Some(self.home.join(rest))
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests lay out programs")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn program(path: &Path) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn programs_are_found_by_path_by_name_and_below_home() {
        let home = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(home.path()).unwrap();
        for dir in ["a", "b", "home/bin"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        program(&root.join("b/tool"));
        fs::write(root.join("a/tool"), "not executable").unwrap();
        symlink(root.join("b/tool"), root.join("home/bin/mine")).unwrap();
        let at = Whereabouts {
            cwd: root.join("b"),
            home: root.join("home"),
            path: format!("{}:{}", root.join("a").display(), root.join("b").display()),
        };

        let real = root.join("b/tool");
        assert_eq!(at.locate("tool", false).unwrap().real, real);
        assert_eq!(at.locate("./tool", false).unwrap().real, real);
        assert_eq!(at.locate("~/bin/mine", true).unwrap().real, real);
        assert_eq!(at.locate("~/bin/mine", true).unwrap().found, root.join("home/bin/mine"));
        for (missing, has_tilde) in
            [("none", false), ("~ann/tool", true), ("~", true), ("", false), ("~/bin/mine", false)]
        {
            assert_eq!(at.locate(missing, has_tilde), None, "{missing}");
        }
        assert!(at.names_something("tool") && !at.names_something("x"));
    }
}
