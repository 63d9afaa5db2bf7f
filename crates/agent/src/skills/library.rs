//! Which skills an agent has, and what each of them lacks.
//!
//! Of one name the first counts: the workspace's, those for all agents, the bundled ones, then
//! those of further directories. Nothing is watched: each look compares the files with what is
//! remembered of them, so a change counts from the next turn on.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use config::{Agent, Config, SkillEntry, Skills};
use store::{SkillRoot, SkillStamp};

use super::{Ground, SKILLS_DIR, Skill, Standing};

/// Files remembered; past that the memory is emptied.
const CACHED_MAX: usize = 4096;
/// Names the directory of bundled skills.
const BUNDLED_DIR: &str = "OPENCLAW_BUNDLED_SKILLS_DIR";

/// Skills as they were when last read. Knows no agent: what one has is asked of it.
#[derive(Debug, Default)]
pub struct Library(Mutex<BTreeMap<PathBuf, Known>>);

/// Which version of a file it was, and the skill in it, if it was one.
type Known = (SkillStamp, Option<Arc<Skill>>);

/// Where the process runs.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Its environment.
    pub env: &'a BTreeMap<String, String>,
    /// The state directory; the skills for all agents are in it.
    pub state_dir: &'a Path,
}

/// Where a skill comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The agent's workspace.
    Workspace,
    /// The state directory.
    Managed,
    /// The program's own.
    Bundled,
    /// `skills.load.extraDirs`.
    Extra,
}

/// A skill of an agent.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it says of itself.
    pub skill: Arc<Skill>,
    /// Where it comes from.
    pub source: Source,
    /// Its directory.
    pub dir: PathBuf,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// What stands against it.
    pub standing: Standing,
    /// Whether the agent's own list leaves it out.
    pub is_filtered: bool,
}

impl Found {
    /// Whether the agent can use it.
    pub fn is_usable(&self) -> bool {
        self.standing.is_eligible() && !self.is_filtered
    }
}

impl Source {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "openclaw-workspace",
            Self::Managed => "openclaw-managed",
            Self::Bundled => "openclaw-bundled",
            Self::Extra => "openclaw-extra",
        }
    }
}

impl Site<'_> {
    /// The directory of the skills for all agents.
    pub fn managed_dir(&self) -> PathBuf {
        self.state_dir.join("skills")
    }

    fn bundled_dir(&self) -> Option<&Path> {
        let named = self.env.get(BUNDLED_DIR).map(Path::new);
        named.filter(|dir| dir.is_absolute())
    }
}

impl Library {
    /// The skills of `agent`, by name, whether it can use them or not. Blocks.
    pub fn of(&self, config: &Config, agent: &Agent, site: &Site<'_>) -> Vec<Found> {
        let (managed, exposed) = (site.managed_dir(), config.agents.exposed());
        let root = |base, below| SkillRoot { base, below, exposed: &exposed };
        let mut roots = vec![
            (Source::Workspace, root(agent.workspace.as_path(), SKILLS_DIR)),
            (Source::Managed, root(managed.as_path(), ".")),
        ];
        let bundled = site.bundled_dir().map(|base| (Source::Bundled, base));
        let extra = config.skills.extra_dirs.iter().map(|base| (Source::Extra, base.as_path()));
        let further = bundled.into_iter().chain(extra);
        roots.extend(further.map(|(source, base)| (source, root(base, "."))));
        let ground = Here { skills: &config.skills, env: site.env };
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for (source, root) in roots {
            for (skill, file) in self.read(root) {
                if !seen.insert(skill.name.clone()) {
                    continue;
                }
                let allowed = &config.skills.bundled_allowed;
                let is_allowed = source != Source::Bundled
                    || allowed.is_empty()
                    || allowed.contains(&skill.name)
                    || allowed.contains(&skill.key);
                let standing = Standing { blocked: !is_allowed, ..skill.standing(&ground) };
                let listed = agent.skills.as_ref();
                let is_filtered = listed.is_some_and(|names| !names.contains(&skill.name));
                let store::SkillFile { dir, path, .. } = file;
                found.push(Found { skill, source, dir, path, standing, is_filtered });
            }
        }
        found.sort_by(|a, b| a.skill.name.cmp(&b.skill.name));
        found
    }

    fn read(&self, root: SkillRoot<'_>) -> Vec<(Arc<Skill>, store::SkillFile)> {
        let known = |path: &Path| {
            let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            cache.get(path).cloned()
        };
        let is_known = |path: &Path, stamp| known(path).is_some_and(|(then, _)| then == stamp);
        let mut found = Vec::new();
        for file in store::skill_files(root, is_known) {
            let before = known(&file.path).filter(|(stamp, _)| *stamp == file.stamp);
            let skill = match before {
                Some((_, skill)) => skill,
                None => self.learn(&file),
            };
            found.extend(skill.map(|skill| (skill, file)));
        }
        found
    }

    fn learn(&self, file: &store::SkillFile) -> Option<Arc<Skill>> {
        let directory = file.dir.file_name().unwrap_or_default().to_string_lossy();
        let text = file.text.as_deref();
        let skill = text.and_then(|text| Skill::parse(text, &directory)).map(Arc::new);
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(file.path.clone(), (file.stamp, skill.clone()));
        skill
    }
}

/// What this machine and its config have.
struct Here<'a> {
    skills: &'a Skills,
    env: &'a BTreeMap<String, String>,
}

impl Ground for Here<'_> {
    fn has_bin(&self, name: &str) -> bool {
        let path = self.env.get("PATH").map(String::as_str).unwrap_or_default();
        let is_program = |dir: PathBuf| {
            let facts = std::fs::metadata(dir.join(name));
            facts.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        };
        !name.contains('/') && std::env::split_paths(path).any(is_program)
    }

    fn has_env(&self, name: &str) -> bool {
        self.env.get(name).is_some_and(|value| !value.trim().is_empty())
    }

    fn has_config(&self, path: &str) -> bool {
        self.skills.given.contains(path)
    }

    fn os(&self) -> &str {
        match std::env::consts::OS {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        }
    }

    fn entry(&self, key: &str) -> Option<&SkillEntry> {
        self.skills.entries.get(key)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use super::*;

    fn put(root: &Path, name: &str, more: &str) {
        std::fs::create_dir_all(root.join(name)).unwrap();
        let text = format!("---\nname: {name}\ndescription: From {}.\n{more}---\n", root.display());
        std::fs::write(root.join(name).join("SKILL.md"), text).unwrap();
    }

    fn config(home: &Path, text: &str) -> Config {
        let env = config::Env::of([].into(), home, home);
        let locations = config::Locations::find(&env, None, false).unwrap();
        (*config::load_text(text, &locations, &env).config.unwrap()).clone()
    }

    #[test]
    fn of_one_name_the_nearest_counts_and_lists_leave_skills_out() {
        let home = tempfile::tempdir().unwrap();
        let dir = |name: &str| home.path().join(name);
        put(&dir("ws/skills"), "a", "");
        for (root, names) in [("state/skills", "ab"), ("bundled", "bcd"), ("extra", "de")] {
            names.chars().for_each(|name| put(&dir(root), &name.to_string(), ""));
        }
        let text = format!(
            "{{ skills: {{ allowBundled: ['c'], load: {{ extraDirs: ['{}'] }},
               entries: {{ e: {{ enabled: false }} }} }},
               agents: {{ list: [{{ id: 'x', workspace: '{}', skills: ['a', 'c', 'd', 'e'] }}] }} }}",
            dir("extra").display(),
            dir("ws").display()
        );
        let config = config(home.path(), &text);
        let bundled = dir("bundled").display().to_string();
        let env = BTreeMap::from([(BUNDLED_DIR.to_owned(), bundled)]);
        let site = Site { env: &env, state_dir: &dir("state") };

        let found = Library::default().of(&config, &config.agents.list[0], &site);

        let shown: Vec<_> =
            found.iter().map(|it| (it.skill.name.as_str(), it.source, it.is_usable())).collect();
        assert_eq!(
            shown,
            [
                ("a", Source::Workspace, true),
                ("b", Source::Managed, false),
                ("c", Source::Bundled, true),
                ("d", Source::Bundled, false),
                ("e", Source::Extra, false),
            ]
        );
        assert!(found[1].is_filtered && found[3].standing.blocked && found[4].standing.disabled);
    }

    #[test]
    fn a_change_counts_at_the_next_look() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("skills");
        put(&root, "a", "");
        let (config, env) = (config(home.path(), "{}"), BTreeMap::new());
        let (library, site) = (Library::default(), Site { env: &env, state_dir: home.path() });
        let look = || library.of(&config, &config.agents.list[0], &site);
        let first = look();

        let again = look();
        put(&root, "a", "user-invocable: false\n");
        let changed = look();

        assert!(Arc::ptr_eq(&first[0].skill, &again[0].skill));
        assert!(first[0].skill.user_invocable && !changed[0].skill.user_invocable);
    }
}
