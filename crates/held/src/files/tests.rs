//! Tests of files beneath a held directory.

#![expect(clippy::disallowed_methods, reason = "tests lay files out")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
};

use super::*;

fn home() -> (tempfile::TempDir, Dir) {
    let home = tempfile::tempdir().unwrap();
    let dir = Dir::open(home.path()).unwrap();
    (home, dir)
}

#[test]
fn what_was_looked_at_is_what_is_read() {
    let (home, dir) = home();
    fs::write(home.path().join("a"), "looked at").unwrap();
    fs::write(home.path().join("b"), "swapped in").unwrap();

    let spot = dir.look("a", Links::Inside).unwrap();
    fs::rename(home.path().join("b"), home.path().join("a")).unwrap();

    let read = |max| spot.read(max).unwrap();
    assert_eq!(read(100), Read { bytes: b"looked at".to_vec(), is_cut: false });
    assert_eq!(read(6), Read { bytes: b"looked".to_vec(), is_cut: true });
    assert_ne!(spot.stamp(), dir.look("a", Links::Inside).unwrap().stamp());
}

#[test]
fn only_regular_files_are_opened() {
    let (home, dir) = home();
    let mode = Mode::from_raw_mode(0o666);
    let fifo = FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, home.path().join("pipe"), fifo, mode, 0).unwrap();
    fs::create_dir(home.path().join("dir")).unwrap();
    symlink("/dev/zero", home.path().join("zero")).unwrap();

    for name in ["pipe", "dir"] {
        let error = dir.look(name, Links::Inside).unwrap().read(9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
    }
    assert!(crate::is_escape(&dir.look("zero", Links::Inside).unwrap_err()));
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_mode() {
    let (home, dir) = home();
    dir.landing("a").unwrap().replace(b"one", 0o600).unwrap();
    let mode = || fs::metadata(home.path().join("a")).unwrap().mode() & 0o7777;
    let first = mode();
    fs::set_permissions(home.path().join("a"), Permissions::from_mode(0o640)).unwrap();

    dir.landing("a").unwrap().replace(b"two", 0o600).unwrap();

    assert_eq!((first, mode()), (0o600, 0o640));
    assert_eq!(fs::read_to_string(home.path().join("a")).unwrap(), "two");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn a_write_follows_links_inside_and_none_that_lead_out() {
    let (home, dir) = home();
    let victim = tempfile::tempdir().unwrap();
    fs::write(victim.path().join("x"), "kept").unwrap();
    fs::create_dir(home.path().join("sub")).unwrap();
    symlink("sub/new", home.path().join("inside")).unwrap();
    symlink("inside", home.path().join("twice")).unwrap();
    symlink(victim.path().join("x"), home.path().join("absolute")).unwrap();
    symlink(victim.path(), home.path().join("alt")).unwrap();
    symlink("alt/x", home.path().join("over")).unwrap();
    symlink("loop", home.path().join("loop")).unwrap();

    dir.landing("twice").unwrap().replace(b"n", 0o600).unwrap();

    assert_eq!(fs::read_to_string(home.path().join("sub/new")).unwrap(), "n");
    for name in ["absolute", "over", "loop", "alt/x"] {
        assert!(crate::is_escape(&dir.landing(name).unwrap_err()), "{name}");
    }
    dir.landing_here("over").unwrap().replace(b"mine", 0o600).unwrap();
    assert!(fs::symlink_metadata(home.path().join("over")).unwrap().is_file());
    assert_eq!(fs::read_to_string(victim.path().join("x")).unwrap(), "kept");
}

#[test]
fn a_write_that_cannot_be_placed_leaves_nothing_behind() {
    let (home, dir) = home();
    fs::create_dir_all(home.path().join("taken/full")).unwrap();

    assert!(dir.landing("taken").unwrap().replace(b"x", 0o600).is_err());

    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[test]
fn a_new_file_takes_no_place_that_is_taken() {
    let (home, dir) = home();
    symlink("/nowhere/x", home.path().join("link")).unwrap();

    assert!(dir.create("link", b"x", (0o644, None)).is_err());
    dir.create("new", b"x", (0o666, None)).unwrap();
    assert_eq!(fs::metadata(home.path().join("new")).unwrap().mode() & 0o777, 0o666);
    assert!(dir.create("a/b", b"x", (0o644, None)).is_err());
    assert!(dir.create("..", b"x", (0o644, None)).is_err());
}
