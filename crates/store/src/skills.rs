//! Skills on disk: a directory each, with a `SKILL.md`. What it says is not known here.
//!
//! Agents, and sandboxes that work in their agent's workspace, may write where skills lie. So
//! no link leads out of a root, nothing but a regular file is opened, and sizes and counts have
//! bounds.

use std::{
    io,
    path::{Path, PathBuf},
};

use held::{Dir, Kind, Links, Stamp};

/// Largest `SKILL.md` that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Directories of one root that are looked at; the others, by name, are not.
const SKILLS_MAX: usize = 300;
/// Names of one root that are listed at all.
const NAMES_MAX: usize = 10_000;
/// Where skills lie: below `base`, which is the operator's to choose; what is in it may not be.
#[derive(Clone, Copy, Debug)]
pub struct SkillRoot<'a> {
    /// No link leads out of it.
    pub base: &'a Path,
    /// The directory in it that has the skills; `.` for itself.
    pub below: &'a str,
    /// Directories that sandboxes write to. In a root that is one of them, or lies in one, no
    /// link is followed at all: its target may be a sandbox's to write.
    pub exposed: &'a [PathBuf],
}

/// Tells one version of a `SKILL.md` from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkillStamp(Stamp);

/// One skill's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillFile {
    /// The skill's directory.
    pub dir: PathBuf,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// Tells this version of it from others.
    pub stamp: SkillStamp,
    /// What it says; `None` when that is known already, and when it is no text or too much.
    pub text: Option<String>,
}

/// Reads the skills of `root`, by name, save those of which `is_known` says so. What is missing,
/// is no regular file or leads out of the root is passed over. Blocks.
pub fn skill_files(
    root: SkillRoot<'_>,
    is_known: impl Fn(&Path, SkillStamp) -> bool,
) -> Vec<SkillFile> {
    let Some(held) = hold(root) else { return Vec::new() };
    let place = if root.below == "." { root.base.to_owned() } else { root.base.join(root.below) };
    let found = names(&held.skills).into_iter().filter_map(|name| {
        let dir = place.join(&name);
        let path = dir.join("SKILL.md");
        let inner = Path::new(root.below).join(&name).join("SKILL.md");
        match read(&held, &inner, |stamp| is_known(&path, stamp)) {
            Ok((stamp, text)) => Some(SkillFile { dir, path, stamp, text }),
            Err(error) if held::is_absent(&error) => None,
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "no skill");
                None
            }
        }
    });
    found.take(SKILLS_MAX).collect()
}

struct Held {
    base: Dir,
    skills: Dir,
    links: Links,
}

fn hold(root: SkillRoot<'_>) -> Option<Held> {
    let base = Dir::find(root.base, root.exposed).ok()?;
    let is_exposed = root.exposed.iter().any(|dir| root.base.starts_with(dir) || is(&base, dir));
    let links = if is_exposed { Links::Refused } else { Links::Inside };
    let skills = base.dir(root.below, links).ok()?;
    Some(Held { base, skills, links })
}

fn is(base: &Dir, dir: &Path) -> bool {
    Dir::open(dir).is_ok_and(|dir| dir.identity() == base.identity())
}

/// What may be skills, sorted.
fn names(skills: &Dir) -> Vec<String> {
    let Ok((entries, _)) = skills.entries(NAMES_MAX) else { return Vec::new() };
    let found = entries.into_iter().filter_map(|entry| {
        let may_be_dir = matches!(entry.kind, Kind::Dir | Kind::Link);
        let name = entry.name.to_str()?;
        (may_be_dir && !name.starts_with('.') && name != "node_modules").then(|| name.to_owned())
    });
    let mut names: Vec<String> = found.collect();
    names.sort();
    names
}

fn read(
    held: &Held,
    path: &Path,
    is_known: impl Fn(SkillStamp) -> bool,
) -> io::Result<(SkillStamp, Option<String>)> {
    let spot = held.base.look(path, held.links)?;
    let stamp = SkillStamp(spot.stamp());
    if spot.kind() == Kind::File && is_known(stamp) {
        return Ok((stamp, None));
    }
    let read = spot.read(FILE_BYTES_MAX)?;
    if read.is_cut {
        let size = spot.size();
        tracing::warn!(path = %path.display(), size, "skill is too large, passed over");
        return Ok((stamp, None));
    }
    Ok((stamp, String::from_utf8(read.bytes).ok()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn put(root: &Path, name: &str, text: &str) {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("SKILL.md"), text).unwrap();
    }

    fn found(base: &Path) -> Vec<(String, Option<String>)> {
        let files = skill_files(SkillRoot { base, below: "skills", exposed: &[] }, |_, _| false);
        let name = |file: &SkillFile| file.dir.file_name().unwrap().to_str().unwrap().to_owned();
        files.iter().map(|file| (name(file), file.text.clone())).collect()
    }

    #[test]
    fn skills_are_read_by_name_and_what_is_none_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let skills = home.path().join("skills");
        put(&skills, "b", "B");
        put(&skills, "a", "A");
        put(&skills, ".git", "no");
        put(&skills, "big", &"x".repeat(300 << 10));
        std::fs::create_dir(skills.join("empty")).unwrap();
        std::fs::create_dir(skills.join("pipe")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let pipe = skills.join("pipe/SKILL.md");
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, mode, 0).unwrap();

        let text = |text: &str| Some(text.to_owned());

        assert_eq!(
            found(home.path()),
            [("a".into(), text("A")), ("b".into(), text("B")), ("big".into(), None)]
        );
        assert!(found(&home.path().join("gone")).is_empty());
    }

    #[test]
    fn no_link_leads_out_of_a_root() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let skills = home.path().join("skills");
        put(other.path(), "secret", "S");
        put(&home.path().join("shared"), "tool", "T");
        std::fs::create_dir_all(skills.join("file")).unwrap();
        symlink(other.path().join("secret"), skills.join("dir")).unwrap();
        symlink(other.path().join("secret/SKILL.md"), skills.join("file/SKILL.md")).unwrap();
        symlink("../shared/tool", skills.join("inside")).unwrap();

        assert_eq!(found(home.path()), [("inside".into(), Some("T".to_owned()))]);

        let away = tempfile::tempdir().unwrap();
        symlink(other.path(), away.path().join("skills")).unwrap();
        assert!(found(away.path()).is_empty());
    }

    #[test]
    fn what_is_known_is_not_read_again_until_it_changes() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("skills"), "a", "A");
        let root = SkillRoot { base: home.path(), below: "skills", exposed: &[] };
        let first = skill_files(root, |_, _| false).remove(0);

        let again = skill_files(root, |path, stamp| path == first.path && stamp == first.stamp);
        put(&home.path().join("skills"), "a", "A2");
        let changed = skill_files(root, |_, stamp| stamp == first.stamp);

        assert_eq!(again[0].text, None);
        assert_eq!(changed[0].text.as_deref(), Some("A2"));
    }

    #[test]
    fn where_a_sandbox_writes_no_link_brings_a_skill_in() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("skills"), "own", "O");
        put(&home.path().join("elsewhere"), "planted", "P");
        symlink("../elsewhere/planted", home.path().join("skills/planted")).unwrap();
        let exposed = [home.path().to_owned()];
        let root = SkillRoot { base: home.path(), below: "skills", exposed: &exposed };

        let files = skill_files(root, |_, _| false);

        assert_eq!(found(home.path()).len(), 2);
        assert_eq!(files.iter().map(|it| it.text.as_deref()).collect::<Vec<_>>(), [Some("O")]);
    }
}
