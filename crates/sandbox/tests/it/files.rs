//! Files on the host, through the sandbox's door.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sandbox::{FileKind, SandboxError, Stat, host::Confinement};
use tokio::fs;

use crate::Place;

const BYTES_MAX: u64 = 1 << 20;

#[tokio::test]
async fn a_file_reads_back_under_each_of_its_names() {
    let place = Place::open(Confinement::None).await;
    let absolute = place.path("workspace/deep/er/note.txt");

    place.sandbox.write("deep/er/note.txt", b"hello").await.unwrap();
    place.sandbox.write("~/note.txt", b"home").await.unwrap();

    for name in ["deep/er/note.txt", absolute.to_str().unwrap(), "deep/../deep/er/note.txt"] {
        assert_eq!(place.sandbox.read(name, BYTES_MAX).await.unwrap(), b"hello", "{name}");
    }
    assert_eq!(fs::read(place.path("home/note.txt")).await.unwrap(), b"home");
}

#[tokio::test]
async fn a_write_keeps_the_mode_and_leaves_nothing_beside_the_file() {
    let place = Place::open(Confinement::None).await;
    let script = place.path("workspace/run.sh");
    fs::write(&script, "old").await.unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o750)).await.unwrap();

    place.sandbox.write("run.sh", b"new").await.unwrap();

    assert_eq!(fs::read(&script).await.unwrap(), b"new");
    assert_eq!(fs::metadata(&script).await.unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!(std::fs::read_dir(place.path("workspace")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_write_goes_where_a_link_leads_and_a_removal_takes_the_link() {
    let place = Place::open(Confinement::None).await;
    symlink("../home/target", place.path("workspace/link")).unwrap();

    place.sandbox.write("link", b"first").await.unwrap();
    place.sandbox.write("link", b"second").await.unwrap();
    assert!(fs::symlink_metadata(place.path("workspace/link")).await.unwrap().is_symlink());
    place.sandbox.remove("link").await.unwrap();

    assert_eq!(fs::read(place.path("home/target")).await.unwrap(), b"second");
    assert_eq!(place.sandbox.stat("link").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_file_is_neither_read_nor_replaced() {
    let place = Place::open(Confinement::None).await;
    mknodat(CWD, place.path("workspace/fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();

    for path in ["/dev/zero", "/dev/tty", "fifo", "."] {
        let read = place.sandbox.read(path, BYTES_MAX).await;
        assert!(matches!(read, Err(SandboxError::File { verb: "read", .. })), "{path}: {read:?}");
    }
    for path in ["fifo", "."] {
        let written = place.sandbox.write(path, b"x").await;
        assert!(matches!(written, Err(SandboxError::File { verb: "write", .. })), "{path}");
    }
    assert_eq!(place.sandbox.stat("fifo").await.unwrap().unwrap().kind, FileKind::Other);
}

#[tokio::test]
async fn the_limit_holds_for_files_that_say_their_size_and_for_those_that_do_not() {
    let place = Place::open(Confinement::None).await;
    place.sandbox.write("ten", b"0123456789").await.unwrap();

    assert_eq!(place.sandbox.read("ten", 10).await.unwrap().len(), 10);
    for path in ["ten", "/proc/self/status"] {
        let read = place.sandbox.read(path, 9).await;
        assert!(
            matches!(read, Err(SandboxError::TooLarge { bytes: 10, bytes_max: 9, .. })),
            "{read:?}"
        );
    }
    assert!(!place.sandbox.read("/proc/self/status", BYTES_MAX).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_missing_is_said_to_be_missing() {
    let place = Place::open(Confinement::None).await;
    place.sandbox.write("file", b"x").await.unwrap();

    assert_eq!(place.sandbox.stat("nothing").await.unwrap(), None);
    assert_eq!(place.sandbox.stat("file/below").await.unwrap(), None);
    let file = Stat { kind: FileKind::File, bytes: 1 };
    assert_eq!(place.sandbox.stat("file").await.unwrap(), Some(file));
    let read = place.sandbox.read("nothing", 1).await;
    assert!(matches!(read, Err(SandboxError::NotFound { path }) if path == "nothing"));
    let removed = place.sandbox.remove("nothing").await;
    assert!(matches!(removed, Err(SandboxError::NotFound { .. })));
}

#[tokio::test]
async fn a_confined_sandbox_works_inside_its_workspace() {
    let place = Place::open(Confinement::Workspace).await;
    let absolute = place.path("workspace/new/dir/file");
    symlink("new/dir", place.path("workspace/short")).unwrap();

    place.sandbox.write(absolute.to_str().unwrap(), b"1").await.unwrap();
    place.sandbox.write("short/file", b"22").await.unwrap();

    assert_eq!(place.sandbox.read("new/../new/dir/file", BYTES_MAX).await.unwrap(), b"22");
    place.sandbox.remove("short/file").await.unwrap();
    assert_eq!(place.sandbox.stat("new/dir/file").await.unwrap(), None);
    assert_eq!(place.sandbox.stat(".").await.unwrap().unwrap().kind, FileKind::Directory);
}

#[tokio::test]
async fn a_confined_sandbox_refuses_every_way_out() {
    let place = Place::open(Confinement::Workspace).await;
    let secret = place.path("home/secret");
    fs::write(&secret, "secret").await.unwrap();
    let link = |target: &str, name: &str| symlink(target, place.path(name)).unwrap();
    link("../home/secret", "workspace/relative");
    link(secret.to_str().unwrap(), "workspace/absolute");
    link("../home", "workspace/home");
    link("../home/fresh", "workspace/dangling");

    let paths = [
        "relative",
        "absolute",
        "home/secret",
        "dangling",
        "~/secret",
        "../home/secret",
        "~/fresh",
        "home/fresh/deep",
        "/etc/hostname",
        secret.to_str().unwrap(),
    ];
    for path in paths {
        let outcomes = [
            place.sandbox.read(path, BYTES_MAX).await.err(),
            place.sandbox.write(path, b"x").await.err(),
            place.sandbox.stat(path).await.err(),
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Some(SandboxError::Escape { .. })), "{path}: {outcome:?}");
        }
    }
    for path in ["home/secret", "~/secret", "../home/secret"] {
        let removed = place.sandbox.remove(path).await;
        assert!(matches!(removed, Err(SandboxError::Escape { .. })), "{path}: {removed:?}");
    }

    assert_eq!(fs::read(&secret).await.unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(place.path("home")).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_write_of_a_confined_sandbox_lands_outside(
        parts in prop::collection::vec(
            prop::sample::select(vec!["..", ".", "a", "b", "out", "abs", "~", ""]), 1..6),
        is_absolute in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::open(Confinement::Workspace).await;
            symlink("..", place.path("workspace/out")).unwrap();
            symlink(place.path("home"), place.path("workspace/abs")).unwrap();
            let mut path = parts.join("/");
            if is_absolute {
                path = place.path("workspace").join(path.trim_start_matches('/')).display().to_string();
            }

            let _may_fail = place.sandbox.write(&path, b"x").await;

            let names = std::fs::read_dir(place.dir.path()).unwrap().count();
            let at_home = std::fs::read_dir(place.path("home")).unwrap().count();
            assert_eq!((names, at_home), (2, 0), "{path}");
        });
    }
}
