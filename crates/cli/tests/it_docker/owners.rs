//! State that belongs to somebody else than the user of the image.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use crate::rig::{Container, State, run_once};

#[test]
fn state_of_another_owner_is_refused_with_path_and_owners() {
    let state = State::with_config(18789);
    state.give_to(1234);
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).unwrap();

    let ran = run_once(&["-v", &state.mount()], &["openclaw", "gateway"]);

    assert_eq!(ran.code, Some(1));
    for part in [
        "cannot write `/home/node/.openclaw/",
        "it belongs to uid 1234 and we are uid 1000",
        "Permission denied",
        "PUID=1234",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn puid_and_pgid_make_that_user_the_owner_and_run_as_it() {
    let state = State::with_config(18789);
    state.give_to(0);
    let theirs = state.path().join("workspace/theirs.txt");
    fs::write(&theirs, "x").unwrap();
    let mount = state.mount();
    let options = ["-v", &mount, "--user", "root", "-e", "PUID=1234", "-e", "PGID=2345"];
    let container = Container::start(&options, &["openclaw", "gateway"]);
    container.until_ready();

    let status =
        container.exec(&["sh", "-c", "grep -E '^(Uid|Gid|Groups)' /proc/$(pidof openclaw)/status"]);

    let expected = "Uid:\t1234\t1234\t1234\t1234\nGid:\t2345\t2345\t2345\t2345\nGroups:\t";
    assert_eq!(status.answer().trim_end(), expected.trim_end());
    let owner = |path| {
        let meta = fs::metadata(path).unwrap();
        (meta.uid(), meta.gid())
    };
    assert_eq!(owner(state.config()), (1234, 2345));
    assert_eq!(owner(theirs), (0, 0), "a person's own files keep their owner");
}

#[test]
fn puid_without_root_changes_nothing() {
    let ran = run_once(&["-e", "PUID=1234"], &["id", "-u"]);

    assert_eq!(ran.answer(), "1000");
}
