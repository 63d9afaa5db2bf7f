//! Tests of copies: what is copied, what is not, and where it ends.

#![expect(clippy::disallowed_methods, reason = "tests lay files out")]

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::*;

const BOUNDS: CopyBounds = CopyBounds { depth_max: 4, entries_max: 100, bytes_max: 1000 };

fn scene() -> (tempfile::TempDir, Dir, Dir) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("from")).unwrap();
    let from = Dir::open(&home.path().join("from")).unwrap();
    let into = Dir::open(home.path()).unwrap();
    (home, from, into)
}

#[test]
fn files_and_directories_are_copied_and_nothing_else_is() {
    let (home, from, into) = scene();
    let path = home.path().join("from");
    fs::create_dir(path.join("bin")).unwrap();
    fs::write(path.join("bin/run"), "r").unwrap();
    fs::set_permissions(path.join("bin/run"), Permissions::from_mode(0o4755)).unwrap();
    symlink("/etc/passwd", path.join("leak")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path.join("pipe"), fifo, mode, 0).unwrap();

    let copied = from.copy_to(&into, "to", (None, BOUNDS)).unwrap();

    let run = home.path().join("to/bin/run");
    assert_eq!(copied, Copied { left_out: 2 });
    assert_eq!(fs::read_to_string(&run).unwrap(), "r");
    assert_eq!(fs::metadata(&run).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_dir(home.path().join("to")).unwrap().count(), 1);
}

#[test]
fn a_tree_beyond_the_bounds_is_refused() {
    let (home, from, into) = scene();
    let path = home.path().join("from");
    let refusal = |name: &str| {
        let refused = from.copy_to(&into, name, (None, BOUNDS)).unwrap_err().to_string();
        fs::remove_dir_all(home.path().join("from")).unwrap();
        fs::create_dir(home.path().join("from")).unwrap();
        refused
    };

    File::create(path.join("hole")).unwrap().set_len(1001).unwrap();
    assert_eq!(refusal("a"), "too large");
    let from = Dir::open(&path).unwrap();
    (0..101).for_each(|at| fs::write(path.join(at.to_string()), "").unwrap());
    assert_eq!(from.copy_to(&into, "b", (None, BOUNDS)).unwrap_err().to_string(), "too many files");
    fs::create_dir_all(home.path().join("deep/a/b/c/d/e")).unwrap();
    let deep = Dir::open(&home.path().join("deep")).unwrap();
    assert_eq!(deep.copy_to(&into, "c", (None, BOUNDS)).unwrap_err().to_string(), "too deep");
}
