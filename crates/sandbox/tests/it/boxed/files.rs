//! Files through the servant.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use bytes::Bytes;
use sandbox::{FileKind, Sandbox, SandboxError, Stat};

use super::Boxed;

#[tokio::test]
async fn a_mebibyte_comes_back_as_it_was_written() {
    let boxed = Boxed::open().await;
    let bytes: Vec<u8> = (0..1 << 20).map(|number: u32| number.to_le_bytes()[1]).collect();

    boxed.sandbox.write("new/place/file", &bytes).await.unwrap();

    let read = boxed.sandbox.read(&boxed.path("new/place/file"), 1 << 20).await.unwrap();
    assert!(read == bytes);
    let names = boxed.link().list(&boxed.path("new/place"), 10).await.unwrap();
    assert_eq!(names.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>(), [b"file"]);
}

#[tokio::test]
async fn a_rewritten_file_keeps_its_permissions_and_its_links() {
    let boxed = Boxed::open().await;
    boxed.sandbox.write("script", b"old").await.unwrap();
    let file = boxed.dir.path().join("script");
    tokio::fs::set_permissions(&file, PermissionsExt::from_mode(0o751)).await.unwrap();
    symlink("script", boxed.dir.path().join("link")).unwrap();

    boxed.sandbox.write("link", b"new").await.unwrap();

    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o751);
    assert_eq!(tokio::fs::read(&file).await.unwrap(), b"new");
    assert!(boxed.dir.path().join("link").is_symlink());
}

#[tokio::test]
async fn a_file_larger_than_asked_for_is_refused_whether_it_says_so_or_not() {
    let boxed = Boxed::open().await;
    boxed.sandbox.write("file", b"12345").await.unwrap();

    let honest = boxed.sandbox.read("file", 4).await.unwrap_err();
    let silent = boxed.sandbox.read("/proc/cpuinfo", 10).await.unwrap_err();

    assert!(matches!(honest, SandboxError::TooLarge { bytes: 5, bytes_max: 4, .. }), "{honest}");
    assert!(matches!(silent, SandboxError::TooLarge { bytes_max: 10, .. }), "{silent}");
    assert_eq!(boxed.sandbox.read("file", 5).await.unwrap(), b"12345");
    assert_eq!(boxed.link().read_part(&boxed.path("file"), 1, 3).await.unwrap(), b"234");
    assert_eq!(boxed.link().read_part(&boxed.path("file"), 9, 3).await.unwrap(), b"");
}

#[tokio::test]
async fn special_files_are_refused_and_hang_nobody() {
    let boxed = Boxed::open().await;
    assert_eq!(boxed.run("mkfifo pipe; mkdir dir").await.1, "");
    let fifo = boxed.dir.path().join("pipe");
    assert!(fifo.metadata().unwrap().file_type().is_fifo());

    for path in ["pipe", "dir", "/dev/zero", "/dev/tty", "/proc/self"] {
        let read = boxed.sandbox.read(path, 100).await.unwrap_err();
        let written = boxed.sandbox.write(path, b"x").await.unwrap_err();

        for (error, verb) in [(read, "read"), (written, "write")] {
            let SandboxError::File { verb: said, source, .. } = error else { panic!("{error}") };
            assert_eq!((said, source.to_string().as_str()), (verb, "not a regular file"), "{path}");
        }
    }
    assert_eq!(
        boxed.sandbox.stat("pipe").await.unwrap(),
        Some(Stat { kind: FileKind::Other, bytes: 0 })
    );
}

#[tokio::test]
async fn what_is_missing_is_told_by_its_path() {
    let boxed = Boxed::open().await;

    let read = boxed.sandbox.read("none", 100).await.unwrap_err();
    let removed = boxed.sandbox.remove("~/none").await.unwrap_err();

    assert_eq!(read.to_string(), "no such file: `none`");
    assert_eq!(removed.to_string(), "no such file: `~/none`");
    assert_eq!(boxed.sandbox.stat("none").await.unwrap(), None);
}

#[tokio::test]
async fn files_are_removed_renamed_and_resolved() {
    let boxed = Boxed::open().await;
    boxed.sandbox.write("a", b"text").await.unwrap();
    symlink("a", boxed.dir.path().join("link")).unwrap();
    let real = boxed.dir.path().canonicalize().unwrap().join("a");

    let resolved = boxed.link().real_path(&boxed.path("link")).await.unwrap();
    boxed.link().rename(&boxed.path("a"), &boxed.path("below/b")).await.unwrap();
    boxed.sandbox.remove("link").await.unwrap();

    assert_eq!(resolved, real.to_str().unwrap().as_bytes());
    assert_eq!(boxed.sandbox.read("below/b", 10).await.unwrap(), b"text");
    assert_eq!(boxed.sandbox.stat("link").await.unwrap(), None);
    assert_eq!(boxed.sandbox.stat("below").await.unwrap().unwrap().kind, FileKind::Directory);
}

#[tokio::test]
async fn a_place_that_takes_no_files_says_so() {
    let boxed = Boxed::open().await;

    let refused = boxed.link().write("/proc/none", Bytes::from_static(b"x")).await.unwrap_err();
    let relative = boxed.link().write("none", Bytes::from_static(b"x")).await.unwrap_err();

    assert_eq!(refused.to_string(), "no such file");
    assert_eq!(relative.to_string(), "invalid request");
}

#[tokio::test]
async fn many_files_and_commands_share_the_link() {
    let boxed = Boxed::open().await;
    let bytes = vec![7; 300_000];

    let writes = (0..20).map(|number| {
        let (boxed, bytes) = (&boxed, &bytes);
        async move {
            let name = format!("file{number}");
            boxed.sandbox.write(&name, bytes).await.unwrap();
            let (out, _, _) = boxed.run(&format!("wc -c <{name}")).await;
            (out.trim().to_owned(), boxed.sandbox.read(&name, 300_000).await.unwrap().len())
        }
    });

    for outcome in futures_util::future::join_all(writes).await {
        assert_eq!(outcome, ("300000".to_owned(), 300_000));
    }
}
