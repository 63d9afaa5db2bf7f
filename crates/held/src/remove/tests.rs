//! Tests of removal: deep, wide, locked and strange trees go, and nothing else does.

#![expect(clippy::disallowed_methods, reason = "tests lay files out")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use super::*;

/// Deeper than a path can be long, and than a thread with [`STACK_BYTES`] can recurse.
const DEEP: usize = 15_000;
const STACK_BYTES: usize = 128 << 10;

fn home() -> (tempfile::TempDir, Dir) {
    let home = tempfile::tempdir().unwrap();
    let dir = Dir::open(home.path()).unwrap();
    (home, dir)
}

/// A home in memory where there is some: thousands of directories take a disk its time.
fn light_home() -> (tempfile::TempDir, Dir) {
    let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let dir = Dir::open(home.path()).unwrap();
    (home, dir)
}

/// Makes directories below each other, the innermost with a file in it.
fn dig(dir: &Dir, name: &str, depth: usize, mode: u32) {
    let mut at = dir.make_dir(name, 0o755).unwrap();
    let mut above = Vec::new();
    for _ in 1..depth {
        let below = at.make_dir("d", 0o755).unwrap();
        above.push(std::mem::replace(&mut at, below));
        if above.len() > 8 {
            above.remove(0).protect(mode).unwrap();
        }
    }
    at.create("f", b"x", (0o644, None)).unwrap();
}

fn count(path: &Path) -> usize {
    fs::read_dir(path).unwrap().count()
}

#[test]
fn a_deep_tree_goes_without_recursion() {
    let (home, dir) = light_home();
    dig(&dir, "skills", DEEP, 0o755);

    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let removal = thread.spawn(move || dir.take_away("skills", &dir, usize::MAX).unwrap());

    assert_eq!(removal.unwrap().join().unwrap(), Emptied::Gone);
    assert_eq!(count(home.path()), 0);
}

#[test]
fn directories_whose_modes_were_taken_away_go() {
    let (home, dir) = home();
    dig(&dir, "skills", 50, 0);
    fs::set_permissions(home.path().join("skills"), Permissions::from_mode(0o0)).unwrap();

    assert_eq!(dir.take_away("skills", &dir, usize::MAX).unwrap(), Emptied::Gone);

    assert_eq!(count(home.path()), 0);
}

#[test]
fn what_is_more_than_is_allowed_at_once_frees_its_place_and_goes_later() {
    let (home, dir) = home();
    fs::create_dir_all(home.path().join("wide/below")).unwrap();
    for at in 0..3_000 {
        fs::write(home.path().join(format!("wide/below/{at}")), "").unwrap();
    }

    assert_eq!(dir.take_away("wide", &dir, 1_000).unwrap(), Emptied::Aside);
    assert!(!home.path().join("wide").exists() && home.path().join(TRASH).is_dir());
    assert!(!dir.drain_trash(1_000).unwrap());
    assert!(dir.drain_trash(2_000).unwrap());

    assert_eq!(count(home.path()), 0);
}

#[test]
fn links_pipes_and_long_names_go_and_what_links_lead_to_stays() {
    let (home, dir) = home();
    let victim = tempfile::tempdir().unwrap();
    fs::write(victim.path().join("keep"), "k").unwrap();
    let long = "n".repeat(255);
    fs::create_dir_all(home.path().join("s").join(&long).join("x/y")).unwrap();
    symlink(victim.path(), home.path().join("s/link")).unwrap();
    symlink("loop", home.path().join("s").join(&long).join("loop")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0);
    for (kind, name) in
        [(rustix::fs::FileType::Fifo, "pipe"), (rustix::fs::FileType::Socket, "socket")]
    {
        let path = home.path().join("s").join(name);
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    }
    symlink(victim.path(), home.path().join("alone")).unwrap();

    assert_eq!(dir.take_away("s", &dir, usize::MAX).unwrap(), Emptied::Gone);
    assert_eq!(dir.take_away("alone", &dir, usize::MAX).unwrap(), Emptied::Gone);
    assert_eq!(dir.take_away("absent", &dir, usize::MAX).unwrap(), Emptied::Absent);

    assert_eq!((count(home.path()), count(victim.path())), (0, 1));
}

#[test]
fn a_trash_that_is_a_link_leads_nothing_away() {
    let (home, dir) = home();
    let victim = tempfile::tempdir().unwrap();
    symlink(victim.path(), home.path().join(TRASH)).unwrap();
    fs::create_dir_all(home.path().join("s/x/y")).unwrap();

    let taken = dir.take_away("s", &dir, usize::MAX);

    assert_eq!(taken.unwrap(), Emptied::Aside);
    assert!(!home.path().join("s").exists());
    assert_eq!(count(victim.path()), 0);
}
