//! A workspace whose directories and files are exchanged for links while the store works in it:
//! nothing outside is read or written.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use store::{PromptContent, SkillRoot, Workspace, skill_files};
use testkit::swaps::Swapper;

use crate::home::Home;

/// Exchanges that each test sees.
const SWAPS: usize = 2_000;
/// Whence the order of the exchanges.
const SEED: u64 = 11;
const SECRET: &str = "a secret of the host";
/// Each is met as a file of the workspace, as a link out of it, and below a directory that is
/// exchanged for a link out of it.
const NAMES: [&str; 3] = ["AGENTS.md", "SOUL.md", "MEMORY.md"];

/// A workspace beside a directory of the host that has files of the same names.
struct Scene {
    _home: Home,
    workspace: Workspace,
    dir: PathBuf,
    host: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        let (dir, host) = (home.state_dir().join("workspace"), home.state_dir().join("host"));
        for path in [&dir.join("sub"), &dir.join("skills/own"), &host.join("own")] {
            fs::create_dir_all(path).unwrap();
        }
        for name in NAMES.into_iter().chain(["own/SKILL.md"]) {
            fs::write(host.join(name), SECRET).unwrap();
        }
        fs::write(dir.join("skills/own/SKILL.md"), "own").unwrap();
        symlink(&host, dir.join("skills-out")).unwrap();
        symlink(host.join("own"), dir.join("own-out")).unwrap();
        symlink(&host, dir.join("sub-out")).unwrap();
        // A file that leads over the directory, a file that is exchanged itself, and a plain one.
        fs::write(dir.join("sub/AGENTS.md"), "mine").unwrap();
        symlink("sub/AGENTS.md", dir.join("AGENTS.md")).unwrap();
        fs::write(dir.join("SOUL.md"), "mine").unwrap();
        symlink(host.join("SOUL.md"), dir.join("soul-out")).unwrap();
        fs::write(dir.join("MEMORY.md"), "mine").unwrap();
        let workspace = home.open().workspace(&dir);
        Self { _home: home, workspace, dir, host }
    }

    /// Exchanges the directory that a file leads over, and a file.
    fn swapper(&self) -> Swapper {
        Swapper::start(&self.dir, &[("sub", "sub-out"), ("SOUL.md", "soul-out")], SEED)
    }

    /// The host's files are what they were, and there are no others.
    fn assert_untouched(&self) {
        for name in NAMES.into_iter().chain(["own/SKILL.md"]) {
            assert_eq!(fs::read_to_string(self.host.join(name)).unwrap(), SECRET, "{name}");
        }
        assert_eq!(fs::read_dir(&self.host).unwrap().count(), NAMES.len() + 1);
        assert_eq!(fs::read_dir(self.host.join("own")).unwrap().count(), 1);
    }
}

/// Works while the exchanges go on, and at least once.
fn while_swapping(swapper: Swapper, mut work: impl FnMut(usize)) {
    let mut round = 0;
    while round == 0 || swapper.count() < SWAPS {
        work(round);
        round += 1;
    }
    swapper.stop().unwrap();
}

#[test]
fn no_byte_of_the_host_is_read() {
    let scene = Scene::new();
    let mut found = 0;

    while_swapping(scene.swapper(), |_| {
        for file in scene.workspace.prompt_files(&NAMES, 1000) {
            match file.content {
                PromptContent::Found(text) => {
                    assert_eq!(text, "mine", "{}", file.name);
                    found += 1;
                }
                PromptContent::Missing => {}
                PromptContent::Empty => panic!("{} was empty", file.name),
            }
        }
        for name in NAMES {
            let text = scene.workspace.text(name).unwrap();
            assert!(text.is_none_or(|text| text == "mine"), "{name}");
            let size = scene.workspace.file(name).found.map(|it| it.size);
            assert!(size.is_none_or(|size| size == 4), "{name}");
        }
    });

    assert!(found > 0);
    scene.assert_untouched();
}

#[test]
fn no_byte_is_written_to_the_host() {
    let scene = Scene::new();

    while_swapping(scene.swapper(), |round| {
        let name = NAMES[round % NAMES.len()];
        // A write may lose its race; it must not win it elsewhere.
        scene.workspace.set_text(name, "saved").ok();
        // A write that cannot follow the link has put a file in its place.
        if !fs::symlink_metadata(scene.dir.join("AGENTS.md")).unwrap().is_symlink() {
            fs::remove_file(scene.dir.join("AGENTS.md")).unwrap();
            symlink("sub/AGENTS.md", scene.dir.join("AGENTS.md")).unwrap();
        }
        if round % 7 == 0 {
            scene.workspace.seed(&[("USER.md", "u"), ("sub/x.md", "x")]).ok();
        }
    });

    scene.assert_untouched();
    let left = fs::read_dir(&scene.dir).unwrap().flatten();
    let left: Vec<_> = left.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.contains("openclaw-write")), "{left:?}");
}

#[test]
fn no_skill_of_the_host_is_found() {
    for pair in [("skills", "skills-out"), ("skills/own", "own-out")] {
        let scene = Scene::new();
        let exposed = [scene.dir.clone()];
        let mut found = 0;

        while_swapping(Swapper::start(&scene.dir, &[pair], SEED), |round| {
            let exposed = if round % 2 == 0 { &exposed[..] } else { &[] };
            let root = SkillRoot { base: &scene.dir, below: "skills", exposed };
            for file in skill_files(root, |_, _| false) {
                assert_eq!(file.text.as_deref(), Some("own"), "{:?}", file.path);
                found += 1;
            }
        });

        assert!(found > 0, "{pair:?}");
        scene.assert_untouched();
    }
}

#[test]
fn a_workspace_below_a_directory_that_sandboxes_write_to_is_not_followed_out() {
    let home = Home::new();
    let (shared, host) = (home.state_dir().join("shared"), home.state_dir().join("host"));
    fs::create_dir_all(shared.join("ws")).unwrap();
    fs::create_dir_all(&host).unwrap();
    fs::write(host.join("AGENTS.md"), SECRET).unwrap();
    fs::write(shared.join("ws/AGENTS.md"), "mine").unwrap();
    symlink(&host, shared.join("ws-out")).unwrap();
    let workspace = home.open().workspace(&shared.join("ws"));
    let workspace = workspace.among([shared.clone()].into());
    let mut found = 0;

    while_swapping(Swapper::start(&shared, &[("ws", "ws-out")], SEED), |_| {
        match &workspace.prompt_files(&["AGENTS.md"], 1000)[0].content {
            PromptContent::Found(text) => {
                assert_ne!(text, SECRET);
                found += 1;
            }
            PromptContent::Missing | PromptContent::Empty => {}
        }
        workspace.set_text("AGENTS.md", "saved").ok();
        workspace.set_text("USER.md", "new").ok();
    });

    assert!(found > 0);
    assert_eq!(fs::read_to_string(host.join("AGENTS.md")).unwrap(), SECRET);
    assert_eq!(fs::read_dir(&host).unwrap().count(), 1);
}

#[test]
fn strange_things_in_a_workspace_neither_block_nor_end_a_look() {
    let home = Home::new();
    // In memory where there is some: thousands of directories take a disk its time.
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let dir = place.path();
    fs::create_dir_all(dir.join("skills")).unwrap();
    let make = |path: &Path, kind| {
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    };
    make(&dir.join("AGENTS.md"), rustix::fs::FileType::Fifo);
    make(&dir.join("SOUL.md"), rustix::fs::FileType::Socket);
    symlink("USER.md", dir.join("USER.md")).unwrap();
    symlink("/dev/zero", dir.join("TOOLS.md")).unwrap();
    fs::create_dir(dir.join("IDENTITY.md")).unwrap();
    fs::write(dir.join("MEMORY.md"), [0xff, b'o', b'k']).unwrap();
    fs::create_dir(dir.join("skills").join("n".repeat(255))).unwrap();
    for at in 0..20_000 {
        fs::create_dir(dir.join("skills").join(at.to_string())).unwrap();
    }
    let workspace = home.open().workspace(dir);
    let names = ["AGENTS.md", "SOUL.md", "USER.md", "TOOLS.md", "IDENTITY.md", "MEMORY.md"];

    let files = workspace.prompt_files(&names, 1000);
    let root = SkillRoot { base: dir, below: "skills", exposed: &[] };
    let skills = skill_files(root, |_, _| false);

    let found: Vec<_> = files
        .iter()
        .filter(|it| it.content != PromptContent::Missing)
        .map(|it| &*it.name)
        .collect();
    assert_eq!((found, skills.len()), (vec!["MEMORY.md"], 0));
    for name in &names[..5] {
        assert_eq!(workspace.text(name).unwrap(), None, "{name}");
    }
    workspace.set_text("AGENTS.md", "a").unwrap();
    assert_eq!(workspace.text("AGENTS.md").unwrap().as_deref(), Some("a"));
    assert!(workspace.set_text("IDENTITY.md", "i").is_err());
}

#[test]
fn a_workspace_whose_bits_were_taken_away_is_read_again() {
    let home = Home::new();
    let dir = home.state_dir().join("workspace");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("AGENTS.md"), "mine").unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o0)).unwrap();

    let files = home.open().workspace(&dir).prompt_files(&["AGENTS.md"], 100);

    assert_eq!(files[0].content, PromptContent::Found("mine".to_owned()));
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o700, 0o500);
}
