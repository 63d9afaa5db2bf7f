//! Tests of opening paths beneath a root: nothing leads out of it.

use std::os::unix::fs::symlink;

use proptest::{collection::vec, prelude::*, sample};
use rustix::fs::{CWD, mkdirat};
use tempfile::TempDir;

use super::*;

#[test]
fn links_inside_are_followed_and_links_outside_are_not() {
    let tree = Tree::new();
    let cases = [
        ("a/file", Ok(())),
        ("a/../a/file", Ok(())),
        ("in/file", Ok(())),
        ("a/up/a/file", Ok(())),
        (".", Ok(())),
        ("../outside", Err(Errno::XDEV)),
        ("a/../../outside", Err(Errno::XDEV)),
        ("out", Err(Errno::XDEV)),
        ("abs", Err(Errno::XDEV)),
        ("loop", Err(Errno::LOOP)),
        ("a/file/x", Err(Errno::NOTDIR)),
        ("a/file/.", Err(Errno::NOTDIR)),
        ("missing", Err(Errno::NOENT)),
    ];

    for (path, expected) in cases {
        for (how, opened) in tree.both_ways(path) {
            assert_eq!(opened.map(drop), expected, "{path} by {how}");
        }
    }
}

#[test]
fn where_no_link_is_followed_none_is() {
    let tree = Tree::new();
    let refused = |path: &str| {
        let (root, path) = (tree.root.as_fd(), Path::new(path));
        let flags = OFlags::PATH;
        let kernel = open_beneath(root, path, flags, Links::Refused).map(drop);
        assert_eq!(walk(root, path, flags, Links::Refused).map(drop), kernel, "{path:?}");
        kernel
    };

    assert_eq!(refused("a/file"), Ok(()));
    assert_eq!(refused("in/file"), Err(Errno::LOOP));
    assert_eq!(refused("in"), Err(Errno::LOOP));
    assert_eq!(refused("out"), Err(Errno::LOOP));
    assert_eq!(refused("a/up/a"), Err(Errno::LOOP));
}

proptest! {
    #[test]
    fn no_path_leads_outside_and_both_ways_agree(
        parts in vec(sample::select(
            vec!["..", ".", "a", "in", "up", "out", "abs", "loop", "file", "outside", "missing"]
        ), 1..8),
    ) {
        let tree = Tree::new();
        let path = parts.join("/");

        let [(_, by_kernel), (_, by_walk)] = tree.both_ways(&path);

        match (&by_kernel, &by_walk) {
            (Ok(kernel), Ok(walk)) => {
                let (kernel, walk) = (fstat(kernel).unwrap(), fstat(walk).unwrap());
                prop_assert_eq!(kernel.st_ino, walk.st_ino);
                prop_assert!(tree.inside.contains(&kernel.st_ino), "{}", path);
            }
            // Which of several faults of a path is named first is not promised.
            (kernel, walk) => prop_assert!(kernel.is_err() && walk.is_err(), "{}", path),
        }
    }
}

/// `root/{a/file, a/up → .., in → a, out → ../outside, abs → /, loop → loop}` and `outside`.
struct Tree {
    _dir: TempDir,
    root: OwnedFd,
    inside: Vec<u64>,
}

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        mkdirat(CWD, &root, Mode::RWXU).unwrap();
        mkdirat(CWD, root.join("a"), Mode::RWXU).unwrap();
        let make = OFlags::CREATE | OFlags::WRONLY;
        let file = openat(CWD, root.join("a/file"), make, Mode::RWXU).unwrap();
        openat(CWD, dir.path().join("outside"), make, Mode::RWXU).unwrap();
        for (target, link) in
            [("..", "a/up"), ("a", "in"), ("../outside", "out"), ("/", "abs"), ("loop", "loop")]
        {
            symlink(target, root.join(link)).unwrap();
        }
        let open = |path: &Path| openat(CWD, path, OFlags::PATH, Mode::empty()).unwrap();
        let (top, below) = (open(&root), open(&root.join("a")));
        let inside = [&top, &below, &file].map(|fd| fstat(fd).unwrap().st_ino).to_vec();
        Self { _dir: dir, root: top, inside }
    }

    fn both_ways(&self, path: &str) -> [(&'static str, Result<OwnedFd, Errno>); 2] {
        let (root, path) = (self.root.as_fd(), Path::new(path));
        let links = Links::Inside;
        [
            ("kernel", open_beneath(root, path, OFlags::PATH, links)),
            ("walk", walk(root, path, OFlags::PATH, links)),
        ]
    }
}
